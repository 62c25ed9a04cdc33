#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How a client ends, and what programs learn of the job that it ran.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

teardown() {
        stop_all
}

# signalled SIGNAL OPTION...: runs "sleep 600" attached, sends the signal to rnx when there is a number, waits for rnx; prints
# the number, what was said and the exit code
signalled() {
        # shellcheck disable=SC2016
        as_user alice bash -c '
                signal=$1 out=$(mktemp)
                shift
                rm -f the-id
                rnx run --id-file=the-id "$@" sleep 600 >"$out" 2>&1 &
                until [ -s the-id ]; do sleep 0.05; done
                kill -"$signal" $!
                wait $! 2>/dev/null
                echo "code $?" >>"$out"
                cat the-id "$out"' bash "$@"
}

# ended ID: its record is final
ended() {
        [ "$(field "$(record_of "$1")" finished_timestamp)" != null ]
}

unit_is_gone() {
        [[ $(unit_property "joblet-job-$1.service" ActiveState) =~ ^(inactive|failed)$ ]]
}

test_sigterm_is_passed_on_and_waited_for() {
        local said

        # shellcheck disable=SC2016
        assert_exit 7 as_user alice timeout --preserve-status 1 rnx run --id-file=the-id \
                sh -c 'trap "sleep 0.5; echo bye; exit 7" TERM; while :; do sleep 0.1; done'
        assert_match "$output" bye
        assert_record "$(in_machine cat /home/alice/the-id)" state FAILED exit_code 7
        said=$(signalled TERM)
        assert_match "$said" $'^[0-9]+\nrnx: job [0-9]+ was killed by signal TERM\ncode 143$'
        assert_record "${said%%$'\n'*}" state FAILED exit_signal 15
        # as for make and CI systems, the status of timeout(1) is its own, and no job is left
        assert_exit 124 as_user alice timeout 0.5 rnx run sleep 600
        assert_eq "$(in_machine systemctl list-units --no-legend --plain 'joblet-job-*')" ''
}

test_second_sigterm_stops_a_job_that_ignores_the_first() {
        configure StopTimeoutSec=1s
        # shellcheck disable=SC2016
        assert_exit 137 as_user alice bash -c '
                rnx run sh -c "trap \"\" TERM; echo ready; while :; do sleep 0.1; done" >term.out 2>term.err &
                until grep -q ready term.out; do sleep 0.05; done
                kill $!; sleep 0.4; kill $!
                wait $!'
        assert_match "$(in_machine cat /home/alice/term.err)" '^rnx: job [0-9]+ was stopped on request$'
        configure
}

test_job_goes_on_without_its_terminal() {
        local said id

        said=$(signalled HUP) id=${said%%$'\n'*}
        assert_eq "$said" "$id"$'\n'"rnx: the terminal is gone; job $id goes on, see: rnx log -f $id"$'\ncode 129'
        job_is "$id" RUNNING
        said=$(signalled KILL) id=${said%%$'\n'*}
        job_is "$id" RUNNING
}

# What is still on its way when the terminal goes gets there; a job that is to end waits for nothing.
test_signals_during_an_upload() {
        local id

        as_user alice sh -c 'mkdir -p many && head -c 300000000 /dev/zero >many/big'
        # shellcheck disable=SC2016
        as_user alice setsid bash -c '
                rnx run --name="upload-$1" --upload-dir=many sh -c "test -s big && sleep 600" >/dev/null 2>&1 &
                until rnx list --no-legend -o id --name="upload-$1" | grep -q .; do sleep 0.05; done
                trap "" HUP
                kill -HUP 0
                wait' bash $$ || :
        id=$(rnx list --no-legend -o id --name="upload-$$")
        wait_until 60 job_is "$id" RUNNING
        rnx stop "$id"
        # shellcheck disable=SC2016
        assert_exit 124 as_user alice timeout 0.3 rnx run --name="upload2-$$" --upload-dir=many sleep 600
        assert_no_match "$output" 'packs'
        wait_until 10 no_job_runs
        as_user alice rm -r many
}

no_job_runs() {
        [ -z "$(in_machine systemctl list-units --no-legend --plain --state=active,activating 'joblet-job-*')" ]
}

