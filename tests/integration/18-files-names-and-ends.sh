#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Files of every kind and name, and what is fetched however a job ends.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        as_user alice sh -c 'rm -rf ~/in ~/out ~/p && mkdir -p ~/in ~/out ~/p'
}

teardown() {
        stop_all
}

# in_home SCRIPT: as alice, in a shell
in_home() {
        as_user alice bash -c "$1"
}

test_names_are_bytes() {
        # shellcheck disable=SC2016
        in_home 'cd in && for n in "A\u030a" "\u00c5" "\xff\xfe" "a\nb" "a:b" "a\\\\b" "-n" "*" "[x]" " " "\x01\x1b[31m" "\ud55c" "$(printf "n%.0s" {1..255})"; do
                        n=$(printf "%bx" "$n"); n=${n%x}; echo "${#n}" >"${n:0:255}"; done
                mkdir -p "$(printf "d%.0s" {1..200})/$(printf "e%.0s" {1..200})" && ln -s "$(printf "l%.0s" {1..300})" link'
        rnx run -n --upload=in --download=in:out/ true
        in_home 'diff -r --no-dereference in out/in'
        in_home 'cd in && for n in *; do [ -L "$n" ] || [ -d "$n" ] || rnx run -n --upload="$n" sh -c "ls | wc -l" || exit; done' | sort -u | grep -x 1
}

test_names_in_download() {
        put /tmp/names.sh <<'END'
cd out
rnx run -n '--download=a\:b:c:d' '--download=\*' '--download=x\\y' --download="$(printf '\377\nz')" '--download=\376' '--download=data[1].csv:./' '
        for n in a:b "*" "x\y" "data[1].csv" data1.csv ab; do echo "$n" >"$n"; done
        : >"$(printf "\377\nz")"; : >"$(printf "\376")"'
ls -b | LC_ALL=C sort
END
        assert_eq "$(as_user alice bash /tmp/names.sh)" '*
\376
\377\nz
c:d
data[1].csv
x\\y'
        assert_exit 125 rnx run -n --download=x\\ true
        assert_one_line "$output"
        assert_match "$output" 'backslash'
}

test_times_holes_and_modes() {
        in_home "cd in && touch -d '2020-01-02 03:04:05.123456789' f && touch -d '1969-12-31 23:59:58.25 UTC' old && truncate -s 300M hole && echo end >>hole"
        # shellcheck disable=SC2016
        assert_eq "$(rnx run -n --upload-dir=in --download=f:out/ --download=old:out/ --download=hole:out/ --download=d:out/ \
                        'stat -c %b hole | { read -r n; [ $n -lt 1000 ] && echo small; }; mkdir d; chmod 777 d; echo x >d/x; chmod 777 d/x; tail -c 4 hole')" \
                  $'small\nend'
        assert_eq "$(in_home 'cd out && stat -c %.9Y f old')" "$(in_home 'cd in && stat -c %.9Y f old')"
        [ "$(in_home 'stat -c %b out/hole')" -lt 1000 ]
        in_home 'cmp in/hole out/hole'
        assert_eq "$(in_home 'stat -c %a out/d out/d/x')" $'755\n755'
        in_home 'umask 077 && rnx run -n --download=s:out/ --download=t:out/ "echo secret >s; mkdir -m 755 t; echo x >t/u; chmod 777 t/u"'
        assert_eq "$(in_home 'stat -c %a out/s out/t out/t/u')" $'600\n700\n700'
}

test_sizes_that_the_kernel_does_not_tell() {
        assert_eq "$(rnx run -n --upload=/proc/version --upload=/sys/kernel/mm/transparent_hugepage/enabled cat version enabled)" \
                  "$(in_machine cat /proc/version /sys/kernel/mm/transparent_hugepage/enabled)"
        in_home 'rnx run -n --download=/proc/version:out/ true && cmp out/version /proc/version'
}

