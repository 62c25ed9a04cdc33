#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# Nothing is lost, whatever happens to the daemon or the machine.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

# it takes a minute or two: once in full is enough
case $SUITE in
bookworm) : "${JOBLET_TEST_KILLS:=100}" ;;
*)        : "${JOBLET_TEST_KILLS:=200}" ;;
esac
TEST_TIMEOUT=${TEST_TIMEOUT_SURVIVE:-240}

# Kills the daemon again and again while six clients submit jobs, detached and attached, that end at once or a little
# later, with exit codes of all kinds, and stop some of them, early or late. Each client notes what it was told; the end
# of each job it must find out later.
test_killed_again_and_again() {
        local told

        in_machine sh -c 'rm -f /tmp/stop /home/alice/told-*'
        put /tmp/client.sh 755 <<'END'
# client.sh NUMBER: until /tmp/stop is there
n=0
while [ ! -e /tmp/stop ]; do
        n=$((n + 1)) code=$(((n * 7 + $1 * 13) % 200)) sleep=0
        [ $((n % 3)) != 0 ] || sleep=0.$((n % 10))
        if [ $((n % 5)) = 4 ]; then
                # one that would run for long, or one that may end at the same moment
                [ $((n % 10)) = 4 ] && sleep=600 script='exec sleep 600' || sleep=0.0$((n % 10)) script="sleep 0.0$((n % 10)); exit $code"
                id=$(rnx run --detach --name="c$1-$n" sh -c "$script" 2>>errors-$1) || continue
                rnx stop "$id" 2>>errors-$1
                echo "$id $code c$1-$n stop $? $sleep" >>told-$1
        elif [ $((n % 2)) = 0 ]; then
                id=$(rnx run --detach --name="c$1-$n" sh -c "sleep $sleep; echo said $1-$n; exit $code" 2>>errors-$1) || id=refused
                echo "$id $code c$1-$n" >>told-$1
        else
                said=$(rnx run --name="c$1-$n" sh -c "sleep $sleep; echo said $1-$n; exit $code" 2>>errors-$1)
                echo "attached $code c$1-$n $? $said" >>told-$1
        fi
done
END
        put /tmp/killer.sh 755 <<'END'
# killer.sh TIMES: kills each instance of the daemon at a random moment: of its own life, or of that of the jobs
told() {
        cat /home/alice/told-* 2>/dev/null | wc -l
}
n=0 last=0
while [ "$n" -lt "$1" ]; do
        pid=$(systemctl show --value -p MainPID joblet.service)
        if [ "$pid" = 0 ] || [ "$pid" = "$last" ]; then
                sleep 0.02
                continue
        fi
        if [ $((n % 2)) = 1 ]; then
                before=$(told) tries=0
                until [ "$(told)" -ge $((before + 3)) ] || [ $((tries = tries + 1)) -gt 100 ]; do
                        sleep 0.02
                done
        fi
        sleep "0.$(printf %03d $((RANDOM % 200)))"
        kill -KILL "$pid" && n=$((n + 1)) last=$pid
        systemctl reset-failed joblet.service
done
echo "$n"
END
        in_machine sh -c 'mkdir -p /etc/systemd/system/joblet.service.d && printf "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=10ms\n" >/etc/systemd/system/joblet.service.d/test.conf && systemctl daemon-reload && systemctl start joblet'
        as_user alice bash -c 'for i in 1 2 3 4 5 6; do bash /tmp/client.sh $i & done; wait' &
        assert_eq "$(in_machine bash /tmp/killer.sh "$JOBLET_TEST_KILLS")" "$JOBLET_TEST_KILLS"
        in_machine touch /tmp/stop
        wait

        told=$(as_user alice sh -c 'cat told-*')
        echo "$told" | wc -l
        # Whatever was accepted has the right end, once, and nothing was taken for accepted that was not.
        as_user alice python3 - <<'END'
import collections, glob, json, subprocess, sys

def rnx(*args):
    return subprocess.run(["rnx", *args], stdout=subprocess.PIPE, text=True)

told = [line.split() for name in glob.glob("told-*") for line in open(name)]
expected = {t[2]: int(t[1]) for t in told}
ids = [t[0] for t in told if t[0].isdigit()]
if ids:
    rnx("wait", *[t[0] for t in told if t[0].isdigit() and not (t[3:4] == ["stop"] and t[4] != "0" and t[5] == "600")])
    # what was not stopped, since nobody answered
    for t in told:
        if t[3:4] == ["stop"] and t[4] != "0" and t[5] == "600":
            rnx("stop", t[0])
            rnx("wait", t[0])
# and what was accepted, though nobody was told its number
for job in json.loads(rnx("list", "--json").stdout):
    if job["state"] in ("INITIALIZING", "RUNNING"):
        rnx("stop", str(job["id"]))
        rnx("wait", str(job["id"]))
jobs = json.loads(rnx("list", "--json").stdout)
bad = []

for what, seen in (("id", [j["id"] for j in jobs]), ("id told", ids)):
    twice = [i for i, n in collections.Counter(seen).items() if n > 1]
    if twice:
        bad.append(f"{what} given twice: {twice}")
by_name = collections.defaultdict(list)
for job in jobs:
    by_name[job["name"]].append(job)
by_id = {str(j["id"]): j for j in jobs}

unanswered = stopped = 0
for t in told:
    end = [(j["state"], j["exit_status"]) for j in by_name[t[2]]]
    right = ("COMPLETED" if expected[t[2]] == 0 else "FAILED", expected[t[2]])
    if t[0] == "refused":
        # Never accepted, so that it may be missing; if it is there, it ran once.
        unanswered += 1
        if len(end) > 1:
            bad.append(f"{t}: ran {len(end)} times")
    elif t[0] == "attached":
        if int(t[3]) == expected[t[2]]:
            if end != [right]:
                bad.append(f"{t}: client saw the right end, recorded is {end}")
            if t[4:] != ["said", t[2][1:]]:
                bad.append(f"{t}: output is wrong")
        elif t[3] != "125" or len(end) > 1:
            bad.append(f"{t}: client saw another end; recorded is {end}")
        else:
            unanswered += 1
    elif t[0] not in by_id or by_id[t[0]]["name"] != t[2]:
        bad.append(f"{t}: accepted and forgotten")
    elif t[3:4] == ["stop"]:
        stopped += 1
        acknowledged, long = t[4] == "0", t[5] == "600"
        if len(end) != 1:
            bad.append(f"{t}: ran {len(end)} times")
        elif end[0][0] == "STOPPED":
            # by SIGTERM, or before it was started
            if long and end[0][1] not in (143, 125):
                bad.append(f"{t}: stopped, but recorded is {end}")
        elif long and acknowledged:
            bad.append(f"{t}: a stop that was acknowledged is forgotten, recorded is {end}")
        elif long or end != [right]:
            bad.append(f"{t}: recorded is {end}")
    elif end != [right]:
        bad.append(f"{t}: recorded is {end}")
print(f"{len(told)} submitted, {len(jobs)} recorded, {stopped} stopped, {unanswered} without an answer, {len(bad)} wrong")
print("\n".join(bad[:20]))
sys.exit(bool(bad) or len(told) - unanswered < 40)
END
        # and nothing is left behind
        assert_eq "$(in_machine systemctl list-units --all --no-legend --plain 'joblet-job-*')" ''
        assert_eq "$(in_machine sh -c 'ls -A /run/joblet/jobs')" ''
}

