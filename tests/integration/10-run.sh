#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# rnx run, as a user meets it: streams, exit codes, arguments, environment, signals.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

: "${JOBLET_TEST_BULK_MIB:=1024}"

teardown() {
        stop_all
}

hex() {
        od -An -v -tx1 | tr -d ' \n'
}

test_stdout_and_stderr_are_apart() {
        assert_eq "$(rnx run sh -c 'echo out; echo err >&2' 2>/dev/null)" out
        assert_eq "$(rnx run sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
}

test_bytes_are_exact() {
        # shellcheck disable=SC2028
        local bytes='printf "\000\001\n\n\r\377\376 \303\244"'

        assert_eq "$(rnx run sh -c "$bytes" | hex)" 00010a0a0dfffe20c3a4
        assert_eq "$(rnx run sh -c "{ $bytes; } >&2" 2>&1 >/dev/null | hex)" 00010a0a0dfffe20c3a4
        assert_eq "$(rnx run true | hex)" ''
}

test_stdin_is_passed_on() {
        assert_eq "$(printf 'a\0b\n\nno newline' | rnx run cat | hex)" "$(printf 'a\0b\n\nno newline' | hex)"
        assert_eq "$(rnx run cat </dev/null)" ''
        # a job that does not read it all is not held up
        assert_eq "$(yes | head -c 3000000 | rnx run head -n 1)" y
}

test_n_leaves_stdin_alone() {
        assert_eq "$(echo for the second | as_user alice sh -c 'rnx run -n cat; cat')" 'for the second'
}

test_exit_codes() {
        local code

        for code in 0 1 3 124 125 126 127 255; do
                assert_exit "$code" rnx run sh -c "exit $code"
        done
}

test_exit_code_of_a_signal() {
        assert_exit 137 rnx run sh -c 'kill -KILL $$'
        assert_match "$output" '^rnx: job [1-9][0-9]* was killed by signal KILL$'
        assert_exit 143 rnx run sh -c 'kill -TERM $$'
        assert_match "$output" 'was killed by signal TERM$'
        assert_exit 139 rnx run sh -c 'kill -SEGV $$'
}

# The usual end of a virtual environment that was moved.
test_command_whose_interpreter_is_missing() {
        as_user alice sh -c 'printf "#!/moved/away/python\n" >tool && chmod 755 tool'
        assert_exit 126 rnx run --upload=tool --env=PATH=/work:/usr/bin:/bin tool
        assert_match "$output" 'cannot execute tool: its interpreter does not exist here'
        assert_exit 126 rnx run --upload=tool ./tool
        assert_exit 127 rnx run --upload=tool tool
        as_user alice rm tool
}

test_command_not_found() {
        local before

        before=$(rnx run --detach true)
        assert_exit 127 rnx run nosuchcommand --some-option
        assert_one_line "$output"
        assert_match "$output" "^rnx: job $((before + 1)) .*command not found: nosuchcommand"
        assert_record $((before + 1)) state FAILED result setup exit_code 127
}

test_command_not_executable() {
        assert_exit 126 rnx run /etc/passwd
        assert_one_line "$output"
        assert_match "$output" '/etc/passwd: Permission denied'
        assert_exit 126 rnx run /usr
        assert_match "$output" '/usr'
}

test_timeout() {
        assert_exit 124 rnx run --timeout=0.5 sleep 60
        assert_one_line "$output"
        assert_match "$output" '^rnx: job [1-9][0-9]* was stopped at its time limit of 500ms; raise --timeout'
        assert_exit 0 rnx run --timeout 1h true
}

test_timeout_ends_what_ignores_it() {
        configure StopTimeoutSec=1s
        assert_exit 124 rnx run --timeout=0.5 sh -c 'trap "" TERM; while :; do sleep 1; done'
        configure
}

# shellcheck disable=SC2016
test_single_word_with_shell_syntax() {
        assert_eq "$(rnx run 'echo a && echo b | tr b c')" $'a\nc'
        assert_eq "$(rnx run 'echo "$HOME"')" /work
        assert_exit 4 rnx run 'exit 4'
        assert_eq "$(rnx run echo 'a && b' '$HOME')" 'a && b $HOME'
}

# shellcheck disable=SC2016
test_shell_option() {
        as_user alice sh -c 'printf "#!/bin/sh\necho \"mine \$1\"\n" >"my tool" && chmod 755 "my tool"'
        assert_eq "$(rnx run --shell=no --upload='my tool' './my tool' x)" 'mine x'
        assert_eq "$(rnx run --shell=no --upload='my tool' './my tool')" 'mine '
        as_user alice rm 'my tool'
        assert_exit 127 rnx run --shell=no 'echo a && echo b'
        assert_match "$output" 'command not found: echo a && echo b$'
        assert_eq "$(rnx run --shell=yes echo '$HOME' '&&' echo b)" $'/work\nb'
        assert_eq "$(rnx run --shell=auto 'echo "$HOME"')" /work
        assert_exit 125 rnx run --shell=bash true
        assert_one_line "$output"
}

