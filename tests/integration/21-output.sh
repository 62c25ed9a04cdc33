#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# What a job wrote is never mixed, lost or cut without a word; nor is what cannot be read or written.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

teardown() {
        in_machine sh -c 'pkill -CONT -x systemd-journal' || :
        stop_all
}

newest() {
        rnx list --limit 1 --no-legend | cut -d' ' -f1
}

# What is unfinished on one stream does not get into the other, and comes back as one line.
test_streams_never_mix() {
        local id

        id=$(detached alice sh -c 'printf "Loading "; sleep 0.3; echo oops >&2; sleep 0.3; echo done; printf "10%%\r" >&2; printf rest')
        assert_exit 0 rnx wait "$id"
        assert_eq "$(rnx log --stdout "$id" 2>&1)" $'Loading done\nrest'
        assert_eq "$(rnx log --stderr "$id" 2>&1)" $'oops\n10%\r'
        assert_eq "$(rnx log --json "$id" | grep -c '<[0-9]>')" 0
        assert_eq "$(rnx log --json "$id" | grep '"message":"Loading done","line_end":"newline"' | grep -c '"stream":"stdout"')" 1
        assert_match "$(rnx status "$id")" $'[0-9] stderr: oops\n[^\n]* Loading done\n'
}

# A progress line on one stream, lines on the other: all of each.
test_progress_and_lines() {
        local id

        id=$(detached alice sh -c 'for i in $(seq 200); do printf "%s%%\r" $i >&2; echo line $i; done; echo >&2')
        assert_exit 0 rnx wait "$id"
        rnx log --stdout "$id" | cmp - <(seq -f 'line %.0f' 200)
        rnx log --stderr "$id" | cmp - <(seq -f '%.0f%%' 200 | tr '\n' '\r'; echo)
}

# A prompt is seen while the job waits, with its blank; later it is one line again.
test_unfinished_line_is_seen() {
        local id

        id=$(detached alice sh -c 'printf "Name? "; while [ ! -e go ]; do sleep 0.1; done; echo alice')
        wait_until 20 in_log "$id" 'Name? '
        assert_match "$(rnx status "$id")" 'Name\? '
        in_machine touch "/var/lib/joblet/work/$id/go"
        assert_exit 0 rnx wait "$id"
        assert_eq "$(rnx log "$id")" 'Name? alice'
        assert_match "$(rnx status "$id")" 'Name\? alice'
}

# NUL and what is not UTF-8 take nothing else with them, whoever is there.
test_nul_is_alike_for_all() {
        local program='printf "before\na\0b \377c  \r\n\0\n"; echo after' id

        rnx run sh -c "$program" >/dev/null
        id=$(newest)
        rnx log "$id" | cmp - <(printf 'before\na\357\277\275b \377c  \r\n\357\277\275\nafter\n')
        id=$(detached alice sh -c "$program")
        assert_exit 0 rnx wait "$id"
        rnx log "$id" | cmp - <(printf 'before\na\357\277\275b \377c  \r\n\357\277\275\nafter\n')
}

# One open file here is one in the job. It is not where a file was opened twice, or nobody looks.
test_order_of_both_streams() {
        local program='for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done' expected='o1 e1 o2 e2 o3 e3 o4 e4 o5 e5 ' id

        # shellcheck disable=SC2016
        as_user alice sh -euc 'cd "$(mktemp -d)"
                rnx run -n sh -c "$1" >both 2>&1; test "$(tr "\n" " " <both)" = "$2"
                rnx run -n sh -c "$1" >>both 2>&1; test "$(tr "\n" " " <both)" = "$2$2"
                rnx run -n sh -c "$1" >>two 2>>two; test "$(sort two | tr "\n" " ")" = "e1 e2 e3 e4 e5 o1 o2 o3 o4 o5 "
                test "$(rnx run -n sh -c "$1" 2>&1 | tr "\n" " ")" = "$2"' sh "$program" "$expected"
        id=$(newest)
        assert_eq "$(rnx log --stdout "$id" | tr '\n' ' ')" "$expected"
        assert_eq "$(rnx log --stderr "$id")" ''
        as_user alice sh -c 'rnx run -n sh -c "$1" >/dev/null 2>&1' sh "$program"
        id=$(newest)
        assert_eq "$(rnx log --stderr "$id" | wc -l)" 5
        as_user alice script -qec "rnx run -n sh -c '$program'" /dev/null </dev/null | tr -d '\r' | tr '\n' ' ' | grep -qF "$expected"
}

