#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Finding jobs: by name wherever a job is asked for, and in lists as wide as the terminal.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

teardown() {
        stop_all
}

# on_screen WIDTH ARG...: what rnx shows on a terminal of that many columns, colours left out
on_screen() {
        as_user alice env "COLUMNS=$1" LANG=C.UTF-8 script -qec "rnx --no-pager ${*:2}" /dev/null | tr -d '\r' | sed 's/\x1b\[[0-9;]*m//g'
}

# ids OPTION...: the numbers that rnx list shows, in one line
ids() {
        rnx list --no-legend -o id "$@" | tr '\n' ' '
}

test_name_is_as_good_as_a_number() {
        local id name

        for name in "of mine $$" "夜間の学習 🙂 $$" "a/b:c=$$"; do
                rnx run --name="$name" true
                id=$(detached alice --name="$name" sh -c 'echo to be seen; exit 3')
                assert_exit 3 rnx wait -- "$name"
                assert_eq "$(rnx log -- "$name")" 'to be seen'
                assert_match "$(rnx status -- "$name")" "^. $id "
                assert_eq "$(field "$(rnx status --json -- "$name")" id)" "$id"
        done
        # those of others are not meant
        assert_exit 4 as_user bob rnx log "of mine $$"
        assert_eq "$output" "rnx: you have no job called 'of mine $$', see 'rnx list'"
        # digits are a number
        rnx run --name=424242 true
        assert_exit 4 rnx log 424242
}

test_names_that_cannot_be() {
        local name

        for name in '' -x $'a\nb' $'\033[31m' "$(printf 'x%.0s' {1..256})"; do
                assert_exit 125 rnx run --name="$name" true
                assert_one_line "$output"
                assert_match "$output" '^rnx: --name: '
        done
        rnx run --name="$(printf 'x%.0s' {1..255})" true
}

test_stop_wants_the_one_that_runs() {
        local first second

        rnx run --name=several true
        assert_exit 1 rnx stop several
        assert_match "$output" '^rnx: job [0-9]+ has ended already$'
        first=$(detached alice --name=several sleep 600)
        rnx run --name=several true
        rnx stop several
        assert_exit 143 rnx wait "$first"
        first=$(detached alice --name=several sleep 600) second=$(detached alice --name=several sleep 600)
        assert_exit 1 rnx stop several
        assert_eq "$output" "rnx: 2 running jobs are called 'several', say which by its number: $first, $second"
        job_is "$first" RUNNING
        job_is "$second" RUNNING
}

test_delete_wants_no_doubt() {
        local id

        id=$(detached alice --name="twice-$$" true)
        rnx wait "$id"
        rnx run --name="twice-$$" true
        assert_exit 1 rnx delete "twice-$$"
        assert_match "$output" "^rnx: 2 jobs are called 'twice-$$', say which by its number: $id, [0-9]+$"
        rnx delete "$id"
        rnx delete "twice-$$"
        assert_exit 4 rnx delete "twice-$$"
}

test_filters() {
        local first second

        first=$(detached alice --name="one-$$" sleep 600)
        rnx run --name="two-$$" sh -c 'exit 3' || :
        second=$(ids --name="two-$$")
        assert_eq "$(ids --name="one-$$")" "$first "
        assert_eq "$(ids --name="one-$$" --state=Failed,running)" "$first "
        assert_eq "$(ids --name="two-$$" --state=FAILED --state=stopped)" "$second"
        assert_eq "$(ids --name="two-$$" --state=completed,running)" ''
        assert_eq "$(ids --name="one-$$" --since='10min ago')" "$first "
        assert_eq "$(ids --name="one-$$" --since='2099-01-01')" ''
        assert_eq "$(ids --name="one-$$" --runtime=python-3.11-ml)" ''
        for option in --state=nosuch "--state=running," --since=whenever --output=nosuch --output= --limit=x; do
                assert_exit 1 rnx list "$option"
                assert_one_line "$output"
                assert_match "$output" "^rnx: ${option%%=*}"
        done
        assert_match "$(rnx list --output=nosuch 2>&1)" "'nosuch' is no field; there are id name state "
}

test_fields() {
        rnx run --name="fields-$$" true
        assert_match "$(rnx list --name="fields-$$" -o exit,NAME,unit)" $'^EXIT  NAME +UNIT\n +0  fields-[0-9]+ +joblet-job-[0-9]+\.service$'
        assert_match "$(rnx list --name="fields-$$" -o +owner | head -n 1)" '^ID +NAME .*COMMAND +OWNER$'
        assert_match "$(rnx list --name="fields-$$" --json -o id,state)" '^\[\{"id":[0-9]+,"state":"COMPLETED"\}\]$'
        assert_match "$(in_machine rnx list --all | head -n 1)" '^ID +NAME .*OWNER +COMMAND$'
}

test_nothing_is_nothing() {
        assert_eq "$(as_user carol rnx list)" 'No jobs.'
        assert_eq "$(as_user carol rnx list --no-legend)" ''
        assert_eq "$(as_user carol rnx list --json)" '[]'
        in_machine sh -c '! ls /opt/joblet/runtimes/*/* 2>/dev/null' || skip 'there are runtimes'
        assert_eq "$(rnx runtime list)" 'No runtimes.'
        assert_eq "$(rnx runtime list --no-legend)" ''
}

# A line never wraps: not with wide characters, not in the heads.
test_narrow_terminals() {
        local width screen

        screen=$(mktemp)
        rnx run --name='夜間の学習 夜間の学習 夜間の学習' true
        rnx run sh -c ': something long to say of what is done here, and why, and how' || :
        in_machine sh -c 'mkdir -p /opt/joblet/runtimes/t/t-narrow && printf "name: t-narrow\nversion: 1\ndescription: %0200d\n" 7 >/opt/joblet/runtimes/t/t-narrow/runtime.yml'
        for width in 20 40 60 80 100 200; do
                {
                        on_screen "$width" list -n 5
                        on_screen "$width" list -o name,command,started
                        on_screen "$width" runtime list
                        [ "$width" -lt 40 ] || on_screen "$width" status "$(ids -n 1)"
                } >"$screen"
                python3 - "$width" "$screen" <<'END' || fail "too wide for $width columns"
import sys, unicodedata as u
wide = [l for l in open(sys.argv[2], encoding="utf-8").read().splitlines()
        if sum(1 + (u.east_asian_width(c) in "WF") for c in l) > int(sys.argv[1])]
print("\n".join(wide))
sys.exit(bool(wide))
END
        done
        rm "$screen"
        in_machine rm -r /opt/joblet/runtimes/t
        assert_match "$(on_screen 40 list -n 1)" $'^ID +NAME +STATE +EXIT +COMMAND\n[0-9]+ +- +COMPLETED +0 .*…$'
        assert_match "$(on_screen 40 list --full -n 1)" 'and how'
        # a pipe has any width
        assert_match "$(rnx list -n 1)" 'and how'
}

test_status_advises_what_works() {
        local id

        id=$(detached alice sleep 600)
        assert_match "$(rnx status "$id")" "see also: systemctl status joblet-job-$id"
        rnx stop "$id"
        assert_match "$(rnx status "$id")" "see also: journalctl -u joblet-job-$id"
}

run_tests "$@"
