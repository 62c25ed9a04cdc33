// SPDX-License-Identifier: LGPL-2.1-or-later
package main

import "testing"

func TestAnswer(t *testing.T) {
	if got := answer(); got != "42" {
		t.Fatal(got)
	}
}
