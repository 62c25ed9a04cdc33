#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a limit does to a job, where the kernel enforces it, and what the job's user is told.
. "$(dirname "$0")/../harness/assert.sh"

rnx() {
        as_user alice rnx "$@"
}

# value ID KEY: of the record in JSON, without quotes
value() {
        in_machine rnx status --json "$1" | sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

last_job() {
        rnx list --no-legend --limit=1 | cut -d' ' -f1
}

cgroup_file() {
        in_machine cat "/sys/fs/cgroup/joblet.slice/joblet-u1000.slice/joblet-job-$1.service/$2"
}

teardown() {
        in_machine sh -c "systemctl stop 'joblet-job-*.service' 2>/dev/null" || :
}

test_memory_hog_is_killed_and_told_why() {
        local id

        assert_exit 137 rnx run --max-memory=64 python3 -c 'b = bytearray(300 << 20); print("survived")'
        assert_match "$output" '^rnx: job [0-9]+ was killed by its memory limit of 64\.0MB; raise --max-memory if it needs more$'
        id=$(last_job)
        assert_eq "$(value "$id" state)" FAILED
        assert_eq "$(value "$id" result)" oom
        [ "$(value "$id" memory_peak)" -le $((64 << 20)) ]
        [ "$(value "$id" memory_peak)" -ge $((48 << 20)) ]
        assert_match "$(rnx status "$id")" 'Memory: peak 6[0-9]\.[0-9]MB of 64\.0MB'
}

test_memory_hog_among_others_ends_the_job() {
        local id

        id=$(rnx run --detach --max-memory=64 sh -c 'python3 -c "bytearray(300 << 20)"; sleep 300')
        assert_exit 137 rnx wait "$id"
        assert_eq "$(value "$id" result)" oom
        assert_eq "$(in_machine systemctl list-units --no-legend --plain --state=active,activating 'joblet-job-*')" ''
}

# What a job that runs out of memory had written is fetched.
test_what_a_memory_hog_left_is_fetched() {
        as_user alice rm -f checkpoint
        assert_exit 137 rnx run --max-memory=64 --download=checkpoint \
                sh -c 'echo epoch 3 >checkpoint; exec python3 -c "bytearray(300 << 20)"'
        assert_match "$output" '^rnx: job [0-9]+ was killed by its memory limit of 64\.0MB'
        assert_eq "$(as_user alice cat checkpoint)" 'epoch 3'
}

test_memory_below_the_limit() {
        local id peak

        assert_eq "$(rnx run --max-memory=256M python3 -c 'b = bytearray(60 << 20); print(len(b))')" $((60 << 20))
        id=$(last_job)
        peak=$(value "$id" memory_peak)
        [ "$peak" -ge $((60 << 20)) ] && [ "$peak" -le $((160 << 20)) ] || fail "peak of $peak"
        # it ended well, and a job without any limit has figures as well
        assert_eq "$(value "$id" state)" COMPLETED
        rnx run true
        [ "$(value "$(last_job)" memory_peak)" -gt 100000 ]
}

test_cpu_quota_throttles() {
        local id

        id=$(rnx run --detach --max-cpu=20 sh -c 'while :; do :; done')
        is_throttled() {
                [ "$(cgroup_file "$id" cpu.stat | sed -n 's/^nr_throttled //p')" -ge 5 ]
        }
        wait_until 60 is_throttled
        assert_eq "$(cgroup_file "$id" cpu.max)" '20000 100000'
        rnx stop "$id"
        assert_exit 143 rnx wait "$id"
        assert_match "$(rnx status "$id")" 'CPU limit: 20% of one core'
}

# Programs that ask their control group how much they may use (the JVM, Go, joblib, libuv) find it at the top of the tree.
test_limits_are_visible() {
        assert_eq "$(rnx run --max-cpu=150 --max-memory=256 --cpu-cores=1 'cd /sys/fs/cgroup && cat cpu.max memory.max cpuset.cpus.effective')" \
                  $'150000 100000\n268435456\n1'
        # shellcheck disable=SC2016
        assert_eq "$(rnx run --max-cpu=150 'cat "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/cpu.max"')" '150000 100000'
        assert_eq "$(rnx run cat /sys/fs/cgroup/memory.max)" max
}

test_cpu_pinning_holds() {
        # shellcheck disable=SC2016
        assert_eq "$(rnx run --cpu-cores=1 sh -c 'grep Cpus_allowed_list /proc/self/status; nproc; taskset -c 0 nproc 2>/dev/null || echo refused' | tr '\t' ' ')" \
                  $'Cpus_allowed_list: 1\n1\nrefused'
        assert_eq "$(rnx run --cpu-cores=0-1 nproc)" 2
        assert_exit 125 rnx run --cpu-cores=0,63 true
        assert_match "$output" '^rnx: --cpu-cores: 0,63 names a CPU that this host does not have'
}

test_timeout_ends_the_job() {
        assert_exit 124 rnx run --timeout=2s sh -c 'sleep 300 & sleep 300'
        assert_match "$output" '^rnx: job [0-9]+ was stopped at its time limit of 2s'
        assert_eq "$(value "$(last_job)" state)" TIMEOUT
        assert_eq "$(in_machine systemctl list-units --no-legend --plain --state=active,activating 'joblet-job-*')" ''
}

test_figures_of_cpu_and_time() {
        local id cpu

        rnx run python3 -c 'import time
t = time.process_time()
while time.process_time() - t < 1: pass'
        id=$(last_job)
        cpu=$(value "$id" cpu_usage_nsec)
        [ "$cpu" -ge 1000000000 ] && [ "$cpu" -le 20000000000 ] || fail "CPU time of $cpu ns"
}

test_runtime_that_needs_more_memory() {
        printf '%s\n' 'name: large-1' 'type: system' 'version: "1"' 'requirements:' '  min_memory: "64GB"' |
                put /opt/joblet/runtimes/large/large-1/runtime.yml
        assert_exit 125 rnx run --runtime=large-1 true
        assert_match "$output" '^rnx: runtime large:1 needs at least 64\.0GB of memory, this host has [0-9.]+[GM]B$'
        printf '%s\n' 'name: large-1' 'type: system' 'version: "1"' 'requirements:' '  min_memory: "256MB"' |
                put /opt/joblet/runtimes/large/large-1/runtime.yml
        assert_exit 125 rnx run --runtime=large-1 --max-memory=128 true
        assert_match "$output" 'needs at least 256\.0MB of memory, --max-memory allows 128\.0MB; raise it$'
        assert_exit 0 rnx run --runtime=large-1 --max-memory=256 true
}

test_memory_hog_is_told_what_its_runtime_recommends() {
        printf '%s\n' 'name: modest-1' 'version: "1"' 'requirements:' '  recommended_memory: "1GB"' |
                put /opt/joblet/runtimes/modest/modest-1/runtime.yml
        assert_exit 137 rnx run --runtime=modest-1 --max-memory=64 python3 -c 'b = bytearray(300 << 20)'
        assert_match "$output" 'was killed by its memory limit of 64\.0MB; raise --max-memory, modest:1 recommends 1\.0GB$'
}

run_tests "$@"
