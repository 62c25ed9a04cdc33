#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# What the daemon does when something that it needs is missing, and that nothing of what it has done stays with it.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"
: "${JOBLET_TEST_SANITIZED:=}"

teardown() {
        stop_all
        in_machine sh -c 'systemctl stop joblet.service; for dir in /opt/joblet /run/joblet /var/lib/joblet; do umount "$dir" 2>/dev/null; done; :'
        in_machine sh -c 'rm -f /etc/dbus-1/system.d/test-lost.conf /etc/systemd/system/joblet.service.d/test.conf && systemctl daemon-reload && systemctl restart joblet.service'
}

# A short run of the suite "soak"
test_nothing_stays_with_the_daemon() {
        put /root/soak.py <"$(dirname "$0")/../soak/soak.py"
        assert_exit 0 in_machine python3 /root/soak.py 60 ${JOBLET_TEST_SANITIZED:+--no-memory}
}

main_pid() {
        unit_property joblet.service MainPID
}

# The event loop of such a daemon turns, but no job can be started any more.
test_watchdog_sees_a_daemon_without_descriptors() {
        local id before

        in_machine sh -c 'mkdir -p /etc/systemd/system/joblet.service.d && printf "[Service]\nWatchdogSec=4s\n" >/etc/systemd/system/joblet.service.d/test.conf && systemctl daemon-reload && systemctl restart joblet.service'
        # shellcheck disable=SC2016
        id=$(detached alice sh -c 'until [ -e go ]; do sleep 0.1; done; exit 6')
        before=$(main_pid)
        # shellcheck disable=SC2016
        in_machine sh -c 'prlimit --pid "$1" --nofile="$(ls "/proc/$1/fd" | wc -l)"' sh "$before"
        is_another_daemon() {
                [[ $(main_pid) != @(0|"$before") ]]
        }
        wait_until 60 is_another_daemon
        in_machine journalctl -q -u joblet.service _PID="$before" -o cat | grep -q 'cannot do its work: it has as many open files as it may'
        assert_exit 0 rnx run true
        in_machine touch "/var/lib/joblet/work/$id/go"
        assert_exit 6 rnx wait "$id"
}

# with_small PATH SIZE: a file system of that size over it, for the daemon too
with_small() {
        # shellcheck disable=SC2016
        in_machine sh -c 'systemctl stop joblet.service && mkdir -p "$1" && mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1" && systemctl start joblet.service' sh "$1" "$2"
}

# fill PATH: until there is no byte left; empty: undoes it
fill() {
        in_machine sh -c "cat /dev/zero >$1/full 2>/dev/null; test -s $1/full"
}

test_disks_that_are_full() {
        local id

        with_small /var/lib/joblet 6M
        as_user alice sh -c 'head -c 9000000 /dev/urandom >big'
        assert_exit 125 rnx run --upload=big true
        assert_match "$output" 'cannot unpack "big": No space left on device'
        id=$(detached alice true)
        rnx wait "$id"
        fill /var/lib/joblet
        for option in --quiet --detach; do
                assert_exit 125 rnx run "$option" true
                assert_one_line "$output"
                assert_match "$output" 'the job cannot be accepted, since nothing can be written to /var/lib/joblet.*: No space left'
        done
        assert_exit 0 rnx delete "$id"
        in_machine rm /var/lib/joblet/full
        in_machine sh -c 'mount -o remount,nr_inodes=30 /var/lib/joblet; cd /var/lib/joblet && while : >"x$((n = n + 1))"; do :; done 2>/dev/null' || :
        assert_exit 125 rnx run true
        assert_match "$output" 'No space left on device.*df -i'
        in_machine sh -c 'rm /var/lib/joblet/x*; mount -o remount,nr_inodes=0 /var/lib/joblet'
        in_machine mount -o remount,ro /var/lib/joblet
        assert_exit 125 rnx run true
        assert_match "$output" 'cannot be accepted.*Read-only file system'
        in_machine mount -o remount,rw /var/lib/joblet
        assert_exit 0 rnx run true

        with_small /run/joblet 1M
        fill /run/joblet
        assert_exit 125 rnx run true
        assert_match "$output" 'cannot be accepted.*/run/joblet: No space left'
        in_machine systemctl restart joblet.service
        in_machine rm /run/joblet/full
        assert_exit 0 rnx run true
}

# The place of runtimes is often a file system of its own, perhaps one that is empty.
test_runtimes_on_a_full_file_system() {
        in_machine sh -euc 'mkdir -p /root/full/bin && cd /root/full && printf "name: t-full\nversion: 1\n" >runtime.yml
                rnx runtime pack . -o ../small.zip 2>&1; head -c 8000000 /dev/urandom >bin/data; rnx runtime pack . -o ../big.zip'
        with_small /opt/joblet 4M
        assert_exit 1 in_machine rnx runtime install /root/big.zip
        assert_match "$output" 't-full needs 7\.6MB in /opt/joblet/runtimes, but only .* are free'
        assert_exit 0 in_machine rnx runtime install /root/small.zip
        assert_exit 0 rnx run --runtime=t-full true
        fill /opt/joblet
        assert_exit 1 in_machine rnx runtime install /root/small.zip
        assert_match "$output" 't-full needs .* but only 0B are free'
        assert_exit 0 rnx run --runtime=t-full true
        assert_exit 0 in_machine rnx runtime remove t-full
        in_machine sh -c 'rm /opt/joblet/full; mount -o remount,ro /opt/joblet'
        assert_exit 1 in_machine rnx runtime install /root/small.zip
        assert_match "$output" 'Read-only file system'
        assert_eq "$(in_machine ls -A /opt/joblet/runtimes)" ''
}

