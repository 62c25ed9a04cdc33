#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the other tests of limits rely on: a kernel that enforces them.
. "$(dirname "$0")/../harness/assert.sh"

test_controllers() {
        local controller

        for controller in cpuset cpu io memory pids; do
                assert_match " $(cat /sys/fs/cgroup/cgroup.controllers) " " $controller "
        done
}

test_out_of_memory_is_seen() {
        assert_exit 1 systemd-run -q --wait --unit=hog -p MemoryMax=32M -p MemorySwapMax=0 -p RemainAfterExit=no \
                python3 -c 'bytearray(100 << 20)'
        assert_eq "$(systemctl show -P Result hog)" oom-kill
        systemctl reset-failed hog
}

test_state_is_on_a_disk_of_its_own() {
        assert_match "$(findmnt -n -o SOURCE /var/lib/joblet)" '^/dev/vd'
}

run_tests "$@"