# As long as Linux executes: xargs fills 128 KiB unless told otherwise.
test_long_commands() {
        local id

        assert_eq "$(as_user alice sh -c "seq 30000 | xargs rnx run -n printf '%s\\n' | md5sum")" "$(seq 30000 | md5sum)"
        assert_eq "$(as_user alice sh -c 'seq 20 | sed "s/\$/$(printf %060000d 1)/" | xargs -s 1300000 rnx run -n printf %s | wc -c')" \
                  "$((9 * 60001 + 11 * 60002))"
        # the record has the beginning, and jobletd the job
        id=$(as_user alice sh -c 'seq 20 | sed "s/\$/$(printf %060000d 1)/" | xargs -s 1300000 rnx run --detach sh -c "sleep 60" sh')
        assert_record "$id" state RUNNING
        assert_match "$(in_machine rnx status "$id" | tail -c 100000)" 00000
        in_machine systemctl restart joblet.service
        assert_record "$id" state RUNNING
        rnx stop "$id"
        assert_record "$id" state STOPPED
        assert_no_match "$(rnx list)" "$(printf %0300d 0)"
}

test_what_is_too_long() {
        assert_exit 125 as_user alice sh -c "printf 'LONG=%0131070d\n' 1 >long; exec rnx run -n --env-file=long true"
        assert_match "$output" "long:1: 'LONG' is too long, .* --upload$"
        assert_one_line "$output"
        # more than the kernel takes of both together
        assert_exit 126 as_user alice sh -c 'for i in $(seq 20); do printf "V$i=%0100000d\n" 1; done >long
                exec rnx run -n --env-file=long true "$(printf %0120000d 1)"'
        as_user alice rm -f long
        assert_match "$output" 'longer than Linux takes'
}

test_program_for_another_processor() {
        as_user alice sh -c "printf '\\177ELF\\2\\1\\1\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\267\\0\\1\\0\\0\\0' >arm && chmod 755 arm"
        assert_exit 126 rnx run -n --upload=arm ./arm
        assert_match "$output" 'cannot execute ./arm: it is a program for another processor \(aarch64\), this host has '
        assert_one_line "$output"
        as_user alice rm arm
        [ "$(uname -m)" = x86_64 ] || return 0
        # int 0x80 with 1: a whole program that ends at once, where it may
        as_user alice python3 - <<'END'
import os, struct
code = bytes.fromhex("b801000000bb07000000cd80")
head = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, 0x8048054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
segment = struct.pack("<8I", 1, 0, 0x8048000, 0x8048000, 84 + len(code), 84 + len(code), 5, 4096)
open("i386", "wb").write(head + segment + code)
os.chmod("i386", 0o755)
END
        assert_exit 126 rnx run -n --upload=i386 ./i386
        assert_match "$output" 'cannot execute ./i386: it is a program for another processor \(i386\), this host has x86_64'
        as_user alice rm i386
}