test_jobs_that_end_without_the_daemon() {
        local -A id
        local key

        id[ok]=$(detached alice sleep 1.5)
        id[code]=$(detached alice sh -c 'sleep 1.5; exit 42')
        id[signal]=$(detached alice sh -c 'sleep 1.5; kill -KILL $$')
        id[timeout]=$(detached alice --timeout=1.5 sleep 60)
        id[longer]=$(detached alice sh -c 'until [ -e /work/../tmp/never ]; do sleep 0.2; [ $((n = n + 1)) -lt 40 ] || exit 9; done')
        in_machine sh -c 'systemctl mask --runtime --now joblet.service 2>/dev/null'
        all_but_one_have_ended() {
                [ "$(in_machine systemctl list-units --no-legend --plain --state=active 'joblet-job-*' | wc -l)" = 1 ]
        }
        wait_until 20 all_but_one_have_ended
        in_machine sh -c 'systemctl unmask --runtime joblet.service 2>/dev/null; systemctl start joblet.service'
        assert_record "${id[longer]}" state RUNNING
        for key in ok code signal timeout; do
                as_user alice rnx wait "${id[$key]}" || :
        done
        assert_record "${id[ok]}" state COMPLETED result success exit_code 0
        assert_record "${id[code]}" state FAILED result exit-code exit_code 42
        assert_record "${id[signal]}" state FAILED result signal exit_signal 9
        assert_record "${id[timeout]}" state TIMEOUT result timeout
        assert_exit 9 rnx wait "${id[longer]}"
}

