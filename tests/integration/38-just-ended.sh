#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is asked for in the moment between the end of a command and that of its job.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

# install NAME: a runtime
install() {
        # shellcheck disable=SC2016
        in_machine sh -euc 'mkdir -p "/root/src/$1/bin" && cd "/root/src/$1"
                printf "name: %s\nversion: \"1.0\"\nmounts:\n  - source: bin\n    target: /usr/local/bin\n" "$1" >runtime.yml
                printf "#!/bin/sh\n" >bin/tool && chmod 755 bin/tool
                rnx runtime install .' sh "$1"
}

job_is_being_stopped() {
        [ "$(unit_property "joblet-job-$1.service" ActiveState)" = deactivating ]
}

# rnx is told the end by the relay, before the daemon has settled the job: what follows waits for it.
test_what_follows_a_run_finds_its_job_over() {
        local i

        # shellcheck disable=SC2016
        for i in {1..8}; do
                install t-brief
                # as one command: nothing comes between its steps
                assert_exit 0 in_machine sh -c 'rnx run --runtime=t-brief --id-file=/run/brief true &&
                        rnx runtime remove t-brief && rnx delete "$(cat /run/brief)"'
        done
        # shellcheck disable=SC2016
        for i in {1..8}; do
                assert_exit 0 in_machine sh -c 'rnx run --id-file=/run/brief true && rnx delete "$(cat /run/brief)"'
        done
}

# What is on its way to its end and does not get there is in the way as long as it takes, and says so.
test_remove_does_not_wait_for_ever() {
        local id stop delete code

        configure StopTimeoutSec=60
        install t-slow
        id=$(detached alice --runtime=t-slow sh -c 'trap "" TERM; echo up; while :; do sleep 1; done')
        wait_until 20 in_log "$id" up
        in_machine rnx stop "$id" &
        stop=$!
        wait_until 10 job_is_being_stopped "$id"
        rnx delete "$id" >/tmp/delete-answer.$$ 2>&1 &
        delete=$!
        assert_exit 1 in_machine rnx runtime remove t-slow
        assert_match "$output" "in use by job $id"
        code=0
        wait "$delete" || code=$?
        assert_eq "$code" 1
        assert_match "$(cat /tmp/delete-answer.$$)" "job $id still runs"
        rm /tmp/delete-answer.$$
        in_machine systemctl kill --signal=KILL "joblet-job-$id.service"
        wait "$stop" || :
        assert_exit 0 in_machine rnx runtime remove t-slow
        configure
}

run_tests "$@"