test_kill_on_exit() {
        local signal said id

        for signal in HUP KILL; do
                said=$(signalled "$signal" --kill-on-exit) id=${said%%$'\n'*}
                wait_until 10 ended "$id"
                assert_record "$id" state STOPPED reason 'was stopped because its client had gone (--kill-on-exit)'
        done
        # also while jobletd is away
        id=$(as_user alice bash -c '
                rm -f the-id
                rnx run --kill-on-exit --id-file=the-id sleep 600 >/dev/null 2>&1 &
                until [ -s the-id ]; do sleep 0.05; done
                echo "$!"; cat the-id' | tr '\n' ' ')
        in_machine systemctl stop joblet.service
        in_machine kill -KILL "${id% * }"
        id=${id#* } id=${id% }
        wait_until 10 unit_is_gone "$id"
        wait_until 10 ended "$id"
        assert_record "$id" state STOPPED
        assert_exit 125 rnx run --detach --kill-on-exit true
        assert_one_line "$output"
        # and nothing comes of it where the client ends as it should
        assert_exit 3 rnx run --kill-on-exit sh -c 'exit 3'
        assert_match "$(rnx list -n 1)" FAILED
}

test_kill_on_exit_ends_what_ignores_sigterm() {
        local id

        configure StopTimeoutSec=1s
        # shellcheck disable=SC2016
        id=$(as_user alice bash -c '
                rm -f the-id
                rnx run --kill-on-exit --id-file=the-id sh -c "trap : TERM; setsid -f sleep 600; echo ready; while :; do sleep 0.1; done" >term.out 2>&1 &
                until grep -q ready term.out && [ -s the-id ]; do sleep 0.05; done
                kill -KILL $!
                cat the-id')
        wait_until 20 ended "$id"
        assert_record "$id" state STOPPED exit_signal 9
        assert_eq "$(in_machine systemctl list-units --no-legend --plain 'joblet-job-*')" ''
        configure
}

test_number_of_an_attached_job() {
        local id

        assert_match "$(rnx run --verbose sh -c 'exit 0' 2>&1 >/dev/null)" '^Running as joblet-job-[1-9][0-9]*$'
        assert_eq "$(rnx run --verbose echo out 2>/dev/null)" out
        printf 'stale\n' | put /home/alice/the-id 666
        rnx run --id-file=the-id true
        id=$(in_machine cat /home/alice/the-id)
        assert_record "$id" state COMPLETED
        # one of an earlier job is never left
        assert_exit 125 rnx run --id-file=the-id --runtime=nosuch true
        assert_exit 2 as_user alice ls the-id
        assert_exit 125 rnx run --id-file=/nowhere/id true
        assert_match "$output" "^rnx: --id-file=/nowhere/id: cannot write to the directory '/nowhere': "
        assert_eq "$(rnx run --detach --id-file=the-id true)" "$(in_machine cat /home/alice/the-id)"
}

# assert_refused JSON ERROR EXIT_CODE
assert_refused() {
        assert_eq "$(field "$1" error) $(field "$1" exit_code)" "org.joblet.Error.$2 $3"
        assert_match "$(field "$1" message)" '[a-z]'
        in_machine python3 -c 'import json, sys; json.loads(sys.argv[1])' "$1"
}

test_record_in_every_end() {
        local json

        assert_refused "$(rnx run --json --runtime=nosuch true 2>&1)" NoSuchRuntime 125
        assert_refused "$(rnx run --json --max-memory=x true 2>&1)" InvalidOption 125
        assert_refused "$(rnx run --json --nosuch true 2>&1)" InvalidOption 125
        assert_refused "$(rnx run --json 2>&1)" InvalidOption 125
        assert_refused "$(rnx run --json --upload=/nowhere true 2>&1 | sed 's/System.Error.ENOENT/org.joblet.Error.ENOENT/')" ENOENT 125
        json=$(as_user carol rnx --no-ask-password run --json true 2>&1) || :
        assert_match "$json" '"error":"org.freedesktop.DBus.Error.(InteractiveAuthorizationRequired|AccessDenied)",.*"exit_code":125'
        # one that got its number has its record as well
        json=$(rnx run --json nosuchcommand 2>&1) || :
        assert_refused "$json" CommandNotFound 127
        assert_eq "$(field "$json" state) $(field "$json" result)" 'FAILED setup'
        # beside the output of rnx itself where nobody is attached
        assert_refused "$(rnx run --json --detach --runtime=nosuch true 2>/dev/null)" NoSuchRuntime 125
}

test_record_where_nothing_else_is_written() {
        # shellcheck disable=SC2016
        assert_eq "$(as_user alice bash -c 'rnx run --record=3 sh -c "echo out; echo err >&2; exit 4" 3>rec; echo $?' 2>&1)" $'out\nerr\n4'
        assert_eq "$(field "$(in_machine cat /home/alice/rec)" exit_code)" 4
        assert_exit 125 rnx run --record=rec --runtime=nosuch true
        assert_one_line "$output"
        assert_refused "$(in_machine cat /home/alice/rec)" NoSuchRuntime 125
        rnx run --record=rec true
        assert_eq "$(field "$(in_machine cat /home/alice/rec)" state)" COMPLETED
        as_user alice bash -c 'rnx run --record=/dev/fd/3 true 3>rec && rnx run --id-file=/dev/fd/3 true 3>the-id'
        assert_eq "$(field "$(in_machine cat /home/alice/rec)" state)" COMPLETED
        assert_match "$(in_machine cat /home/alice/the-id)" '^[1-9][0-9]*$'
        for value in 0 1 2 9 fd:9 /dev/fd/9 fd:x fd: 99999999999 /nowhere/rec .; do
                assert_exit 125 rnx run --record="$value" true
                assert_one_line "$output"
                assert_match "$output" "^rnx: --record=$value: "
        done
}

# Of root, who may: the links of /dev are not taken for files to be replaced.
test_standard_stream_is_no_file_to_write_to() {
        assert_exit 125 in_machine sh -c 'rnx run --id-file=/dev/stdout true >/root/out'
        assert_match "$output" "^rnx: --id-file=/dev/stdout: that descriptor is the job's"
        assert_eq "$(in_machine sh -c 'test -L /dev/stdout && cat /root/out')" ''
        in_machine test -L /dev/stdout
}

run_tests "$@"
