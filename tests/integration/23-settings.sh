#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# What the administrator sets, and what a user chooses instead.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        in_machine systemctl start joblet.service
        put /etc/polkit-1/rules.d/10-network.rules <<'END_OF_RULE'
polkit.addRule(function(action, subject) {
        if (action.id == "org.joblet.use-host-network" && subject.user == "alice")
                return polkit.Result.YES;
});
END_OF_RULE
}

teardown() {
        stop_all
        in_machine rm -f /etc/joblet/jobletd.conf.d/test.conf
        in_machine systemctl reload joblet.service
}

# reload LINE...: as configure, but without a restart
reload() {
        printf '%s\n' "$@" | put /etc/joblet/jobletd.conf.d/test.conf
        in_machine systemctl reload joblet.service
}

network_of() {
        local ns

        ns=$(rnx run "$@" readlink /proc/self/ns/net)
        [ "$ns" = "$(in_machine readlink /proc/1/ns/net)" ] && echo host || echo none
}

# Security: who asks for no network never gets the host's.
test_network_that_is_given() {
        reload '[Job]' 'DefaultNetwork=host'
        assert_eq "$(network_of)" host
        assert_eq "$(network_of --network=none)" none
        assert_eq "$(network_of --network=host)" host
        assert_match "$(rnx run --network=none --dry-run true)" 'PrivateNetwork=yes'
        # bob may not use the host's network, and so has to choose
        assert_exit 125 as_user bob rnx --no-ask-password run true
        assert_exit 0 as_user bob rnx run --network=none true
        reload '[Job]' 'DefaultNetwork=none'
        assert_eq "$(network_of)" none
}

test_default_timeout() {
        local id

        reload '[Job]' 'DefaultTimeout=2s'
        assert_exit 124 rnx run sleep 60
        assert_match "$(rnx status "$(rnx list --limit 1 --no-legend | cut -d' ' -f1)")" 'Timeout: 2s'
        assert_exit 0 rnx run --timeout=infinity sleep 3
        assert_exit 0 rnx run --timeout=1min sleep 3
        # what runs keeps what it has
        id=$(detached alice --timeout=infinity sleep 300)
        reload '[Job]'
        assert_eq "$(unit_property "joblet-job-$id" RuntimeMaxUSec)" infinity
        id=$(detached alice sleep 300)
        assert_eq "$(unit_property "joblet-job-$id" RuntimeMaxUSec)" infinity
}

test_default_limits() {
        local id

        reload '[Job]' 'AcceptUnenforcedLimits=yes' 'DefaultMaxMemory=512' 'DefaultMaxCPU=150' 'DefaultMaxTasks=99' 'ShmSize=8M'
        id=$(detached alice sleep 300)
        assert_eq "$(unit_property "joblet-job-$id" MemoryMax)" $((512 << 20))
        assert_match "$(unit_property "joblet-job-$id" CPUQuotaPerSecUSec)" '^1\.50*s$'
        assert_eq "$(unit_property "joblet-job-$id" TasksMax)" 99
        assert_eq "$(rnx run stat -f -c '%b*%S' /dev/shm | sed 's/.*/echo $((&))/' | sh)" $((8 << 20))
        assert_match "$(rnx status "$id")" 'limit 512'
        id=$(detached alice --max-memory=infinity --max-cpu=infinity sleep 300)
        assert_eq "$(unit_property "joblet-job-$id" MemoryMax)" infinity
        assert_eq "$(unit_property "joblet-job-$id" CPUQuotaPerSecUSec)" infinity
        id=$(detached alice --max-memory=1G sleep 300)
        assert_eq "$(unit_property "joblet-job-$id" MemoryMax)" $((1 << 30))
}

# Ceilings without any setting, and what an administrator sets for units with the means of systemd.
test_ceilings() {
        local id

        reload '[Job]'
        id=$(detached alice sleep 300)
        assert_eq "$(unit_property "joblet-job-$id" TasksMax)" 4096
        assert_eq "$(rnx run stat -f -c '%b*%S' /dev/shm | sed 's/.*/echo $((&))/' | sh)" $((1 << 30))
        assert_no_match "$(rnx run stat -f -c %T /tmp)" tmpfs
        assert_match "$(in_machine systemctl show -P DropInPaths joblet-u1000.slice)" '/joblet-.slice.d/10-defaults.conf'
        printf '[Service]\nNice=7\n' | put /etc/systemd/system/joblet-job-.service.d/test.conf
        printf '[Slice]\nCPUWeight=77\n' | put /etc/systemd/system/joblet-.slice.d/test.conf
        in_machine systemctl daemon-reload
        assert_eq "$(rnx run nice)" 7
        assert_eq "$(unit_property joblet-u1000.slice CPUWeight)" 77
        in_machine rm -r /etc/systemd/system/joblet-job-.service.d /etc/systemd/system/joblet-.slice.d
        in_machine systemctl daemon-reload
}

test_reload_tells_what_is_wrong() {
        reload '[Jobs]' 'DefaultNetwork=host' '[Job]' 'Nonsense=1' 'StopTimeoutSec=3s'
        output=$(in_machine journalctl -q -o cat -u joblet.service -n 20)
        assert_match "$output" '/etc/joblet/jobletd.conf.d/test.conf:1: unknown section \[Jobs\], ignoring all that is in it'
        assert_match "$output" '/etc/joblet/jobletd.conf.d/test.conf:4: unknown setting Nonsense=, ignoring'
        assert_eq "$(network_of)" none
        assert_eq "$(in_machine systemctl is-active joblet.service)" active
        assert_eq "$(unit_property "joblet-job-$(detached alice sleep 300)" TimeoutStopUSec)" 3s
}

# What ordinary programs do not need is closed, and a debugger's way stays open.
test_system_calls() {
        put /tmp/calls.py <<'END_OF_PROGRAM'
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, number in ("io_uring_setup", 425), ("add_key", 248), ("keyctl", 250), ("process_vm_readv", 310), ("userfaultfd", 323), ("kcmp", 312):
    r = libc.syscall(number, 0, 0, 0, 0, 0, 0)
    print(name, r, errno.errorcode.get(ctypes.get_errno()))
END_OF_PROGRAM
        [ "$(uname -m)" = x86_64 ] || return 0
        output=$(as_user alice rnx run --upload /tmp/calls.py python3 calls.py)
        assert_eq "$(grep -c ' -1 EPERM$' <<<"$output")" 6
}

run_tests "$@"
