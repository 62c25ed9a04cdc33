#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The output of jobs, afterwards and while they run: by rnx log and by journalctl.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

teardown() {
        stop_all
}

test_a_hundred_thousand_lines() {
        local id

        id=$(detached alice seq 100000)
        assert_exit 0 rnx wait "$id"
        rnx log "$id" | cmp - <(seq 100000)
        rnx log --tail=3 "$id" | cmp - <(seq 99998 100000)
        assert_eq "$(in_machine journalctl -q -o cat -u "joblet-job-$id" JOBLET_JOB_ID="$id" _TRANSPORT=stdout | wc -l)" 100000
}

# Whoever was attached finds the output in the log at once; of much output the last lines may take some seconds.
test_attached_output_is_in_the_log() {
        local id

        rnx run sh -c 'seq 20000; echo end >&2' >/dev/null 2>&1
        id=$(rnx list --limit 1 --no-legend | cut -d' ' -f1)
        rnx log --stdout "$id" | cmp - <(seq 20000)
        rnx run seq -f %0199.0f 30000 | cmp - <(seq -f %0199.0f 30000)
        id=$((id + 1))
        rnx log -f "$id" | cmp - <(seq -f %0199.0f 30000)
        assert_exit 3 rnx run sh -c 'echo before; exit 3'
        assert_eq "$(rnx log $((id + 1)))" before
}

test_streams_are_apart() {
        local id

        id=$(detached alice sh -c 'echo one; echo two >&2; echo three')
        rnx wait "$id"
        assert_eq "$(rnx log "$id" 2>/dev/null)" $'one\nthree'
        assert_eq "$(rnx log "$id" 2>&1 >/dev/null)" two
        assert_eq "$(rnx log --stdout "$id" 2>&1)" $'one\nthree'
        assert_eq "$(rnx log --stderr "$id" 2>/dev/null)" two
        assert_eq "$(rnx log --json "$id" | grep -c '"stream":"stderr"')" 1
}

# Everything that journald and its stream protocol treat in a special way. Blanks at the end of a line it does not keep.
test_lines_come_back_as_they_were() {
        local id

        put /tmp/odd-lines.py <<'END'
import sys
w = sys.stdout.buffer.write
w(b"\n\nafter two empty lines\n")
w(b"  leading blanks\n\ttab\n")
w(b"<3>no priority\n<6>\n")
w(b"carriage\rreturn\n")
w(b"\xff\xfe not utf-8 \x1b[31m escape\n")
w("umlaut ä and 𝄞\n".encode())
w(b"A=B\nMESSAGE=forged\n")
w(b"x" * 100000 + b"\n")
w(b"y" * 49152 + b"\n" + b"z" * 49151 + b"\n")
w(b"no newline at the end")
END
        in_machine chmod 755 /tmp/odd-lines.py
        id=$(as_user alice sh -c 'rnx run --detach --env "PROGRAM=$(cat /tmp/odd-lines.py)" sh -c "exec python3 -c \"\$PROGRAM\""')
        assert_exit 0 rnx wait "$id"
        in_machine python3 /tmp/odd-lines.py | od -An -c >"/tmp/odd-$$.expected"
        rnx log "$id" | od -An -c >"/tmp/odd-$$.got"
        diff "/tmp/odd-$$.expected" "/tmp/odd-$$.got"
        rm "/tmp/odd-$$".*
}

test_tail() {
        local id

        id=$(detached alice seq 20)
        rnx wait "$id"
        assert_eq "$(rnx log --tail=2 "$id")" $'19\n20'
        assert_eq "$(rnx log -n 0 "$id")" ''
        assert_eq "$(rnx log --tail 100 "$id" | wc -l)" 20
        assert_exit 1 rnx log --tail=some "$id"
        assert_one_line "$output"
}

test_timestamps_and_since() {
        local id lines since

        id=$(detached alice sh -c 'echo early; sleep 1.2; echo late')
        rnx wait "$id"
        lines=$(rnx log --timestamps "$id")
        assert_match "$lines" $'^20[0-9-]+[ T][0-9:.+]+[^\n]* early\n20[0-9-]+[ T][0-9:.+]+[^\n]* late$'
        since=$(in_machine journalctl -q -o short-unix -u "joblet-job-$id" MESSAGE=late | cut -d. -f1)
        assert_eq "$(rnx log --since="@$since" "$id")" late
        assert_eq "$(rnx log --since='1h ago' "$id")" $'early\nlate'
        assert_exit 1 rnx log --since=whenever "$id"
        assert_match "$output" '^rnx: --since=whenever: '
}

test_follow_until_the_end() {
        local id

        id=$(detached alice sh -c 'for i in 1 2 3; do echo $i; sleep 0.3; done; echo end >&2; exit 3')
        assert_eq "$(as_user alice timeout 30 rnx log -f "$id" 2>&1 | tr '\n' ' ')" '1 2 3 end '
        # it came to its end because the job did
        assert_record "$id" state FAILED exit_code 3
        assert_eq "$(as_user alice timeout 30 rnx log -f "$id" 2>&1 | tr '\n' ' ')" '1 2 3 end '
}

test_follow_shows_lines_at_once() {
        local id out

        out=$(mktemp)
        id=$(detached alice sh -c 'echo first; sleep 60')
        as_user alice timeout 30 rnx log -f "$id" >"$out" &
        wait_until 10 grep -qx first "$out"
        kill $!
        rm "$out"
        assert_record "$id" state RUNNING
}