test_input_that_cannot_be_read() {
        # shellcheck disable=SC2016
        assert_exit 125 as_user alice sh -c 'rnx run cat </'
        assert_eq "$output" 'rnx: cannot read standard input, the job got what came before: Is a directory'
        # shellcheck disable=SC2016
        assert_exit 125 as_user alice sh -c 'rnx run cat 0>>out'
        assert_match "$output" '^rnx: cannot read standard input, .*: Bad file descriptor$'
        # shellcheck disable=SC2016
        assert_exit 125 as_user alice sh -c 'rnx run cat </proc/$$/mem; exit $?'
        assert_match "$output" '^rnx: cannot read standard input, .*: Input/output error$'
        # closed is closed for the job as well, if it looks
        assert_exit 1 as_user alice sh -c 'rnx run cat <&-'
        assert_match "$output" 'cat: .*Bad file descriptor'
        assert_exit 0 as_user alice sh -c 'rnx run true <&-'
        assert_exit 3 as_user alice sh -c 'rnx run sh -c "cat; exit 3" </'
}

test_output_that_cannot_be_written() {
        assert_exit 125 as_user alice sh -c 'rnx run echo hello >/dev/full'
        assert_eq "$output" 'rnx: cannot pass on the output of the job: No space left on device'
        assert_exit 125 as_user alice sh -c 'rnx run echo hello >&-'
        assert_match "$output" '^rnx: cannot pass on the output of the job: Bad file descriptor$'
        assert_exit 125 as_user alice sh -c 'rnx run sh -c "echo hello >&2" 2>/dev/full'
        assert_exit 0 as_user alice sh -c 'rnx run true >&- 2>&-'
        assert_exit 1 as_user alice sh -c 'rnx list >/dev/full'
        assert_eq "$output" 'rnx: cannot write to standard output: No space left on device'
        assert_exit 125 as_user alice sh -c 'rnx run --dry-run true >/dev/full'
        assert_exit 125 as_user alice sh -c 'rnx run --json --dry-run true >/dev/full'
        assert_eq "$output" 'rnx: cannot write to standard output: No space left on device'
        # shellcheck disable=SC2016
        assert_exit 1 as_user alice sh -c 'rnx log "$1" >/dev/full' sh "$(newest_with_output)"
        assert_match "$output" '^rnx: cannot print the log of job [0-9]*: No space left on device$'
}

# A job that was started is not lost with its number.
test_number_that_cannot_be_written() {
        local redirection reason id

        while IFS='|' read -r redirection reason; do
                assert_exit 125 as_user alice sh -c "exec rnx run --detach $redirection sleep 600"
                id=$(newest)
                assert_eq "$output" "rnx: job $id was started, but that cannot be written to standard output: $reason"
                assert_record "$id" state RUNNING
                rnx stop "$id"
        done <<'END'
>/dev/full|No space left on device
>&-|Bad file descriptor
--json >/dev/full|No space left on device
END
        # a pipe that nobody reads any more; what is uploaded arrives all the same
        assert_exit 125 as_user alice sh -c 'rm -f p && mkfifo p && exec 3<>p 4>p 3<&- && echo here >up &&
                rnx run --detach --upload=up cat up >&4'
        id=$(newest)
        assert_eq "$output" "rnx: job $id was started, but that cannot be written to standard output: Broken pipe"
        assert_exit 0 rnx wait "$id"
        assert_eq "$(rnx log "$id")" here
        for id in '' --detach; do
                assert_exit 125 as_user alice sh -c "rnx run $id --id-file=/dev/full true"
                assert_match "$output" "job $(newest) was started all the same"
        done
        as_user alice rm -f p up
}

