#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Jobs that take all they can get, and a clock that jumps: the others go on, the job can be ended, its record is true.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/../integration/lib.sh"

uptime_sec() {
        sed 's/\..*//' /proc/uptime
}

# set_clock SECONDS: so much later than it says
set_clock() {
        in_machine date -s "@$(($(date +%s) + $1))"
}

teardown() {
        stop_all
        [ ! -e /tmp/boot ] || in_machine date -s "@$(($(cat /tmp/boot) + $(uptime_sec)))"
        rm -f /tmp/boot
}

# others_work: what bob does meanwhile, and that the attacker's own job can be stopped
others_work() {
        assert_exit 0 as_user bob timeout 100 rnx run true
        assert_exit 0 rnx list
        rnx stop "$1"
        wait_until 60 job_is "$1" STOPPED
        assert_eq "$(in_machine systemctl list-units --no-legend --plain --all "joblet-job-$1.service")" ''
        assert_eq "$(unit_property joblet.service NRestarts)" 0
}

test_fork_bomb() {
        local id

        id=$(detached alice sh -c 'bomb() { bomb | bomb & }; bomb; sleep 300')
        has_many() {
                [ "$(in_machine cat "/sys/fs/cgroup/joblet.slice/joblet-u1000.slice/joblet-job-$id.service/pids.current")" -gt 200 ]
        }
        wait_until 100 has_many
        others_work "$id"
}

write_files() {
        rnx run --max-memory=48 python3 -c "
with open('$1/x', 'wb') as f:
    for i in range(200): f.write(bytes(1 << 20))
print('survived')"
}

# What is in /dev/shm is memory. /tmp is on a disk: what is written there makes room by itself.
test_memory_in_files_counts() {
        assert_exit 137 write_files /dev/shm
        assert_match "$output" 'was killed by its memory limit of 48'
        assert_exit 0 write_files /tmp
        assert_match "$output" survived
}

test_output_without_end() {
        local id

        id=$(detached alice yes 'a line that says nothing, again and again')
        wait_until 60 in_log "$id" 'a line that says nothing'
        others_work "$id"
}

test_inodes_without_end() {
        local id

        id=$(detached alice python3 -c '
n = 0
while True:
    try:
        open(f"/tmp/{n}", "w").close(); n += 1
        if n == 20000: open("many", "w")
    except OSError:
        open("many", "w"); break
import time; time.sleep(300)')
        wait_until 200 in_machine test -e "/var/lib/joblet/work/$id/many"
        others_work "$id"
}

# A time limit is time that passes, and a job never ends before it began.
test_clock_that_jumps() {
        local forward back record

        echo $(($(date +%s) - $(uptime_sec))) >/tmp/boot
        forward=$(detached alice --timeout=100 sh -c 'until [ -e go ]; do sleep 0.1; done; exit 6')
        set_clock 100000
        assert_record "$forward" state RUNNING
        back=$(detached alice --timeout=4 sleep 300)
        set_clock -300000
        assert_match "$(rnx list)" "$back .*RUNNING"
        assert_exit 0 rnx status "$back"
        assert_no_match "$output" '-[0-9]+(s|min|h|d)|[0-9]{6,}(s|min|h|d)'
        assert_exit 124 rnx wait "$back"
        assert_record "$forward" state RUNNING
        in_machine touch "/var/lib/joblet/work/$forward/go"
        assert_exit 6 rnx wait "$forward"
        for id in "$forward" "$back"; do
                record=$(record_of "$id")
                [ "$(field "$record" finished_timestamp)" -ge "$(field "$record" started_timestamp)" ]
                [ "$(field "$record" finished_timestamp)" -le $(($(field "$record" started_timestamp) + 100 * 1000000)) ]
        done
        assert_record "$back" state TIMEOUT result timeout
        # new ones, and the log of what lies in the future
        assert_exit 3 rnx run sh -c 'echo hello; exit 3'
        assert_exit 0 rnx log "$(in_machine cat /run/joblet/last-id)"
        assert_match "$output" hello
        # records survive a daemon that begins in the past
        in_machine systemctl restart joblet.service
        assert_record "$forward" state FAILED exit_code 6
}

run_tests "$@"