test_restart_and_reexec_do_not_touch_jobs() {
        local id pid

        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'until [ -e go ]; do i=$((i + 1)); echo $i; sleep 0.05; done; exit 6')
        pid=$(unit_property "joblet-job-$id" MainPID)
        in_machine systemctl restart joblet.service
        in_machine systemctl daemon-reexec
        in_machine systemctl daemon-reload
        assert_eq "$(unit_property "joblet-job-$id" MainPID)" "$pid"
        in_machine touch "/var/lib/joblet/work/$id/go"
        assert_exit 6 rnx wait "$id"
        [ "$(rnx log "$id" | wc -l)" -gt 5 ]
        rnx log "$id" | cmp - <(seq "$(rnx log "$id" | wc -l)")
}

test_restart_of_the_bus() {
        local id before

        id=$(detached alice sh -c 'until [ -e go ]; do sleep 0.1; done; exit 6')
        before=$(unit_property joblet.service MainPID)
        in_machine systemctl restart dbus.service
        is_another_daemon() {
                [[ $(unit_property joblet.service MainPID) != @(0|$before) ]]
        }
        # by itself, not because somebody calls
        wait_until 20 is_another_daemon
        in_machine touch "/var/lib/joblet/work/$id/go"
        assert_exit 6 rnx wait "$id"
}

test_attached_client_over_a_restart() {
        local out pid

        out=$(mktemp)
        as_user alice sh -c 'rnx run sh -c "echo ready; sleep 1; echo after; exit 6" 2>&1; echo "code $?"' >"$out" &
        pid=$!
        wait_until 10 grep -q ready "$out"
        in_machine systemctl restart joblet.service
        wait "$pid"
        assert_eq "$(cat "$out")" $'ready\nafter\ncode 6'
        rm "$out"
}

test_client_that_vanishes() {
        local id out

        out=$(mktemp)
        # shellcheck disable=SC2016
        as_user alice sh -c 'rnx run --name=orphan sh -c "echo before; until [ -e /tmp/go ]; do sleep 0.1; n=\$((n + 1)); [ \$n -lt 15 ] || break; done; echo behind; echo err >&2; exit 8" 2>/dev/null & echo $! >pid; wait' >"$out" 2>&1 &
        wait_until 10 grep -q before "$out"
        as_user alice sh -c 'kill -KILL "$(cat pid)"'
        id=$(rnx list --no-legend --limit=1 | cut -d' ' -f1)
        assert_record "$id" state RUNNING name orphan
        assert_exit 8 rnx wait "$id"
        assert_eq "$(rnx log "$id" 2>/dev/null)" $'before\nbehind'
        assert_eq "$(rnx log "$id" 2>&1 >/dev/null)" err
        assert_no_match "$(cat "$out")" behind
        rm "$out"
}

# A job fills the file system of the daemon's state and fails: how it ended is known, and on record once there is place.
test_a_full_file_system() {
        local id

        in_machine sh -c 'systemctl stop joblet.service; mkdir -p /var/lib/joblet && mount -t tmpfs -o size=8M,mode=755 tmpfs /var/lib/joblet && systemctl start joblet.service'
        assert_exit 7 rnx run sh -c 'cat /dev/zero >big 2>/dev/null; exit 7'
        id=$(rnx list --no-legend --limit=1 | cut -d' ' -f1)
        assert_record "$id" state FAILED result exit-code exit_code 7
        wait_until 20 in_machine grep -qx EXIT_CODE=7 "/var/lib/joblet/jobs/$id"
        in_machine systemctl kill -s KILL joblet.service
        assert_record "$id" state FAILED result exit-code exit_code 7

        # while nothing can be written, it is tried again
        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'until [ -e go ]; do sleep 0.1; done; exit 8')
        in_machine sh -c "touch /var/lib/joblet/work/$id/go; cat /dev/zero >/var/lib/joblet/full 2>/dev/null" || :
        assert_exit 8 rnx wait "$id"
        in_machine rm /var/lib/joblet/full
        wait_until 20 in_machine grep -qx EXIT_CODE=8 "/var/lib/joblet/jobs/$id"
        in_machine sh -c 'systemctl stop joblet.service && umount /var/lib/joblet && systemctl start joblet.service'
}