# Clients that start jobs without a pause, while their runtime is replaced: each sees the old or the new, never half of each,
# and the replacing does not wait for a pause. setpriv is quicker than the harness.
test_a_runtime_replaced_under_starting_jobs() {
        in_machine python3 - <<'END_OF_PROGRAM'
import collections, os, pathlib, subprocess, threading

def run(*command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)

def make(version):
    tree = pathlib.Path(f"/root/swap/{version}/t-swap")
    (tree / "bin").mkdir(parents=True, exist_ok=True)
    (tree / "runtime.yml").write_text(f"name: t-swap\nversion: '{version}'\nmounts:\n  - source: bin\n    target: /usr/local/bin\n"
                                      f"environment:\n  V: '{version}'\n")
    (tree / "bin/tool").write_text(f"#!/bin/sh\necho {version} $V\n")
    (tree / "bin/tool").chmod(0o755)
    assert run("rnx", "runtime", "pack", str(tree), "-o", f"/root/swap/{version}.zip").returncode == 0

def install(version):
    p = run("rnx", "runtime", "install", f"/root/swap/{version}.zip")
    assert p.returncode == 0, p.stdout

def client():
    while not stop:
        p = run("setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "--", "rnx", "run", "--runtime=t-swap", "tool",
                cwd="/home/alice", env={"PATH": "/usr/bin:/bin", "HOME": "/home/alice"})
        seen[(p.returncode, p.stdout.strip())] += 1

seen, stop = collections.Counter(), False
make(1), make(2), install(1)
clients = [threading.Thread(target=client) for _ in range(4)]
try:
    for c in clients: c.start()
    for i in range(20): install(i % 2 + 1)
finally:
    stop = True
for c in clients: c.join()
print(seen)
assert set(seen) == {(0, "1 1"), (0, "2 2")}, seen
END_OF_PROGRAM
        wait_until 20 in_machine rnx runtime remove t-swap
}

# The client gets what the job wrote, whoever writes how much beside it.
test_fifty_jobs_with_much_output() {
        in_machine python3 - <<'END_OF_PROGRAM'
import concurrent.futures, hashlib, subprocess

def job(n):
    p = subprocess.run(["rnx", "run", "sh", "-c", "head -c 1500000 /dev/urandom | base64 -w 1000 | tee x; md5sum <x >&2"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return p.returncode == 0 and hashlib.md5(p.stdout).hexdigest() == p.stderr.decode().split()[0] or p.stderr

with concurrent.futures.ThreadPoolExecutor(50) as pool:
    wrong = [r for r in pool.map(job, range(50)) if r is not True]
assert not wrong, wrong[:3]
END_OF_PROGRAM
        # nothing of it went through the daemon
        [ "$(in_machine sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(main_pid)/status")" -lt "$((JOBLET_TEST_SANITIZED ? 1000000 : 10000))" ]
}

# job_removed_is lost|told: whether anybody hears the signals by which PID 1 tells that a stop is done
job_removed_is() {
        if [ "$1" = lost ]; then
                put /etc/dbus-1/system.d/test-lost.conf <<'END'
<busconfig>
  <policy context="mandatory">
    <deny receive_type="signal" receive_interface="org.freedesktop.systemd1.Manager" receive_member="JobRemoved"/>
  </policy>
</busconfig>
END
        else
                in_machine rm /etc/dbus-1/system.d/test-lost.conf
        fi
        in_machine busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig
}

unit_is_over() {
        [[ $(unit_property "joblet-job-$1.service" ActiveState) =~ ^(inactive|failed)$ ]]
}

# stopped_unheard: prints the number of a job whose unit has been stopped, and whose end jobletd has not heard of
stopped_unheard() {
        local id

        id=$(detached alice sh -c 'echo up; exec sleep 600')
        wait_until 20 in_log "$id" up
        job_removed_is lost
        in_machine busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Stop 'a{sv}' 0
        wait_until 20 unit_is_over "$id"
        job_removed_is told
        job_is "$id" RUNNING || fail 'the signal was not lost'
        echo "$id"
}

# A signal of PID 1's that nobody gets, as dbus-daemon drops them at its limits, leaves no job that never ends.
test_lost_end_of_a_stop() {
        local id

        configure StopTimeoutSec=1
        # what may have been lost while PID 1 was reloaded is asked for then
        id=$(stopped_unheard)
        in_machine systemctl daemon-reload
        wait_until 20 job_is "$id" STOPPED
        # else the stop is asked for again, 30 seconds after it must have been done
        id=$(stopped_unheard)
        wait_until 60 job_is "$id" STOPPED
        configure
}

run_tests "$@"
