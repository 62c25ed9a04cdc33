#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# What the daemon does when something that it needs is missing, and that nothing of what it has done stays with it.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

teardown() {
        stop_all
        in_machine sh -c 'rm -f /etc/systemd/system/joblet.service.d/test.conf && systemctl daemon-reload && systemctl restart joblet.service'
}

# A short run of the suite "soak"
test_nothing_stays_with_the_daemon() {
        put /root/soak.py <"$(dirname "$0")/../soak/soak.py"
        assert_exit 0 in_machine python3 /root/soak.py 150 ${JOBLET_TEST_SANITIZED:+--no-memory}
}

main_pid() {
        unit_property joblet.service MainPID
}

# The event loop of such a daemon turns, but no job can be started any more.
test_watchdog_sees_a_daemon_without_descriptors() {
        local id before

        in_machine sh -c 'mkdir -p /etc/systemd/system/joblet.service.d && printf "[Service]\nWatchdogSec=4s\n" >/etc/systemd/system/joblet.service.d/test.conf && systemctl daemon-reload && systemctl restart joblet.service'
        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'until [ -e go ]; do sleep 0.1; done; exit 6')
        before=$(main_pid)
        # shellcheck disable=SC2016
        in_machine sh -c 'prlimit --pid "$1" --nofile="$(ls "/proc/$1/fd" | wc -l)"' sh "$before"
        is_another_daemon() {
                [[ $(main_pid) != @(0|"$before") ]]
        }
        wait_until 60 is_another_daemon
        in_machine journalctl -q -u joblet.service _PID="$before" -o cat | grep -q 'cannot do its work: it has as many open files as it may'
        assert_exit 0 rnx run true
        in_machine touch "/var/lib/joblet/work/$id/go"
        assert_exit 6 rnx wait "$id"
}

run_tests "$@"