# What the relay would have written is known in other ways, too.
test_an_outcome_that_is_missing() {
        local first second

        first=$(detached alice sh -c 'until [ -e go ]; do sleep 0.1; done; exit 7')
        second=$(detached alice sh -c 'until [ -e go ]; do sleep 0.1; done; exit 7')
        in_machine rm "/var/lib/joblet/outcomes/$first" "/var/lib/joblet/outcomes/$second"
        in_machine touch "/var/lib/joblet/work/$first/go"
        assert_exit 7 rnx wait "$first"
        assert_record "$first" state FAILED result exit-code exit_code 7 reason 'exited with code 7'
        in_machine systemctl restart joblet.service
        in_machine touch "/var/lib/joblet/work/$second/go"
        assert_exit 7 rnx wait "$second"
        assert_record "$second" state FAILED result exit-code exit_code 7 reason 'exited with code 7'
}

# The child that removes a large workspace, held at its work: it keeps nothing of the daemon's open, and does not hold
# up the next daemon.
test_a_workspace_being_removed_holds_up_nobody() {
        in_machine python3 - <<'END'
import os, pathlib, signal, subprocess, time

def run(*args, **kwargs):
    return subprocess.run(["rnx", *args], stdout=subprocess.PIPE, text=True, timeout=60, **kwargs).stdout.strip()

def main_pid():
    return subprocess.run(["systemctl", "show", "--value", "-p", "MainPID", "joblet"], stdout=subprocess.PIPE, text=True).stdout.strip()

def worker_of(daemon):
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = path.read_text().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if name == "jobletd" and rest.split()[1] == daemon:
            return int(path.parent.name)

# its own directories at most: when it begins it still has what the daemon has
def worker_with_little():
    try:
        pid = worker_of(daemon)
        return pid if pid and {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")} <= set(range(10)) else None
    except OSError:
        return None

def wait_for(what, seconds):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "in vain"
    return found

other = run("run", "--detach", "sleep", "1000")
log = subprocess.Popen(["rnx", "log", "-f", other])
daemon = main_pid()
run("run", "--detach", "sh", "-c", "for d in 1 2 3 4 5 6; do mkdir $d; (cd $d && seq 1000 | xargs touch); done")
worker = wait_for(worker_with_little, 60)
os.kill(worker, signal.SIGSTOP)
status = pathlib.Path(f"/proc/{worker}/status").read_text()
assert "\nSigBlk:\t0000000000000000\n" in status, status

subprocess.run(["rnx", "stop", other], check=True)
log.wait(timeout=8)
assert os.path.exists(f"/proc/{worker}"), "the child was not held"
start = time.monotonic()
os.kill(int(daemon), signal.SIGKILL)
run("list")
wait_for(lambda: main_pid() not in ("0", daemon), 8)
assert not os.path.exists(f"/proc/{worker}"), "the child goes on"
# what is left is removed by the next one
wait_for(lambda: not os.listdir("/var/lib/joblet/work"), 60)
END
}

test_records_survive_a_reboot() {
        local ended running last

        ended=$(detached alice --name=before-reboot sh -c 'echo kept; exit 5')
        assert_exit 5 rnx wait "$ended"
        running=$(detached alice sh -c 'trap "" TERM; echo ready; sleep 300')
        last=$(detached bob sleep 300)
        wait_until 10 in_log "$running" ready
        reboot_machine
        assert_record "$ended" name before-reboot state FAILED result exit-code exit_code 5
        assert_eq "$(rnx log "$ended")" kept
        # cut off, and recorded as such
        [[ $(field "$(record_of "$running")" result) =~ ^(stopped|lost|signal)$ ]]
        [[ $(field "$(record_of "$last")" result) =~ ^(stopped|lost|signal)$ ]]
        assert_match "$(field "$(record_of "$last")" reason)" 'host went down'
        assert_eq "$(detached alice true)" $((last + 1))
}

test_power_failure() {
        local ended running

        ended=$(detached alice sh -c 'exit 5')
        assert_exit 5 rnx wait "$ended"
        running=$(detached alice sleep 300)
        reboot_machine --hard
        assert_record "$ended" state FAILED exit_code 5
        assert_record "$running" state FAILED result lost
        assert_match "$(rnx status "$running")" 'was lost: the host went down'
        [ "$(detached alice true)" -gt "$running" ]
}

run_tests "$@"
