#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# Much of everything: what the daemon holds must not grow with what it has done. JOBLET_TEST_JOBS says how many.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/../integration/lib.sh"

: "${JOBLET_TEST_JOBS:=5000}"
TEST_TIMEOUT=$((120 + JOBLET_TEST_JOBS))

test_thousands_of_jobs() {
        put /root/soak.py <"$(dirname "$0")/soak.py"
        assert_exit 0 in_machine python3 /root/soak.py "$JOBLET_TEST_JOBS"
}

run_tests "$@"