test_projects_as_they_are() {
        in_home 'cd p && mkdir -p node_modules/.bin node_modules/pkg .venv/bin && echo works >node_modules/pkg/cli
                ln -s ../.bin/../pkg/cli node_modules/.bin/cli; ln -s /usr/bin/python3 .venv/bin/python3; ln -s ../../outside leaves; ln -s nothing dangling
                mkfifo fifo; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")"'
        # shellcheck disable=SC2016
        assert_exit 0 rnx run -n --upload=p 'cat p/node_modules/.bin/cli; readlink p/.venv/bin/python3 p/leaves p/dangling; ls p'
        assert_eq "$output" "$(printf '%s\n' "rnx: --upload: 'p/fifo' is left out: it is a FIFO" "rnx: --upload: 'p/sock' is left out: it is a socket" \
                works /usr/bin/python3 ../../outside nothing dangling leaves node_modules)"
        in_home 'for i in $(seq 30); do mkfifo p/fifo$i; done'
        assert_exit 0 rnx run -n --upload-dir=p true
        assert_eq "$(wc -l <<<"$output")" 21
        assert_match "$output" $'\nrnx: and 12 more are left out$'
        in_home 'echo secret >p/secret && chmod 0 p/secret'
        assert_exit 125 rnx run -n --upload=p echo must not run
        assert_match "$output" "rnx: --upload: cannot send 'p/secret': Permission denied; --upload-ignore=PATTERN leaves it out"
        assert_no_match "$output" 'must not run'
        assert_exit 0 rnx run -n --upload=p --upload-ignore=secret --upload-ignore='fifo*' --upload-ignore=sock ls p
        assert_eq "$output" $'dangling\nleaves\nnode_modules'
        # and back: what would lead out is left out there
        assert_exit 125 rnx run -n --upload=p --upload-ignore=secret --upload-ignore='fifo*' --upload-ignore=sock --download=p:out/ true
        assert_match "$output" "'p/leaves' is a link that leads out of the download, left out"
        assert_eq "$(in_home 'cat out/p/node_modules/.bin/cli')" works
}

test_ignore() {
        in_home 'cd p && mkdir -p .git/objects src/build build && touch .git/objects/x src/a.c src/a.o src/build/y build/z keep.o log.txt
                printf "%s\n" "# made by the compiler" "*.o" "!keep.o" "/build/" ".git" >.jobletignore'
        assert_eq "$(rnx run -n --upload=p 'cd p && find . -type f | LC_ALL=C sort')" $'./.jobletignore\n./keep.o\n./log.txt\n./src/a.c\n./src/build/y'
        assert_eq "$(rnx run -n --upload-dir=p --upload-ignore='!*.o' --upload-ignore='*.txt' 'find . -type f | LC_ALL=C sort')" \
                  $'./.jobletignore\n./keep.o\n./src/a.c\n./src/a.o\n./src/build/y'
}

test_follow_links() {
        in_home 'cd p && mkdir d && echo x >d/f && ln -s d l && ln -s d/f m && ln -s nothing n'
        assert_exit 0 rnx run -n --upload=p --follow-links 'cat p/l/f p/m; find p -type l'
        assert_eq "$output" $'rnx: --upload: \'p/n\' is left out: it is a link to nothing\nx\nx'
        in_home 'ln -s .. p/d/up'
        assert_exit 125 rnx run -n --upload=p --follow-links true
        assert_match "$output" "cannot send 'p/d/up': it is a link to a directory that it is in"
}

test_named_links_and_patterns() {
        in_home 'cd out && rnx run -n --download=latest --download=dir --download="*.png" "echo weights >model-7; ln -s model-7 latest; mkdir real; echo x >real/f; ln -s real dir; touch a.png b.png .c.png d.jpg"'
        assert_eq "$(in_home 'cd out && cat latest dir/f; test ! -L latest && ls -A | tr "\n" " "')" $'weights\nx\na.png b.png dir latest '
        assert_exit 125 rnx run -n --download='*.tiff:out/' true
        assert_eq "$output" 'rnx: --download=*.tiff: nothing in the job matches'
        assert_exit 125 rnx run -n --download='*.png:nowhere' echo must not run
        assert_one_line "$output"
        assert_match "$output" "'nowhere' must be a directory"
        assert_exit 125 rnx run -n --download=l:out/ 'ln -s gone l'
        assert_eq "$output" "rnx: not in the download, or not all of it: l: it is a link to 'gone', which is not in the job"
}

test_two_downloads_for_one_place() {
        local before

        before=$(detached alice true)
        assert_exit 125 rnx run -n --download=a:out/x --download=b:./out//x true
        assert_one_line "$output"
        assert_match "$output" "'a' and 'b' would both be written to 'x' here"
        assert_exit 125 rnx run -n --download=d/a --download=./a true
        assert_one_line "$output"
        assert_eq "$(detached alice true)" $((before + 1))
        # which only the job can tell
        assert_exit 125 rnx run -n --download='*.a:out/' --download=d/x.a:out/ 'mkdir d; echo 1 >x.a; echo 2 >d/x.a'
        assert_match "$output" "'x.a' is what another --download has put there, left out"
        assert_eq "$(in_home 'cat out/x.a')" 1
}

# fetched CODE ARG...: checkpoint was
fetched() {
        local code=$1
        shift

        in_home 'rm -f out/checkpoint'
        assert_exit "$code" rnx run -n --download=checkpoint:out/ "$@"
        assert_eq "$(in_home 'cat out/checkpoint')" 1
        assert_no_match "$output" 'checkpoint'
}

