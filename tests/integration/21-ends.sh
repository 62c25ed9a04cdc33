#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# How jobs end when several things happen at once, and what is left of a daemon that died or of files that were damaged.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

manager=(org.joblet /org/joblet org.joblet.Manager1)

# the daemon is started more often than is usual
setup() {
        in_machine sh -c 'mkdir -p /etc/systemd/system/joblet.service.d && printf "[Unit]\nStartLimitIntervalSec=0\n" >/etc/systemd/system/joblet.service.d/test.conf && systemctl daemon-reload'
}

# kill_daemon: and waits for the next one
kill_daemon() {
        in_machine systemctl kill -s KILL joblet.service
        in_machine systemctl start joblet.service
}

# A daemon that comes back reaches the relays: a signal goes to the command, not to the relay and everything else.
test_a_signal_after_a_restart() {
        local id

        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'trap "echo got it; exit 5" TERM; echo ready; while :; do sleep 0.1; done')
        wait_until 10 in_log "$id" ready
        kill_daemon
        in_machine busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Kill i 15
        assert_exit 5 rnx wait "$id"
        assert_record "$id" state FAILED result exit-code exit_code 5
        in_log "$id" 'got it'

        # also if it was stopped in order, and again
        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'trap "echo got it" USR1; trap "exit 6" USR2; echo ready; while :; do sleep 0.1; done')
        wait_until 10 in_log "$id" ready
        in_machine systemctl stop joblet.service
        in_machine busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Kill i 10
        wait_until 10 in_log "$id" 'got it'
        kill_daemon
        in_machine busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Kill i 12
        assert_exit 6 rnx wait "$id"
}

# The daemon died between writing down that it would stop a job and doing it.
test_a_stop_that_was_only_written_down() {
        local id

        id=$(detached alice sleep 300)
        in_machine systemctl stop joblet.service
        in_machine sed -i 's/^STOP_REQUESTED=.*/STOP_REQUESTED=1/' "/var/lib/joblet/jobs/$id"
        in_machine systemctl start joblet.service
        wait_until 20 job_is "$id" STOPPED
        assert_record "$id" result stopped reason 'was stopped on request'
        assert_exit 143 rnx wait "$id"
}

# The same before its unit was asked for: it is stopped, and who repeats the call does not get another one.
test_a_stop_before_the_start_that_was_only_written_down() {
        local last

        last=$(detached alice true)
        rnx wait "$last"
        in_machine systemctl stop joblet.service
        in_machine sh -c "cd /var/lib/joblet/jobs && sed -e 's/^ID=.*/ID=$((last + 1))/' -e 's/^STATE=.*/STATE=INITIALIZING/' -e '/^\(RESULT\|REASON\|EXIT_CODE\|STARTED\|FINISHED\)=/d' \
                -e 's/^STOP_REQUESTED=.*/STOP_REQUESTED=1\nREQUEST_ID=0123456789abcdef0123456789abcdef/' $last >$((last + 1)) && systemctl start joblet.service"
        assert_record $((last + 1)) state STOPPED reason 'was stopped on request, before its command was started'
        assert_eq "$(as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 RequestId s 0123456789abcdef0123456789abcdef)" \
                "to $((last + 1)) \"/org/joblet/job/$((last + 1))\""
        assert_exit 125 rnx wait $((last + 1))
}