newest_with_output() {
        rnx run echo output >/dev/null
        newest
}

# The last lines are there at once, also while it writes without a pause, and no more than were asked for.
test_tail_of_a_log_that_grows() {
        local id

        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'i=0; while :; do i=$((i + 1)); echo line $i; done')
        wait_until 20 in_log "$id" 'line 1000'
        assert_eq "$(as_user alice timeout 20 rnx log -n 3 "$id" | grep -c '^line ')" 3
        assert_eq "$(as_user alice timeout 20 rnx log -f -n 3 "$id" | head -n 3 | grep -c '^line ')" 3
        as_user alice timeout 60 rnx log "$id" | head -n 1 | grep -qx 'line 1'
        rnx stop "$id"
}

# A reader of the journal that dies leaves no log that looks whole.
test_reader_that_dies() {
        local id

        id=$(detached alice seq 50000)
        assert_exit 0 rnx wait "$id"
        # shellcheck disable=SC2016
        as_user alice sh -c 'rnx log "$1" | { read -r first; echo "$first"; touch seen; while [ -e seen ]; do sleep 0.1; done; cat; }' \
                sh "$id" >"/tmp/output-$$" &
        wait_until 20 in_machine test -e /home/alice/seen
        in_machine pkill -KILL -x joblet-log
        in_machine rm /home/alice/seen
        wait $!
        cmp "/tmp/output-$$" <(seq 50000)
        rm "/tmp/output-$$"
}

journal_stands_still() {
        in_machine sh -c 'pkill -STOP -x systemd-journal'
}

journal_goes_on() {
        in_machine sh -c 'pkill -CONT -x systemd-journal'
}

# Where the journal has not got all it is known how much it is: to the byte.
test_incomplete_log() {
        local id missing

        journal_stands_still
        rnx run sh -c 'seq -f %0199.0f 150000; exit 3' | cmp - <(seq -f %0199.0f 150000)
        journal_goes_on
        id=$(newest)
        assert_exit 3 rnx wait "$id"
        missing=$(field "$(record_of "$id")" unlogged_bytes)
        [ "$missing" -gt 1000000 ]
        rnx log "$id" >"/tmp/output-$$" 2>"/tmp/errors-$$"
        assert_eq "$(cat "/tmp/errors-$$")" "rnx: incomplete: $missing bytes of the output of job $id are not in the journal"
        assert_match "$(rnx status -n 0 "$id")" "Log: incomplete: $missing bytes of the output are not in the journal"
        # whole lines, and notes of what is missing between them
        assert_eq "$(grep -c . "/tmp/output-$$")" "$(grep -cE '^([0-9]{199}|joblet: .* bytes are missing here.*)$' "/tmp/output-$$")"
        assert_eq "$(($(grep -cE '^[0-9]{199}$' "/tmp/output-$$") * 200 + missing))" 30000000
        rm "/tmp/output-$$" "/tmp/errors-$$"
}

# The log of a job that ended right now is complete: what is on its way is waited for.
test_log_right_after_the_end() {
        local id

        journal_stands_still
        rnx run seq -f %0199.0f 100000 | cmp - <(seq -f %0199.0f 100000)
        journal_goes_on
        rnx log "$(newest)" | cmp - <(seq -f %0199.0f 100000)
}

test_log_that_is_gone() {
        local id silent

        id=$(detached alice seq 10)
        silent=$(detached alice true)
        rnx wait "$id" "$silent"
        assert_exit 0 rnx log "$id"
        in_machine sh -c 'journalctl -q --sync; journalctl -q --rotate; journalctl -q --vacuum-size=1'
        for option in --stdout -n5 -f --json; do
                assert_exit 1 rnx log "$option" "$id"
                assert_match "$output" "^rnx: the output of job $id is no longer in the journal"
        done
        assert_match "$(rnx status "$id")" 'Its output is no longer in the journal'
        assert_exit 0 rnx log "$silent"
        assert_eq "$output" ''
        assert_eq "$(field "$(record_of "$silent")" log_entries)" 0
}

run_tests "$@"
