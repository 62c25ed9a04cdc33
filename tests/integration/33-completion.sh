#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the shells offer is what rnx understands, and what the manual explains.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        # A shell on a terminal, as a person has it: types the lines of standard input, each when the one before is done, and
        # prints all that the terminal showed. \t is a key like any other.
        put /tmp/type-into.py <<'END'
import os, pty, sys, termios

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", PS1="READY> ", PROMPT="READY> ", COLUMNS="200", INPUTRC="/dev/null")
    os.execvp(sys.argv[1], sys.argv[1:])
got = b""
for line in sys.stdin.buffer.read().split(b"\n"):
    seen = got.count(b"READY> ")
    while got.count(b"READY> ") == seen:
        piece = os.read(fd, 65536)
        got += piece
    os.write(fd, line + b"\n")
try:
    while piece := os.read(fd, 65536):
        got += piece
except OSError:
    pass
sys.stdout.buffer.write(got)
END
        in_machine sh -c 'mkdir -p /opt/joblet/runtimes/t/t-done && printf "name: t-done\nversion: 1\n" >/opt/joblet/runtimes/t/t-done/runtime.yml'
}

teardown() {
        stop_all
        in_machine rm -r /opt/joblet/runtimes/t
}

# offered WORD...: what bash offers in place of the last word, one in a line
offered() {
        # shellcheck disable=SC2016
        as_user alice bash -c '
                . /usr/share/bash-completion/completions/rnx
                COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_LINE=${COMP_LINE// = /=} COMP_POINT=${#COMP_LINE}
                _rnx
                printf "%s\n" "${COMPREPLY[@]}"' bash rnx "$@"
}

# offered_by_zsh LINE: the same of a zsh as it is installed, which looks for its functions by itself
offered_by_zsh() {
        put /tmp/capture.zsh <<'END'
autoload -Uz compinit && compinit -u -d /tmp/zcompdump-$$
compadd() {
        if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
                local -a hits
                builtin compadd -A hits "$@"
                print -rl -- $hits >>$HOME/hits
        fi
        builtin compadd "$@"
}
complete-and-leave() {
        zle complete-word
        exit
}
zle -N complete-and-leave
bindkey '^I' complete-and-leave
END
        # shellcheck disable=SC2016
        printf 'source /tmp/capture.zsh\n%s\t' "$1" | as_user alice sh -c ': >hits; python3 /tmp/type-into.py zsh -f >typed; sed "/^$/d" hits'
}

# verbs [GROUP]: those of the help, one in a line
verbs() {
        rnx "$@" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]\{1,\}\( [a-z]\{1,\}\)\{0,1\}\).*/\1/p'
}

# options WORD...: those of a verb's help, short and long
options() {
        rnx "$@" --help | grep -oE '^  +(-[a-z], )?--?[a-z][a-z-]*' | grep -oE -e '-{1,2}[a-z][a-z-]*'
}

# every_verb: each as it is typed
every_verb() {
        verbs job
        verbs runtime | sed 's/^/runtime /'
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

        while read -r verb; do
                # shellcheck disable=SC2086
                assert_all_offered "$(options $verb)" "$(offered $verb -)" "rnx $verb"
        done < <(every_verb)
}

test_zsh_offers_the_same() {
        local verb

        assert_all_offered "$(verbs | sed 's/^runtime .*/runtime/' | sort -u)" "$(offered_by_zsh 'rnx ')" 'zsh: rnx'
        assert_all_offered "$(verbs runtime)" "$(offered_by_zsh 'rnx runtime ')" 'zsh: rnx runtime'
        while read -r verb; do
                # shellcheck disable=SC2086
                assert_all_offered "$(options $verb)" "$(offered_by_zsh "rnx $verb -")" "zsh: rnx $verb"
        done < <(every_verb)
        assert_eq "$(offered_by_zsh 'rnx run --runtime=t-d')" t-done
        assert_eq "$(offered_by_zsh 'rnx run --network ' | sort | tr '\n' ' ')" 'host none '
        assert_match "$(offered_by_zsh 'rnx run --runtime=t-done hostnamec')" '^hostnamectl$'
}

# Every option of every verb stands in the manual, under its own name.
test_manual_explains_every_option() {
        local verb option page

        page=$(cat "$(dirname "$0")/../../man/rnx.xml")
        while read -r verb; do
                # shellcheck disable=SC2086
                for option in $(options $verb); do
                        [[ $page =~ "<option>$option"[=\<] ]] || fail "rnx(1) does not explain $option of rnx $verb"
                done
        done < <(every_verb)
}

# The keys of a person, and what comes of them.
test_typed_into_a_shell() {
        local shell line=$'rnx runtime inf\tt-do\t\nexit'

        for shell in 'bash --norc' 'zsh -f'; do
                case $shell in
                bash*) printf '. /usr/share/bash-completion/completions/rnx\n%s' "$line" ;;
                zsh*)  printf 'autoload -Uz compinit && compinit -u -d /tmp/zcompdump-%s\n%s' $$ "$line" ;;
                esac | {
                        # shellcheck disable=SC2086
                        as_user alice python3 /tmp/type-into.py $shell
                } >/tmp/typed-$$
                assert_match "$(tr -d '\r' </tmp/typed-$$)" $'\nRuntime: t-done\n'
                rm /tmp/typed-$$
        done
}

test_values() {
        local id

        assert_eq "$(offered runtime test t-d)" t-done
        assert_eq "$(offered run --runtime = t-d)" t-done
        assert_eq "$(offered list --state run)" running
        assert_eq "$(offered list --state = completed,run)" completed,running
        assert_eq "$(offered run --network none --json = p)" pretty
        assert_match "$(offered run --upload /etc/host)" '^/etc/hosts?'
        assert_match "$(offered run --download = 'plot.png:/etc/hostna')" '^/etc/hostname$'
        id=$(detached alice --name='two words' sleep 60)
        assert_match $'\n'"$(offered stop '')"$'\n' $'\n'"$id"$'\n'
        assert_match $'\n'"$(offered log tw)"$'\n' $'\ntwo\\\\ words\n'
        rnx stop "$id"
        assert_no_match $'\n'"$(offered stop '')"$'\n' $'\n'"$id"$'\n'
}

test_what_follows_is_the_jobs() {
        assert_match "$(offered run --runtime t-done hostnamec)" '^hostnamectl'
        assert_no_match "$(offered run ls --)" 'max-memory'
        assert_eq "$(offered nosuchverb '')" ''
}

run_tests "$@"
