#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The mistakes of the first hour get the answer.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        # A runtime with a program that no host has
        in_machine mkdir -p /opt/joblet/runtimes/snake/snake-1/usr/local/bin
        printf '%s\n' 'name: snake-1' 'version: "1"' 'mounts:' '  - source: usr/local/bin' '    target: /usr/local/bin' 'environment:' '  PATH_PREPEND: /usr/local/bin' |
                put /opt/joblet/runtimes/snake/snake-1/runtime.yml
        printf '%s\n' '#!/bin/sh' 'cat "$1"' | put /opt/joblet/runtimes/snake/snake-1/usr/local/bin/hiss 755
        # shellcheck disable=SC2016
        as_user alice sh -c 'mkdir -p first/src && cd first && echo to be seen >a.txt && cp a.txt "with blank.txt" && cp a.txt src/ && printf "#!/bin/sh\necho run\n" >tool && chmod 755 tool'
}

teardown() {
        in_machine rm -r /opt/joblet/runtimes/snake /home/alice/first
}

# in_first COMMAND...: in the directory of the first job
in_first() {
        as_user alice env -C first "$@"
}

# advised STATUS ADVICE COMMAND...: what is said after "rnx: " in the last line, and that what it advises works
advised() {
        local status=$1 advice=$2
        shift 2

        assert_exit "$status" in_first "$@"
        assert_eq "${output##*$'\n'}" "rnx: $advice"
        [[ $advice =~ (rnx run .*)$ ]]
        assert_exit 0 in_first bash -c "${BASH_REMATCH[1]}"
}

test_command_that_a_runtime_has() {
        advised 127 'hiss is not among the programs of this host, but in a runtime: snake-1; try: rnx run --runtime=snake-1 --upload=a.txt hiss a.txt' \
                rnx run hiss a.txt
        assert_exit 127 in_first rnx run nosuchcommand a.txt
        assert_one_line "$output"
}

test_file_that_is_here_only() {
        advised 1 'a.txt is here, but not in the job; to bring it along: rnx run --upload=a.txt cat a.txt' rnx run cat a.txt
        advised 1 "a.txt and others are here, but not in the job; to bring them along: rnx run --upload=a.txt '--upload=with blank.txt' cat a.txt 'with blank.txt'" \
                rnx run cat a.txt 'with blank.txt'
        advised 1 'src is here, but not in the job; to bring it along: rnx run --upload=src cat ./src/a.txt' rnx run cat ./src/a.txt
        advised 1 "/home/alice/first/a.txt is here, but not in the job; to bring it along: rnx run --upload=/home/alice/first/a.txt cat a.txt" \
                rnx run cat /home/alice/first/a.txt
        advised 127 'tool is here, but not in the job; to bring it along: rnx run --upload=tool ./tool' rnx run ./tool
        advised 1 "a.txt is here, but not in the job; to bring it along: rnx run --upload=a.txt 'cat a.txt'" rnx run 'cat a.txt'
}

# Nothing is said where there is nothing to say, and never to programs.
test_silence() {
        local -a quiet=(
                'rnx run --upload=a.txt sh -c "exit 3" a.txt'
                'rnx run --upload-dir=src sh -c "exit 3" a.txt'
                'rnx run --upload=src sh -c "exit 3" src/a.txt'
                'rnx run sh -c "exit 3" /etc/passwd nosuch.txt .'
                'rnx run -q sh -c "exit 3" a.txt'
                'rnx run sh -c "exit 0" a.txt'
        )

        for command in "${quiet[@]}"; do
                assert_eq "$(in_first bash -c "$command" 2>&1)" ''
        done
        assert_match "$(in_first rnx run --json sh -c 'exit 3' a.txt 2>&1)" '^\{[^'$'\n'']*\}$'
}

test_shell_without_a_terminal() {
        assert_match "$(in_first script -qec 'rnx run bash' /dev/null 2>&1 </dev/null)" 'rnx: a job has no terminal: bash shows no prompt'
        assert_eq "$(echo 'echo from a pipe' | in_first rnx run bash 2>&1)" 'from a pipe'
        assert_no_match "$(in_first script -qec 'rnx run bash -c "echo x"' /dev/null 2>&1 </dev/null)" terminal
}

# said ADVICE WORD...: rnx refuses the words, and says this at the end of its line
said() {
        local advice=$1 code=0
        shift

        output=$(rnx "$@" 2>&1) || code=$?
        [ "$code" = 1 ] || [ "$code" = 125 ] || fail "exit code $code: rnx $*"
        assert_one_line "$output"
        [[ $output == *"$advice" ]] || fail "no '$advice' in: $output"
}

test_words_of_other_tools() {
        said "did you mean 'rnx list'?" ps
        said "did you mean 'rnx log'?" logs 42
        said "did you mean 'rnx delete'?" rm 42
        said "did you mean 'rnx stop'?" kill 42
        said "did you mean 'rnx status'?" inspect 42
        said "did you mean 'rnx runtime list'?" images
        said "did you mean 'rnx runtime list'?" runtime ls
        said 'rnx run COMMAND' exec 42 sh
        said 'there are no volumes' volume ls
        said "did you mean 'rnx list'?" help ps
        said "did you mean 'rnx status'?" sttus
        said 'to run a program write: rnx run python3' python3 x.py
        said 'did you mean --max-memory=SIZE?' run --memory=512 true
        said 'did you mean --max-memory=SIZE?' run -m 512 true
        said '200 for two' run --cpus=2 true
        said 'did you mean --cpu-cores=LIST?' run --cpuset-cpus=0 true
        said 'there are no volumes' run -v /a:/b true
        said 'a job has no terminal; its input and output are those of rnx without an option' run -it sh
        said 'did you mean --network=NAME?' run --net=host true
        said 'did you mean --runtime=NAME?' run --runtme=x true
        said 'did you mean --runtime=NAME?' run --image=x true
        said 'did you mean --detach?' run --background true
        said 'did you mean --limit=N?' list --lines=3
        said 'did you mean --tail=N?' log --lines=3 1
        said 'did you mean --follow?' log --folow 1
        said "see 'rnx run --help'" run --xyzzy true
}

run_tests "$@"