# Stopped by systemctl with time left, and slow to end: that is not its time limit. And a stop on request is one,
# however long it takes.
test_slow_stops_are_no_time_limits() {
        local by_systemctl by_rnx

        configure StopTimeoutSec=1s
        by_systemctl=$(detached alice --timeout=5min sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done')
        by_rnx=$(detached alice --timeout=5min sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done')
        wait_until 10 in_log "$by_systemctl" ready
        wait_until 10 in_log "$by_rnx" ready
        in_machine systemctl stop "joblet-job-$by_systemctl"
        rnx stop "$by_rnx"
        assert_exit 137 rnx wait "$by_systemctl"
        assert_exit 137 rnx wait "$by_rnx"
        assert_record "$by_systemctl" state STOPPED reason 'was stopped from outside: by systemctl, or because the host went down'
        assert_record "$by_rnx" state STOPPED reason 'was stopped on request'
        assert_exit 1 rnx stop "$by_rnx"
        assert_match "$output" 'has ended already'
        configure
}

# Whatever comes first, the end or the time limit: nothing of the unit stays behind.
test_no_unit_stays_behind() {
        # shellcheck disable=SC2016
        as_user alice sh -c 'for i in $(seq 60); do busctl call org.joblet /org/joblet org.joblet.Manager1 Run "asa{sv}" 1 true 1 TimeoutUSec t $((40 + i * 1000)) >/dev/null 2>&1 & done; wait'
        no_unit_is_left() {
                [ -z "$(in_machine systemctl list-units --all --no-legend --plain 'joblet-job-*')" ]
        }
        wait_until 30 no_unit_is_left
        assert_eq "$(rnx list --no-legend --state=initializing,running)" ''
}

# The daemon dies after it has told the relay to begin, and before the command is started: the next one hears of it.
test_a_start_that_another_daemon_sees() {
        in_machine sh -c 'systemctl start joblet && head -c 200M /dev/zero >/home/alice/large && chown alice /home/alice/large'
        in_machine python3 - <<'END'
import json, os, pathlib, signal, subprocess, time

def rnx(*args):
    return subprocess.run(["rnx", *args], stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout

def wait_for(what):
    end = time.monotonic() + 30
    while not (found := what()):
        assert time.monotonic() < end, what
        time.sleep(0.0005)
    return found

def begun():
    for path in pathlib.Path("/var/lib/joblet/outcomes").iterdir():
        if path.read_text().startswith("begun="):
            return path
    return None

def state():
    return json.loads(rnx("status", "--json", job))["state"]

client = subprocess.Popen(["rnx", "run", "--upload=/home/alice/large", "sh", "-c", "sleep 2; exit 7"], start_new_session=True)
outcome = wait_for(begun)
os.killpg(client.pid, signal.SIGSTOP)
time.sleep(0.5)
job = outcome.name
assert "started=" not in outcome.read_text(), "the upload was too quick"
subprocess.run(["systemctl", "kill", "-s", "KILL", "joblet"], check=True)
subprocess.run(["systemctl", "start", "joblet"], check=True)
assert state() == "INITIALIZING", state()
os.killpg(client.pid, signal.SIGCONT)
wait_for(lambda: state() == "RUNNING")
assert client.wait(timeout=60) == 7
assert state() == "FAILED"
END
        in_machine rm -f /home/alice/large
}

# As systemd 257 does it now and then: the unit is over, with success, before the relay is executed.
test_a_unit_that_is_over_before_it_began() {
        in_machine sh -c 'cp -a /usr/lib/joblet/joblet-relay /root/relay; cp /usr/bin/true /usr/lib/joblet/joblet-relay'
        assert_exit 125 rnx run true
        in_machine sh -c 'cp -a /root/relay /usr/lib/joblet/relay.new; mv /usr/lib/joblet/relay.new /usr/lib/joblet/joblet-relay'
        assert_match "$output" 'did not start: its unit had ended before the command could be started'
        assert_no_match "$output" 'lost'
        assert_match "$(in_machine journalctl -q -b -u joblet -o cat)" 'was over before its main process was executed, starting it again'
        assert_exit 0 rnx run true
}

# Callers of Wait() that vanish leave their places at once.
test_waiting_callers_that_vanish() {
        local id

        id=$(detached alice sleep 300)
        # root, who may wait for all and need not be asked for by polkit
        in_machine python3 - "$id" <<'END'
import subprocess, sys, time

call = ["busctl", "--timeout=100", "call", "org.joblet", f"/org/joblet/job/{sys.argv[1]}", "org.joblet.Job1", "Wait"]

def run(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, text=True, check=True).stdout

# 256 have a place; dbus-daemon lets one user have no more than 256 connections
for turn in range(3):
    callers = [subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(120)]
    end = time.monotonic() + 60
    while sum(" busctl " in line for line in run("busctl", "list", "--no-legend").splitlines()) < 120:
        assert time.monotonic() < end, "they do not come"
    for _ in range(3):
        run("rnx", "status", sys.argv[1])
    for c in callers:
        assert c.poll() is None, c.stderr.read()
        c.kill()
        c.wait()
callers = [subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(20)]
subprocess.run(["rnx", "stop", sys.argv[1]], check=True)
for c in callers:
    assert c.wait(timeout=60) == 0, c.stderr.read()
END
}

# Jobs are objects that come and go, and what is told to everybody is not what they are about.
test_objects_come_and_go() {
        local seen pid id added

        seen=$(mktemp)
        in_machine timeout 60 busctl monitor --json=short --match="type='signal',sender='org.joblet'" >"$seen" 2>&1 &
        pid=$!
        something_is_seen() {
                rnx run true && [ -s "$seen" ]
        }
        wait_until 10 something_is_seen
        id=$(detached alice --name=hush sh -c ': a secret')
        rnx wait "$id"
        rnx delete "$id"
        wait_until 10 grep -q "\"member\":\"InterfacesRemoved\".*\"/org/joblet/job/$id\"" "$seen"
        added=$(grep "\"member\":\"InterfacesAdded\".*\"/org/joblet/job/$id\"" "$seen")
        assert_match "$added" '"org.joblet.Job1":\{.*"State":'
        assert_no_match "$(cat "$seen")" 'hush|secret'
        assert_match "$(grep InterfacesRemoved "$seen")" 'org.joblet.Job1'
        kill "$pid"
        rm "$seen"
}

# Of whose job it is depends who may read it, not who hears that it has changed.
test_an_administrator_stops_anothers_job() {
        local id

        put /etc/polkit-1/rules.d/10-test.rules <<'END'
polkit.addRule(function(action, subject) {
        if (action.id.indexOf("org.joblet.") == 0 && subject.user == "bob")
                return polkit.Result.YES;
});
END
        id=$(detached alice sleep 300)
        bob_may() {
                as_user bob busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Describe
        }
        wait_until 10 bob_may
        as_user bob busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Stop 'a{sv}' 0
        wait_until 10 job_is "$id" STOPPED
        in_machine rm /etc/polkit-1/rules.d/10-test.rules
        assert_no_match "$(in_machine journalctl -q -b -u joblet -o cat)" 'Failed to announce'
}

# damaged FILE TEXT: then jobs get numbers that no job has had, one after the other
damaged() {
        local last first

        last=$(detached alice true)
        rnx wait "$last"
        in_machine sh -c "systemctl stop joblet.service; printf '$2' >$1; systemctl start joblet.service"
        first=$(detached alice true)
        if [ "$first" -le "$last" ] || [ "$first" -gt $((last + 600)) ]; then
                fail "$first after $last with '$2' in $1"
        fi
        assert_eq "$(detached alice true)" $((first + 1))
}

test_damaged_numbers() {
        local text

        for text in '' '-1\n' '18446744073709551615\n' '999999999999\n' '007\n'; do
                damaged /run/joblet/last-id "$text"
        done
        for text in '' '-1000000\n' '12' '1\n'; do
                damaged /var/lib/joblet/next-id "$text"
        done
        assert_match "$(in_machine journalctl -q -b -u joblet -o cat)" 'is damaged or does not fit the records'
        # neither of them
        in_machine sh -c 'systemctl stop joblet.service; rm /run/joblet/last-id; : >/var/lib/joblet/next-id; systemctl start joblet.service'
        detached alice true
}

test_odd_names_among_the_records() {
        local last

        last=$(detached alice true)
        rnx wait "$last"
        in_machine sh -c 'systemctl stop joblet.service; cd /var/lib/joblet/jobs; touch -- .#1 .#700 18446744073709551615 99999999999999999999 -5 007 +3 x; cp '"$last"' 0777; systemctl start joblet.service'
        rnx list >/dev/null
        assert_eq "$(in_machine sh -c 'cd /var/lib/joblet/jobs; ls -A | grep "^\.#"')" ''
        assert_eq "$(detached alice true)" $((last + 1))
        in_machine sh -c 'cd /var/lib/joblet/jobs; rm -f 18446744073709551615 99999999999999999999 ./-5 007 +3 x 0777'
}

# Configuration that lies elsewhere, and that is masked
test_configuration_by_links() {
        in_machine sh -c 'mkdir -p /etc/joblet/jobletd.conf.d /etc/elsewhere; echo "StopTimeoutSec=7s" >/etc/elsewhere/x.conf
                ln -sf /etc/elsewhere/x.conf /etc/joblet/jobletd.conf.d/50-link.conf; ln -sf /dev/null /etc/joblet/jobletd.conf.d/60-masked.conf; systemctl restart joblet.service'
        assert_exit 0 rnx run true
        assert_match "$(rnx run --dry-run true)" 'TimeoutStopSec=7s'
        in_machine sh -c 'rm /etc/joblet/jobletd.conf.d/[56]0-*.conf; systemctl restart joblet.service'
}

# No inodes left where records, workspaces and outcomes are: the user learns what is full.
test_no_inodes_left() {
        in_machine sh -c 'systemctl stop joblet.service; mkdir -p /var/lib/joblet; mount -t tmpfs -o nr_inodes=40,mode=755 tmpfs /var/lib/joblet && systemctl start joblet.service'
        assert_exit 0 rnx run true
        in_machine sh -c 'cd /var/lib/joblet; while touch "fill-$i" 2>/dev/null; do i=$((i + 1)); done; :'
        assert_exit 125 rnx run true
        assert_match "$output" 'nothing can be written to /var/lib/joblet.*file system has no inodes left \(df -i /var/lib/joblet\)'
        # enough for all but the outcome: the relay has arrived already
        in_machine sh -c 'cd /var/lib/joblet; rm -f fill-1 fill-2'
        assert_exit 125 rnx run true
        assert_match "$output" 'nothing can be written to /var/lib/joblet.*file system has no inodes left \(df -i /var/lib/joblet\)'
        in_machine sh -c 'rm -f /var/lib/joblet/fill-*'
        assert_exit 0 rnx run true
        in_machine sh -c 'systemctl stop joblet.service && umount /var/lib/joblet && systemctl start joblet.service'
}

run_tests "$@"
