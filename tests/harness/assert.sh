# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Sourced by every test file of tests/integration and tests/enforcement:
#
#       #!/bin/bash
#       . "$(dirname "$0")/../harness/assert.sh"
#
#       test_exit_code_is_the_jobs() {
#               assert_exit 7 as_user alice rnx run sh -c 'exit 7'
#       }
#
#       run_tests "$@"
#
# Each function test_* is a test case: it runs in a shell of its own, with set -eu and without standard input, and fails
# if a command fails or at TEST_TIMEOUT seconds. Functions setup and teardown, if there are any, run around each case.
# MACHINE is the machine to test (see machine); without one the commands run right here, which is how it goes in the VM.
# The file can also be run by hand: MACHINE=name tests/integration/10-run.sh [PATTERN].

set -eu
assert_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
: "${MACHINE:=}" "${SUITE:=}" "${TEST_TIMEOUT:=120}"

# in_machine COMMAND...: as root in the machine, stdio and exit code as they are
in_machine() {
        if [ -n "$MACHINE" ]; then
                "$assert_dir/machine" exec "$MACHINE" "$@"
        else
                "$@"
        fi
}

# as_user USER COMMAND...: alice and bob are in group joblet, carol is not
as_user() {
        local user=$1

        if [ -n "$MACHINE" ]; then
                "$assert_dir/machine" exec-as "$MACHINE" "$@"
        else
                shift
                env -C "/home/$user" HOME="/home/$user" USER="$user" LOGNAME="$user" \
                        setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
        fi
}

# put FILE [MODE]: writes standard input to a file in the machine
put() {
        # shellcheck disable=SC2016
        in_machine sh -c 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"' sh "$1" "${2:-644}"
}

reboot_machine() {
        [ -n "$MACHINE" ] || skip "needs a machine that can be rebooted"
        "$assert_dir/machine" reboot "$MACHINE" "$@"
}

fail() {
        local i

        for ((i = 0; i < ${#FUNCNAME[@]} - 1; i++)); do
                [ "${BASH_SOURCE[i + 1]}" != "$0" ] || break
        done
        echo "FAILED at ${0##*/}:${BASH_LINENO[i]:-?}: $*" >&2
        exit 1
}

skip() {
        echo "SKIPPED: $*" >&2
        exit 77
}

# assert_eq ACTUAL EXPECTED
assert_eq() {
        [ "$1" = "$2" ] || fail "expected: $(printf %q "$2")"$'\n'"     got: $(printf %q "$1")"
}

# assert_match TEXT REGEX: an extended regular expression, anywhere in the text
assert_match() {
        [[ $1 =~ $2 ]] || fail "no match for $2 in:"$'\n'"$1"
}

assert_no_match() {
        [[ ! $1 =~ $2 ]] || fail "should not match $2:"$'\n'"$1"
}

# assert_exit CODE COMMAND...: the output of the command is left in $output, and is shown
assert_exit() {
        local expected=$1 code=0
        shift

        output=$("$@" 2>&1) || code=$?
        echo "$output"
        [ "$code" = "$expected" ] || fail "exit code $code instead of $expected: $*"
}

# wait_until SECONDS COMMAND...: tries until the command succeeds
wait_until() {
        local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
        shift

        until "$@"; do
                [ "${EPOCHREALTIME/./}" -lt "$end" ] || fail "still false: $*"
                sleep 0.05
        done
}

#
# Running the cases of a file
#

# report STATUS SECONDS NAME [LOG]: one line on stdout, one for the totals, and why it failed
report() {
        printf '%-4s %7.2fs  %s\n' "$1" "$2" "$3"
        [ -z "${RESULTS:-}" ] || printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$RESULTS"
        case $1 in
        FAIL) sed -E '/^\++ assert\.sh:[0-9]+: /d' "$4" | tail -n 60 | sed 's/^/        | /' ;;
        skip) grep -h '^SKIPPED: ' "$4" | tail -n 1 | sed 's/^SKIPPED: /        | /' || : ;;
        esac
}

# Prints the names of the test cases in file $1, in their order.
cases_of() {
        sed -n 's/^test_\([A-Za-z0-9_]*\) *().*/\1/p' "$1"
}

run_case() {
        complete=''
        trap finish_case EXIT
        PS4='+ ${BASH_SOURCE##*/}:${LINENO}: '
        exec {BASH_XTRACEFD}>&2
        if declare -F setup >/dev/null; then
                setup
        fi
        set -x
        "test_$1"
        complete=1
}

# At the end of a case, however it came about; $? is what it ended with.
finish_case() {
        local code=$?

        { set +x; } 2>/dev/null
        if [ "$code" != 77 ] && [ -z "$complete" ]; then
                echo "--- last words of joblet.service"
                in_machine journalctl -b -q --no-pager -n 25 -o short-precise -u joblet.service || :
        fi
        if declare -F teardown >/dev/null; then
                teardown
        fi
} </dev/null

# run_tests [PATTERN]: runs the cases whose full name contains PATTERN
run_tests() {
        local topic case name log start code status failed=0

        if [ "${1:-}" = --case ]; then
                run_case "$2"
                exit
        fi
        topic=$(basename "$0" .sh)
        mkdir -p "${LOG_DIR:=$(mktemp -d)}"
        for case in $(cases_of "$0"); do
                name="${JOBLET_TEST_SANITIZED:+sanitized }${SUITE:+$SUITE/}$topic: $case"
                [[ $name == *"${1:-}"* ]] || continue
                log=$LOG_DIR/$topic.$case.log
                start=${EPOCHREALTIME/./} code=0
                timeout --kill-after=5 "$TEST_TIMEOUT" bash "$0" --case "$case" >"$log" 2>&1 </dev/null || code=$?
                case $code in
                0)   status=ok ;;
                77)  status=skip ;;
                124) status=FAIL; echo "FAILED: no end after $TEST_TIMEOUT seconds" >>"$log" ;;
                *)   status=FAIL ;;
                esac
                [ "$status" != FAIL ] || failed=1
                start=$((${EPOCHREALTIME/./} - start))
                report "$status" "$((start / 1000000)).$(printf %06d $((start % 1000000)))" "$name" "$log"
        done
        exit "$failed"
}
