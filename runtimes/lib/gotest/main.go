// SPDX-License-Identifier: LGPL-2.1-or-later
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
)

// answer asks a server of its own.
func answer() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, 6*7)
	}))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

func main() {
	fmt.Println("answer:", answer())
}
