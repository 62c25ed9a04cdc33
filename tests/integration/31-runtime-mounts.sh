#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Mounts of a runtime that are easily got wrong.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

store=/opt/joblet/runtimes

setup() {
        in_machine sh -c "rm -rf $store/m && mkdir -p $store/m/m-one/lib/a $store/m/m-one/lib/b && cd $store/m/m-one && echo A >lib/a/x && echo B >lib/b/x && echo top >top"
}

# manifest LINE...: runtime.yml with these mounts
manifest() {
        { printf 'name: m-one\nversion: "1"\nmounts:\n'; printf '  %s\n' "$@"; } | put $store/m/m-one/runtime.yml
}

test_the_runtime_itself_as_source() {
        manifest '- source: "."' '  target: /usr/local/one'
        assert_eq "$(rnx run --runtime=m-one cat /usr/local/one/top /usr/local/one/lib/a/x)" $'top\nA'
        manifest '- source: "./"' '  target: /usr/local/one' '  selective: [top, lib]'
        assert_eq "$(rnx run --runtime=m-one sh -c 'cat /usr/local/one/top; ls /usr/local/one')" $'top\nlib\ntop'
}

test_single_node_modules() {
        manifest '- source: lib/a' '  target: /node_modules/a' '- source: lib/b' '  target: /node_modules/b'
        assert_eq "$(rnx run --runtime=m-one sh -c 'ls /node_modules; cat /node_modules/*/x')" $'a\nb\nA\nB'
        manifest '- source: lib' '  target: /node_modules'
        assert_eq "$(rnx run --runtime=m-one sh -c 'cat /node_modules/*/x')" $'A\nB'
}

# however many there are: they are walked once, and kept
test_sizes_are_known() {
        manifest '- source: lib' '  target: /usr/local/lib'
        in_machine sh -c 'head -c 2097152 /dev/zero >/opt/joblet/runtimes/m/m-one/lib/big; touch /opt/joblet/runtimes/m/m-one/runtime.yml'
        assert_match "$(rnx runtime list)" 'm:one +1 +system +2\.0MB'
}

teardown() {
        in_machine rm -rf $store/m
}

run_tests "$@"
