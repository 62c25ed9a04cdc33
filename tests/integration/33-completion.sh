#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the shells offer is what rnx understands.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

# offered WORD...: what bash offers in place of the last word, one in a line
offered() {
        # shellcheck disable=SC2016
        as_user alice bash -c '
                . /usr/share/bash-completion/completions/rnx
                COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
                _rnx 2>/dev/null # compopt works in a real completion only
                printf "%s\n" "${COMPREPLY[@]}"' bash rnx "$@"
}

# verbs [GROUP]: those of the help, one in a line
verbs() {
        rnx "$@" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]\{1,\}\( [a-z]\{1,\}\)\{0,1\}\).*/\1/p'
}

# options WORD...: those of a verb's help, short and long
options() {
        rnx "$@" --help | grep -oE '^  +(-[a-z], )?--?[a-z][a-z-]*' | grep -oE -e '-{1,2}[a-z][a-z-]*'
}

# assert_all_offered NEEDED OFFERED WHERE
assert_all_offered() {
        local word

        [ -n "$1" ] || fail "no help of $3"
        while read -r word; do
                [[ $'\n'$2$'\n' == *$'\n'$word$'\n'* ]] || fail "$3: $word is not offered, only:"$'\n'"$2"
        done <<<"$1"
}

test_verbs() {
        assert_all_offered "$(verbs | sed 's/^runtime .*/runtime/' | sort -u)" "$(offered '')" rnx
        assert_all_offered "$(verbs runtime)" "$(offered runtime '')" 'rnx runtime'
        assert_all_offered "$(verbs job)" "$(offered job '')" 'rnx job'
}

test_options() {
        local verb

        for verb in $(verbs job); do
                assert_all_offered "$(options "$verb")" "$(offered "$verb" -)" "rnx $verb"
        done
        for verb in $(verbs runtime); do
                assert_all_offered "$(options runtime "$verb")" "$(offered runtime "$verb" -)" "rnx runtime $verb"
        done
}

test_zsh_has_the_same() {
        local zsh verb option

        zsh=$(in_machine cat /usr/share/zsh/site-functions/_rnx)
        for verb in $(verbs job) $(verbs runtime); do
                [[ $zsh == *"'$verb:"* ]] || fail "zsh lacks the verb $verb"
        done
        for option in $(for verb in $(verbs job); do options "$verb"; done; for verb in $(verbs runtime); do options runtime "$verb"; done); do
                grep -qE "[*{,')]${option}[],}=[]" <<<"$zsh" || fail "zsh lacks $option"
        done
}

test_names_of_runtimes_and_jobs() {
        local id

        in_machine sh -c 'mkdir -p /opt/joblet/runtimes/t/t-done && printf "name: t-done\nversion: 1\n" >/opt/joblet/runtimes/t/t-done/runtime.yml'
        assert_eq "$(offered runtime test t-d)" t-done
        assert_eq "$(offered run --runtime = t-d)" t-done
        id=$(detached alice sleep 60)
        assert_match $'\n'"$(offered stop '')"$'\n' $'\n'"$id"$'\n'
        rnx stop "$id"
        in_machine rm -r /opt/joblet/runtimes/t/t-done
}

run_tests "$@"
