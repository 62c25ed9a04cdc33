# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Sourced by the tests of Joblet itself, after assert.sh: words for what they do again and again.

# rnx ARG...: as alice
rnx() {
        as_user alice rnx "$@"
}

# detached USER ARG...: rnx run --detach; prints the id
detached() {
        local user=$1 id
        shift

        id=$(as_user "$user" rnx run --detach "$@") || fail "not accepted: $*"
        [[ $id =~ ^[1-9][0-9]*$ ]] || fail "not an id: $id"
        echo "$id"
}

# record_of ID: all that is known of a job, as JSON in one line
record_of() {
        in_machine rnx status --json "$1"
}

# field JSON KEY: a value of an object without its quotes; null is "null"
field() {
        local value="\"$2\":(\"(([^\"\\\\]|\\\\.)*)\"|[^,}]*)"

        [[ $1 =~ $value ]] || fail "no $2 in $1"
        if [[ ${BASH_REMATCH[1]} == \"* ]]; then
                echo "${BASH_REMATCH[2]}"
        else
                echo "${BASH_REMATCH[1]}"
        fi
}

# assert_record ID KEY VALUE [KEY VALUE]...
assert_record() {
        local record

        record=$(record_of "$1")
        shift
        while [ $# -gt 0 ]; do
                [ "$(field "$record" "$1")" = "$2" ] || fail "$1 is not '$2' in $record"
                shift 2
        done
}

# unit_property UNIT NAME: as systemd knows it
unit_property() {
        in_machine systemctl show --value -p "$2" "$1"
}

job_is() {
        [ "$(field "$(record_of "$1")" state)" = "$2" ]
}

# in_log ID TEXT: whether the job has written it yet
in_log() {
        in_machine rnx log "$1" 2>&1 | grep -qF -e "$2"
}

# one_line TEXT: an error is one line, and says who speaks
assert_one_line() {
        [[ $1 == rnx:* && $1 != *$'\n'* ]] || fail "not one line of rnx: $1"
}

# configure LINE...: settings of jobletd, in force at once; without any the defaults
configure() {
        if [ $# -gt 0 ]; then
                printf '%s\n' '[Job]' "$@" | put /etc/joblet/jobletd.conf.d/test.conf
        else
                in_machine rm -f /etc/joblet/jobletd.conf.d/test.conf
        fi
        in_machine systemctl restart joblet.service
}

# stop_all: nothing of a case goes on into the next
stop_all() {
        in_machine sh -c "systemctl stop 'joblet-job-*.service' 2>/dev/null" || :
}
