#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Go: a program is compiled without network, and the result is static.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_go_here() {
        assert_absent go gofmt libgo
}

test_installed_and_listed() {
        assert_life go:1.22 1.22.12
}

test_passes_its_test() {
        passes_its_test 'go version go1\.22\.12 linux/amd64' 'compiled and run by Go'
}

test_go_build() {
        assert_match "$(example go-1.22/main.go)" '^78498 primes up to 1000000, by [0-9]+ workers$'
}

test_what_was_built_runs_without_the_runtime() {
        rnx run --runtime=go-1.22 --upload=go.mod --upload=main.go --download=primes go build -o primes .
        assert_match "$(as_user alice ./primes 100)" '^25 primes up to 100,'
        assert_exit 0 as_user alice sh -c '/lib64/ld-linux-x86-64.so.2 --list ./primes || echo static'
        assert_match "$output" 'static$'
}

test_go_tools() {
        as_user alice tee main_test.go >/dev/null <<'END'
package main

import "testing"

func TestIsPrime(t *testing.T) {
	for n, want := range map[int]bool{0: false, 1: false, 2: true, 9: false, 97: true} {
		if isPrime(n) != want {
			t.Errorf("isPrime(%d) is not %v", n, want)
		}
	}
}
END
        assert_match "$(in_job --upload=go.mod --upload=main.go --upload=main_test.go 'go vet . && gofmt -l . && go test .')" '^ok[[:space:]]+example\.org/primes'
        assert_eq "$(in_job go env GOTOOLCHAIN CGO_ENABLED)" $'local\n0'
}

test_output_survives_a_timeout() {
        as_user alice tee epoch.go <<<'package main; import ("fmt"; "time"); func main() { fmt.Print("epoch 1"); time.Sleep(time.Hour) }' >/dev/null
        assert_prints_at_once --upload=epoch.go go run epoch.go
}

test_lines_of_the_guide_of_runtimes() {
        assert_guide_works
}

test_no_program_of_the_host_breaks() {
        assert_host_programs_work
}

test_removed() {
        assert_removed go:1.22
}

run_tests "$@"