test_journal_shows_every_job() {
        local id

        rnx run echo "attached marker-$$"
        id=$(detached alice echo "detached marker-$$")
        rnx wait "$id"
        assert_eq "$(in_machine journalctl -q -n 20 -o cat -u 'joblet-job-*' | grep -c "marker-$$")" 2
        assert_eq "$(in_machine journalctl -q -o cat -u "joblet-job-$id" _TRANSPORT=stdout)" "detached marker-$$"
        assert_eq "$(rnx log "$((id - 1))")" "attached marker-$$"
}

test_fields_of_every_line() {
        local id lines field

        id=$(detached alice sh -c 'echo out; echo err >&2')
        rnx wait "$id"
        lines=$(in_machine journalctl -q -o export -u "joblet-job-$id" _TRANSPORT=stdout)
        for field in "JOBLET_JOB_ID=$id" JOBLET_OWNER_UID=1000 SYSLOG_IDENTIFIER=sh "_SYSTEMD_UNIT=joblet-job-$id.service"; do
                assert_eq "$(grep -acx "$field" <<<"$lines")" 2
        done
        assert_eq "$(grep -acx PRIORITY=3 <<<"$lines")" 1
        assert_eq "$(grep -acx PRIORITY=6 <<<"$lines")" 1
}

has_log() {
        [ -n "$(rnx log "$1")" ]
}

test_invocation_is_the_key() {
        local id

        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'echo "$INVOCATION_ID"; sleep 60')
        wait_until 10 has_log "$id"
        assert_eq "$(field "$(record_of "$id")" invocation_id)" "$(rnx log "$id")"
        assert_eq "$(in_machine journalctl -q -o cat "_SYSTEMD_INVOCATION_ID=$(rnx log "$id")" _TRANSPORT=stdout)" "$(rnx log "$id")"
}

test_events_have_catalog_entries() {
        local id log

        id=$(detached alice sh -c 'exit 3')
        assert_exit 3 rnx wait "$id"
        log=$(in_machine journalctl -q -x -u joblet.service JOBLET_JOB_ID="$id")
        assert_match "$log" "Subject: Job $id started"
        assert_match "$log" "Subject: Job $id failed"
        assert_no_match "$log" '@JOBLET_'
        # what a user finds when looking at the job alone
        assert_match "$(in_machine journalctl -q JOBLET_JOB_ID="$id")" "Job $id of uid 1000 exited with code 3"
}

test_logs_of_others_are_closed() {
        local id

        id=$(detached alice echo "private-$$")
        rnx wait "$id"
        assert_exit 1 as_user bob rnx log "$id"
        assert_one_line "$output"
        assert_no_match "$(as_user bob journalctl -q -u "joblet-job-$id" 2>&1)" "private-$$"
        assert_eq "$(in_machine rnx log "$id")" "private-$$"
}

# Short binary output is kept like any other, of long output the end.
test_long_binary_output_is_noted() {
        local id before after

        before=$(in_machine journalctl --disk-usage)
        rnx run sh -c 'head -c 20000000 /dev/urandom' | wc -c | grep -qx 20000000
        id=$(rnx list --limit 1 --no-legend | cut -d' ' -f1)
        after=$(rnx log "$id" 2>&1)
        echo "$before"; in_machine journalctl --disk-usage; echo "${after:0:300}"
        [ "${#after}" -lt 2000000 ]
        [[ $after == *'long binary output is not kept here: '*' bytes are missing here'* ]] || fail 'no note'
        [[ $after == *"incomplete: $(field "$(record_of "$id")" unlogged_bytes) bytes of the output of job $id are not in the journal"* ]] || fail 'not told'
        assert_match "$(rnx status "$id")" 'Log: incomplete: [1-9][0-9]* bytes'
}

test_status_shows_the_last_lines() {
        local id

        id=$(detached alice seq 50)
        rnx wait "$id"
        assert_match "$(rnx status "$id")" $'[^\n]* 41\n.* 50$'
        assert_no_match "$(rnx status "$id")" $' 40\n'
}

# Looking often at a job that runs for long does not use anything up.
test_a_log_read_again_and_again() {
        local id

        id=$(detached alice sh -c 'echo here; sleep 300')
        wait_until 10 in_log "$id" here
        as_user alice sh -euc 'for i in $(seq 70); do rnx log "$1" >/dev/null; done' sh "$id"
        rnx stop "$id"
}

# Readers whose clients read nothing are there for ever: one user cannot have all of them.
test_logs_that_nobody_reads() {
        local id

        id=$(detached alice sh -c 'yes $(seq 40) | head -n 20000')
        rnx wait "$id"
        put /home/alice/hold.py <<'PY'
import subprocess, sys
held = [subprocess.Popen(["rnx", "log", sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for i in range(32)]
for p in held:
    p.stdout.read(1)
said = subprocess.run(["rnx", "log", sys.argv[1]], capture_output=True, text=True)
print(said.returncode, said.stderr, end="", flush=True)
print("held", flush=True)
sys.stdin.read()
PY
        in_machine sh -c 'mkfifo /run/hold; chmod 666 /run/hold'
        as_user alice sh -c 'exec python3 hold.py "$1" <>/run/hold >held 2>&1' sh "$id" &
        wait_until 30 in_machine grep -q held /home/alice/held
        assert_match "$(in_machine cat /home/alice/held)" '^1 rnx: you read too many logs at once; end some of them first'
        # others are not concerned
        id=$(detached bob echo mine)
        as_user bob rnx wait "$id"
        wait_until 10 in_log "$id" mine
        assert_eq "$(as_user bob rnx log "$id")" mine
        in_machine pkill -f hold.py
        in_machine sh -c 'rm /run/hold /home/alice/hold.py /home/alice/held'
}

run_tests "$@"
