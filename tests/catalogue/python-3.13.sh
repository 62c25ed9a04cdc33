#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Python 3.13 with pip and venv, in a root of its own.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_python_here() {
        assert_absent python3 python pip libpython3
}

test_installed_and_listed() {
        assert_life python:3.13 3.13
}

test_passes_its_test() {
        passes_its_test 'Python 3\.13\.'
}

test_hashes_with_threads() {
        assert_match "$(example python-3.13/checksums.py)" '^32 [0-9a-f]{64}$'
}

test_virtual_environment_and_pip() {
        local said

        said=$(in_job sh -ec 'python -m venv mine && . mine/bin/activate && pip list && python -c "import sys; print(sys.prefix)"' 2>&1)
        assert_match "$said" $'\npip +[0-9]'
        assert_match "$said" $'\n/work/mine$'
        assert_match "$(in_job pip --version)" 'python 3\.13'
}

test_standard_library() {
        assert_eq "$(in_job python -c '
import asyncio, bz2, ctypes, curses, dbm.gnu, hashlib, lzma, readline, sqlite3, ssl, uuid, zlib, zoneinfo
ctypes.CDLL("libc.so.6")
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 100
print(asyncio.run(asyncio.sleep(0, "all there")))')" 'all there'
}

test_it_sees_nothing_of_the_host() {
        assert_sees_nothing_of_the_host
}

test_unzipped() {
        assert_unzipped python -c 'import sys; print(sys.version_info[:2])'
        assert_eq "$output" '(3, 13)'
}

test_output_survives_a_timeout() {
        assert_prints_at_once python -c 'import time; print("epoch 1"); time.sleep(600)'
}

test_removed() {
        assert_removed python:3.13
}

run_tests "$@"
