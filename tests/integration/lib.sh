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
        in_machine sh -c 'systemctl reset-failed joblet.service 2>/dev/null; systemctl restart joblet.service'
}

# on_terminal USER EXPECT GONE COMMAND...: runs the command on a terminal of its own, reads until EXPECT has come, then
# nothing more, types Ctrl-C, waits until no process has a command line that begins with GONE (unless that is empty), and
# reads on to the end; prints the last of it, and the exit code
on_terminal() {
        local user=$1
        shift

        put /tmp/on-terminal.py <<'END'
import os, pty, subprocess, sys, time

expect, gone, command = sys.argv[1].encode(), sys.argv[2], sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)

def read():
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""

def lives():
    return gone and subprocess.run(["pgrep", "-f", "^" + gone], stdout=subprocess.DEVNULL).returncode == 0

got = b""
while expect not in got:
    piece = read()
    if not piece:
        sys.exit(f"{sys.argv[1]} never came, but {got!r}")
    got += piece
time.sleep(0.5)  # for what is written to come to a stand
os.write(fd, b"\x03")
end = time.monotonic() + 20
while lives():
    if time.monotonic() > end:
        sys.exit(f"{gone} lives on")
    time.sleep(0.05)
while piece := read():
    got = (got + piece)[-1000:]
print(got.decode(errors="replace").replace("\r", ""), "code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
        as_user "$user" python3 /tmp/on-terminal.py "$@"
}

# For python3 -c FILE [SIZE]: a file that takes no room, and for ever to send: more holes than are told, and then a very large one.
# shellcheck disable=SC2034
endless_file='import os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)
for i in range(9000):
    os.pwrite(fd, b"x", i * 8192)
os.truncate(fd, int(sys.argv[2]) if sys.argv[2:] else 1 << 42)'

# stop_all: nothing of a case goes on into the next
stop_all() {
        in_machine sh -c "systemctl stop 'joblet-job-*.service' 2>/dev/null" || :
}
