#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# A relay runs as its job's user. What if a job had taken it over? In its place stands a program that lies: nobody else is
# harmed, the daemon goes on as before, and the job comes to an end.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

relay=/usr/lib/joblet/joblet-relay

setup() {
        in_machine sh -c "[ -e $relay.true ] || cp -p $relay $relay.true"
        rnx list >/dev/null
        daemon=$(unit_property joblet.service MainPID)
}

teardown() {
        in_machine cp -p "$relay.true" "$relay.new"
        in_machine mv "$relay.new" "$relay"
        stop_all
}

# lie LINE...: Python in the place of the relay. It has said(), hello(), go(), which returns the descriptors by name, and outcome()
lie() {
        { cat <<'END'
#!/usr/bin/python3
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(1))
s = socket.socket(fileno=0)
def say(packet, fds=()):
    socket.send_fds(s, [packet], fds) if fds else s.send(packet)
def hello():
    say(b"hello " + os.environ["INVOCATION_ID"].encode())
def go():
    packet, fds, _, _ = socket.recv_fds(s, 65536, 16)
    names = [l[3:] for l in packet.decode().split("\n") if l.startswith("fd=")]
    return dict(zip(names, fds))
END
        printf '%s\n' "$@"; } | put "$relay.new" 755
        in_machine mv "$relay.new" "$relay"
}

# The daemon is the same, and serves others.
daemon_is_well() {
        assert_eq "$(unit_property joblet.service MainPID)" "$daemon"
        assert_exit 0 timeout 30 "$assert_dir/machine" exec-as "$MACHINE" bob rnx list
        assert_eq "$(in_machine systemctl list-units --no-legend --plain --state=active,activating 'joblet-job-*')" ''
}

# ends_with CODE STATE: a job comes to such an end, and its unit with it
ends_with() {
        local id

        assert_exit "$1" rnx run -n true
        id=$(rnx list --no-legend --limit=1 | cut -d' ' -f1)
        in_machine rnx wait "$id" || :
        assert_record "$id" state "$2"
        daemon_is_well
}

test_an_end_before_the_beginning() {
        lie 'say(b"exited 0")' 'time.sleep(1000)'
        ends_with 125 FAILED
        lie 'hello(); go(); say(b"exited 0")' 'time.sleep(1000)'
        ends_with 125 FAILED
        lie 'say(b"started")' 'time.sleep(1000)'
        ends_with 125 FAILED
}

test_nonsense() {
        local packet

        for packet in 'b"x"' 'b"hello\0" * 9' 'b"\x1b[2J" * 1000' 'b"failed 125 " + b"x" * 50000' 'b"y" * 65536' 'b"exited 999"' 'b"hello"'; do
                lie "hello(); go(); say($packet)" 'time.sleep(1000)'
                ends_with 125 FAILED
        done
        # in place of the first packet as well
        lie 'say(b"z" * 100000)' 'time.sleep(1000)'
        ends_with 125 FAILED
}

# One that never stops talking keeps nobody from being served.
test_flood() {
        local id

        lie 'hello(); go(); say(b"started")' 'while True:' '    try: say(b"started")' '    except OSError: time.sleep(1000)'
        id=$(detached alice true)
        assert_exit 0 timeout 30 "$assert_dir/machine" exec-as "$MACHINE" bob rnx list
        in_machine timeout 60 rnx wait "$id" || :
        assert_record "$id" state FAILED
        daemon_is_well
}

test_descriptors_do_not_pile_up() {
        local before

        lie 'hello()' 'fds = [os.open("/dev/null", 0) for _ in range(100)]' 'say(b"started", fds)' 'time.sleep(1000)'
        ends_with 125 FAILED
        before=$(in_machine ls "/proc/$daemon/fd" | wc -l)
        for _ in 1 2 3 4 5; do
                ends_with 125 FAILED
        done
        fds_are_back() {
                [ "$(in_machine ls "/proc/$daemon/fd" | wc -l)" -le "$before" ]
        }
        wait_until 20 fds_are_back
}

# It says that the command has ended, and stays: nothing of the job does.
test_one_that_does_not_leave() {
        local id

        lie 'hello(); go(); say(b"started"); say(b"exited 0")' 'time.sleep(1000)'
        id=$(detached alice true)
        gone() {
                [ "$(in_machine systemctl is-active "joblet-job-$id.service")" != active ]
        }
        wait_until 100 gone
        assert_exit 0 rnx wait "$id"
        daemon_is_well
}

# What it writes as the end of its job concerns that job only, and is never taken for what it is not.
test_forged_outcomes() {
        local outcome id

        for outcome in 'b"\0" * 100' 'b"x" * 10000000' 'b"END\n"' 'b"result=exited 0\n"' 'b"result=exited 0\nEND\n"' 'b"result=failed 125 \x1b[2J\nEND\n"' \
                       'b"result=exited 18446744073709551616\nterminated=0\noom=0\nstarted=1\nfinished=2\nEND\n"' 'b""'; do
                lie 'fds = (hello(), go())[1]' "os.write(fds['outcome'], $outcome)" 'say(b"started")' 'sys.exit(3)'
                id=$(detached alice true)
                in_machine rnx wait "$id" || :
                assert_record "$id" state FAILED
                assert_no_match "$(in_machine rnx status "$id")" $'\x1b\\[2J'
                daemon_is_well
        done
        assert_eq "$(in_machine sh -c 'ls /var/lib/joblet/outcomes')" ''
}

# It can be stopped whatever it does or leaves undone.
test_silence() {
        local id=''

        lie 'signal.signal(signal.SIGTERM, signal.SIG_IGN)' 'time.sleep(1000)'
        as_user alice sh -c 'rnx run -n true & exec sleep 0' || :
        waits() {
                id=$(in_machine rnx list --all --no-legend --limit=1 | cut -d' ' -f1)
                [ -n "$id" ] && [ "$(in_machine systemctl is-active "joblet-job-$id.service")" = active ]
        }
        wait_until 20 waits
        in_machine rnx stop "$id"
        in_machine timeout 60 rnx wait "$id" || :
        assert_record "$id" state STOPPED
        daemon_is_well
}

run_tests "$@"
