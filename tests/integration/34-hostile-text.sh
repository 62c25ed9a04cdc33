#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Text that others wrote does nothing to the terminal of who reads it, and what is no text is refused in words.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

# on_terminal COMMAND: as root on a terminal, what it is sent
on_terminal() {
        in_machine env TERM=xterm SYSTEMD_PAGER= script -qec "$1" /dev/null </dev/null
}

no_escape() {
        [[ $1 != *$'\e'* && $1 != *$'\a'* ]] || fail "an escape sequence came through: $(cat -v <<<"$1")"
}

test_log_on_a_terminal() {
        local id said

        id=$(detached alice sh -c 'printf "\033]0;title\007\033[2J\033[31mred\033[0m end\n"')
        rnx wait "$id"
        said=$(on_terminal "rnx log $id")
        assert_match "$said" $'\\?\\]0;title\\?\\?\\[2J\e\\[31mred\e\\[0m end\e\\[0m'
        # into a file it is what it was
        assert_match "$(in_machine rnx log "$id")" $'\e\\]0;title\a\e\\[2J'
}

test_names_in_messages() {
        as_user alice bash -c $'mkdir -p evil && mkfifo evil/$\'\\e]0;title\\a\''
        assert_exit 0 rnx run --upload=evil true
        no_escape "$output"
        assert_match "$output" 'is left out: it is a FIFO'
        as_user alice rm -r evil
        in_machine bash -c $'mkdir -p /root/evil/bin && printf "home = /x\\e[2J/bin\\nversion = 3\\n" >/root/evil/pyvenv.cfg && mkfifo /root/evil/$\'\\e[2Jfifo\''
        assert_exit 0 in_machine rnx runtime import /root/evil --name=python-evil -o /root/evil-out
        no_escape "$output"
        assert_match "$output" 'a special file'
        in_machine rm -r /root/evil /root/evil-out
}

test_bytes_that_are_no_text() {
        assert_exit 125 as_user alice bash -c $'rnx run printf %s $\'a\\377b\''
        assert_one_line "$output"
        assert_match "$output" "the command: 'a\\?b' is not UTF-8; write such bytes as an escape"
}

test_jobs_of_others() {
        local id

        id=$(detached alice sleep 60)
        for verb in status log stop wait delete; do
                output=$(as_user bob rnx "$verb" "$id" 2>&1) && fail "bob may $verb"
                assert_match "$output" "job $id belongs to another user; administrators may do this"
        done
        rnx stop "$id"
}

run_tests "$@"