test_fetched_in_every_end() {
        local job

        fetched 0 'echo 1 >checkpoint'
        fetched 3 'echo 1 >checkpoint; exit 3'
        # shellcheck disable=SC2016
        fetched 139 'echo 1 >checkpoint; kill -SEGV $$'
        fetched 124 --timeout=1 'echo 1 >checkpoint; exec sleep 300'
        configure StopTimeoutSec=3
        fetched 124 --timeout=1 'trap "" TERM; echo 1 >checkpoint; while :; do sleep 0.1; done'
        as_user alice rnx run -n --name=stopped --download=checkpoint:out/stopped 'trap "echo 2 >checkpoint; exit" TERM; echo 1 >checkpoint; echo ready; while :; do sleep 0.1; done' >"/tmp/stopped-$$" 2>&1 &
        wait_until 20 grep -q ready "/tmp/stopped-$$"
        job=$(rnx list --no-legend --limit=1 | cut -d' ' -f1)
        rnx stop "$job"
        wait $! || :
        assert_eq "$(in_home 'cat out/stopped')" 2
        assert_record "$job" state STOPPED
        rm "/tmp/stopped-$$"
        configure
}

# Where there is no time left, what is missing is named.
test_not_fetched_is_told() {
        configure StopTimeoutSec=2
        assert_exit 124 rnx run -n --timeout=1 --download=small:out/ --download=huge:out/ --download=last:out/ \
                sh -c "echo 1 >small; echo 2 >last; python3 -c '$endless_file' huge; sleep 300"
        configure
        assert_match "$output" $'rnx: the download broke off: .*\nrnx: --download=huge: was not fetched completely\nrnx: --download=last: was not fetched\n'
        assert_eq "$(in_home 'cat out/small; ls -A out')" $'1\nsmall'
}

test_ctrl_c_ends_a_download() {
        local said

        as_user alice sh -c 'echo old >out/huge'
        said=$(on_terminal alice ready '' rnx run -n --download=huge:out/ sh -c "python3 -c '$endless_file' huge; echo ready; exit 3")
        assert_match "$said" 'rnx: the download broke off: it was interrupted
rnx: --download=huge: was not fetched completely
 code 130$'
        assert_eq "$(as_user alice sh -c 'cat out/huge; ls -A out')" $'old\nhuge'
        assert_record "$(rnx list --no-legend --limit=1 | cut -d' ' -f1)" state FAILED exit_code 3
}

# with_killed_helper WHEN ARG...: rnx ARG... whose helper process is killed as soon as WHEN, a command, is true; prints what it
# says and its exit code
with_killed_helper() {
        # shellcheck disable=SC2016
        as_user alice bash -c 'when=$1
                shift
                rnx "$@" 2>&1 &
                pid=$!
                until helper=$(pgrep -P "$pid") && eval "$when"; do sleep 0.02; done
                kill -KILL "$helper"
                wait "$pid"
                echo "code $?"' bash "$@"
}

# Half of the files are none: what was to be sent or fetched is told to be missing, whatever happened to who does it.
test_helper_that_is_killed() {
        local said id

        as_user alice python3 -c "$endless_file" huge $((8 << 30))
        said=$(with_killed_helper true run -n --upload=huge echo 'must not run')
        assert_match "$said" $'(^|\n)rnx: the process that packs the upload was killed by signal KILL\n'
        assert_match "$said" $'\ncode 125$'
        assert_no_match "$said" $'(^|\n)must not run'
        said=$(with_killed_helper true run --detach --upload=huge echo 'must not run')
        [[ $said =~ ^'rnx: the process that packs the upload was killed by signal KILL'$'\n''rnx: job '([0-9]+)' did not start: '.*$'\ncode 125'$ ]] ||
                fail "told otherwise: $said"
        id=${BASH_REMATCH[1]}
        assert_exit 125 rnx wait "$id"
        assert_record "$id" state FAILED
        assert_no_match "$(rnx log "$id" 2>&1)" $'(^|\n)must not run'
        as_user alice sh -c 'rm huge; mkdir -p killed; echo old >killed/x'
        # shellcheck disable=SC2016
        said=$(with_killed_helper 'ls -d killed/.rnx-download-* >/dev/null 2>&1' run -n --download=x:killed/ python3 -c "$endless_file" x)
        assert_match "$said" $'(^|\n)rnx: the process that unpacks the download was killed by signal KILL\n'
        assert_match "$said" $'code 125$'
        assert_eq "$(as_user alice cat killed/x)" old
        as_user alice rm -r killed
}

run_tests "$@"
