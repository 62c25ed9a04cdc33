#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Python 3.12 from its own source, for those who have it: SOURCE_OF_PYTHON_3_12=/path/of/Python-3.12.N.tar.xz.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_python_here() {
        assert_absent python3 python pip libpython3
}

test_installed_and_listed() {
        assert_life python:3.12 3.12
}

test_passes_its_test() {
        passes_its_test 'Python 3\.[0-9]+\.'
}

test_virtual_environment_and_pip() {
        local said

        said=$(in_job sh -ec 'python -m venv mine && . mine/bin/activate && pip list && python -c "import sys; print(sys.prefix)"' 2>&1)
        assert_match "$said" $'\npip +[0-9]'
        assert_match "$said" $'\n/work/mine$'
}

test_its_libraries_are_its_own() {
        assert_own_libraries "$(in_job python -c '
import asyncio, bz2, ctypes, curses, dbm.gnu, hashlib, lzma, readline, sqlite3, ssl, uuid, zlib, zoneinfo
print(open("/proc/self/maps").read())')"
}

test_no_program_of_the_host_breaks() {
        assert_host_programs_work
}

test_output_survives_a_timeout() {
        assert_prints_at_once python -c 'import time; print("epoch 1"); time.sleep(600)'
}

test_removed() {
        assert_removed python:3.12
}

run_tests "$@"