# shellcheck disable=SC2016
test_arguments_are_literal() {
        local -a words=('$HOME' '${HOME}' '$$' '%n' '%%' '%%%' '' ' a  b ' '"' "'" '\' '\n' '*' ';' '|' '@-!' $'two\nlines' ä --name=x)

        assert_eq "$(rnx run printf '<%s>' "${words[@]}" | hex)" "$(printf '<%s>' "${words[@]}" | hex)"
        # the same when nobody is attached
        assert_eq "$(rnx wait "$(detached alice test '$HOME %n' = '$HOME %n')"; echo $?)" 0
}

test_options_end_at_the_command() {
        assert_eq "$(rnx run echo --name --detach -n)" '--name --detach -n'
        assert_eq "$(rnx run --name a -- echo -- x)" '-- x'
        assert_eq "$(rnx job run echo job verb)" 'job verb'
}

# shellcheck disable=SC2016
test_environment_is_exact() {
        local value=$'two\nlines "quoted" \'single\' $HOME ${X} %n \\n \\ # ; = end '

        assert_eq "$(rnx run --env "A=$value" --env B= -e C=ü --env A2==x sh -c 'printf %s "$A|${B-unset}|$C|$A2"' | hex)" \
                  "$(printf %s "$value||ü|=x" | hex)"
        assert_eq "$(rnx run --env A=first --env A=last sh -c 'echo "$A"')" last
        for name in NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES WATCHDOG_USEC JOURNAL_STREAM CREDENTIALS_DIRECTORY MAINPID \
                    SYSTEMD_EXEC_PID TMPDIR INVOCATION_ID MEMORY_PRESSURE_WATCH X_PREPEND JOBLET_JOB_ID; do
                assert_eq "$(rnx run -n -e "$name=/x" printenv "$name")" /x
        done
}

# shellcheck disable=SC2016
test_environment_of_the_caller_stays_there() {
        assert_eq "$(as_user alice env FOO=bar rnx run sh -c 'echo "${FOO-unset}"')" unset
        assert_eq "$(as_user alice env FOO='b ar' rnx run --env FOO sh -c 'echo "${FOO-unset}"')" 'b ar'
        assert_exit 125 rnx run --env NOT_SET_HERE true
        assert_match "$output" 'NOT_SET_HERE is not set here'
}

# shellcheck disable=SC2016
test_environment_of_every_job() {
        assert_eq "$(rnx run sh -c 'echo "$HOME $PWD $USER $LANG $PATH"')" \
                  '/work /work joblet-u1000 C.UTF-8 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        assert_eq "$(rnx run --env PATH_PREPEND=/opt/mine sh -c 'echo "$PATH"')" \
                  '/opt/mine:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        assert_match "$(rnx run sh -c 'echo "job $JOBLET_JOB_ID"')" '^job [1-9][0-9]*$'
}

# shellcheck disable=SC2016
test_env_file() {
        printf '%s\n' '# a comment' '' 'A=1 2' 'B="kept as it is"' '  C=$HOME' | put /home/alice/vars
        assert_eq "$(rnx run --env-file=vars --env A=later sh -c 'echo "$A|$B|$C"')" 'later|"kept as it is"|$HOME'
        printf '%s\n' 'A=1' 'not a variable' | put /home/alice/vars
        assert_exit 125 rnx run --env-file=vars true
        assert_match "$output" '^rnx: vars:2: '
}

test_workdir() {
        assert_eq "$(rnx run --workdir=/tmp pwd)" /tmp
        assert_eq "$(rnx run -w / pwd)" /
        assert_exit 125 rnx run --workdir=/nowhere pwd
        assert_one_line "$output"
        assert_match "$output" /nowhere
}

test_name_and_list() {
        local id

        id=$(detached alice --name=the-name true)
        rnx wait "$id"
        assert_eq "$(field "$(record_of "$id")" name)" the-name
        assert_match "$(rnx list)" "$id +the-name +COMPLETED"
}

# shellcheck disable=SC2016
test_detach() {
        local id

        id=$(detached alice sh -c 'echo out; echo err >&2; exit 7')
        assert_exit 7 rnx wait "$id"
        assert_record "$id" state FAILED result exit-code exit_code 7 reason 'exited with code 7' attached false owner 1000
        assert_eq "$(rnx log "$id" 2>/dev/null)" out
        assert_eq "$(rnx log "$id" 2>&1 >/dev/null)" err
}

test_detached_reads_nothing() {
        assert_exit 0 rnx wait "$(echo x | detached alice sh -c '! read -r line')"
}

test_json() {
        local json

        json=$(rnx run --json sh -c 'echo out; exit 3' 2>&1 >/dev/null) || :
        assert_eq "$(field "$json" state)" FAILED
        assert_eq "$(field "$json" exit_code)" 3
        assert_eq "$(rnx run --json echo out 2>/dev/null)" out
        json=$(rnx run --detach --json true)
        assert_eq "$(field "$json" unit)" "joblet-job-$(field "$json" id).service"
        rnx list --json | in_machine python3 -c 'import json, sys; assert isinstance(json.load(sys.stdin), list)'
}

# interrupted COMMAND TIMES: runs COMMAND attached, and once it has written "ready" sends SIGINT to rnx so many times, each
# when the one before was heard of; prints what came, and the exit code
interrupted() {
        # shellcheck disable=SC2016
        as_user alice bash -c '
                out=$(mktemp)
                env --default-signal=INT rnx run sh -c "$1" >"$out" 2>&1 &
                for ((i = 0; i < $2; i++)); do
                        until [ "$(grep -c -e ready -e heard "$out")" -gt "$i" ]; do sleep 0.05; done
                        kill -INT $!
                done
                wait $!
                echo "code $?" >>"$out"
                cat "$out"' bash "$@"
}

test_interrupt_reaches_the_job() {
        assert_eq "$(interrupted 'trap "echo got it; exit 5" INT; echo ready; while :; do sleep 0.1; done' 1)" \
                  $'ready\ngot it\ncode 5'
        # what the user did needs no words
        assert_eq "$(interrupted 'echo ready; exec sleep 60' 1)" $'ready\ncode 130'
}

test_interrupt_on_a_terminal_that_stands_still() {
        assert_match "$(on_terminal alice "y $$" "yes y $$" rnx run yes "y $$")" ' code 130$'
}

test_second_interrupt_stops_the_job() {
        local said

        said=$(interrupted 'trap "echo heard" INT; echo ready; while :; do sleep 0.1; done' 2)
        assert_match "$said" $'^ready\nheard\n(.*\n)?rnx: job [0-9]+ was stopped on request\ncode 1(30|43|37)$'
        # and nothing of it runs on
        assert_eq "$(in_machine systemctl list-units --no-legend --plain 'joblet-job-*')" ''
}

test_reader_that_goes_ends_the_job() {
        assert_eq "$(as_user alice timeout 30 rnx run yes | head -n 1)" y
        wait_until 10 no_job_runs
}

no_job_runs() {
        [ -z "$(in_machine systemctl list-units --no-legend --plain --state=active,activating 'joblet-job-*')" ]
}

test_many_at_once() {
        # shellcheck disable=SC2016
        assert_eq "$(as_user alice sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do rnx run echo "$i" & done; wait' | sort -n | tr '\n' ' ')" \
                  '1 2 3 4 5 6 7 8 9 10 '
}

test_dry_run_line_works() {
        local line dir code=0
        # shellcheck disable=SC2016
        local -a run=(--env 'A=x $y "z" %n' --workdir=/tmp sh -c 'pwd; echo "$A" "$1"; ls / /usr/local /work; id -u | grep -v "^0$" >/dev/null && echo user;
                grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; ls /sys/class/net; echo err >&2; exit 3' sh '$HOME %n')

        line=$(rnx run --dry-run "${run[@]}")
        assert_match "$line" '^systemd-run '
        assert_no_match "$line" $'\n'
        dir=$(mktemp -d)
        rnx run "${run[@]}" >"$dir/job" 2>"$dir/job-err" || code=$?
        assert_eq "$code" 3
        code=0
        in_machine bash -c "$line" >"$dir/unit" 2>"$dir/unit-err" || code=$?
        assert_eq "$code" 3
        diff "$dir/job" "$dir/unit"
        assert_eq "$(cat "$dir/unit-err")" err
        assert_eq "$(cat "$dir/job-err")" err
        assert_match "$(cat "$dir/unit")" 'user'
        rm -r "$dir"
        # it made no job
        assert_eq "$(rnx run --dry-run true >/dev/null && rnx list | tail -n 1 | grep -c systemd-run)" 0
}

# The speed of a client is not that of journald, which here does not take anything at all.
test_text_does_not_wait_for_the_journal() {
        local code=0

        in_machine systemctl kill -s STOP systemd-journald.service
        as_user alice timeout 8 sh -c 'rnx run seq -f %059.0f 500000 | sha256sum' >/tmp/text-$$ 2>&1 || code=$?
        in_machine systemctl kill -s CONT systemd-journald.service
        assert_eq "$code $(cat /tmp/text-$$)" "0 $(seq -f %059.0f 500000 | sha256sum)"
        rm /tmp/text-$$
}

# Bytes without any pattern in which blocks could change places unseen, quick to make.
put_generator() {
        put /home/alice/generate.py <<'END'
import hashlib, sys
block = hashlib.shake_128(b"joblet").digest(1 << 20)
for i in range(int(sys.argv[1])):
    sys.stdout.buffer.write(i.to_bytes(8, "big") + block[8:])
END
}

# shellcheck disable=SC2016
test_bulk_output_is_unchanged() {
        put_generator
        as_user alice bash -o pipefail -c '
                expected=$(python3 generate.py "$1" | sha256sum)
                got=$(rnx run --env "PROGRAM=$(cat generate.py)" sh -c "exec python3 -c \"\$PROGRAM\" $1" | sha256sum)
                echo "$expected"; echo "$got"
                [ "$expected" = "$got" ]' bash "$JOBLET_TEST_BULK_MIB"
}

# shellcheck disable=SC2016
test_bulk_input_is_unchanged() {
        put_generator
        as_user alice bash -o pipefail -c '
                expected=$(python3 generate.py "$1" | sha256sum)
                got=$(python3 generate.py "$1" | rnx run sha256sum)
                echo "$expected"; echo "$got"
                [ "$expected" = "$got" ]' bash "$JOBLET_TEST_BULK_MIB"
}

run_tests "$@"
