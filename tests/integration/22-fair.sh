#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# Two users: what one of them asks for, however much it is, does not keep the other waiting.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        # run-words COUNT: one Run() with so many empty words; prints the name of the error, or "ok". long-text METHOD SIZE:
        # the same for a call that has one text of so many bytes, as its name or that of an option
        put /usr/local/bin/run-words 755 <<'END_OF_PROGRAM'
#!/usr/bin/python3
import ctypes, sys

sd = ctypes.CDLL("libsystemd.so.0")

class Error(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("message", ctypes.c_char_p), ("need_free", ctypes.c_int)]

bus, m, e = ctypes.c_void_p(), ctypes.c_void_p(), Error()
sd.sd_bus_open_system(ctypes.byref(bus))
long = sys.argv[0].endswith("long-text")
method, n = sys.argv[1] if long else "Run", int(sys.argv[-1])
sd.sd_bus_message_new_method_call(bus, ctypes.byref(m), b"org.joblet", b"/org/joblet", b"org.joblet.Manager1", method.encode())
if not long:
    sd.sd_bus_message_append_strv(m, (ctypes.c_char_p * (n + 2))(b"true", *[b""] * n, None))
elif method.endswith("Runtime"):
    sd.sd_bus_message_append(m, b"s", b"a" * n)
if long and not method.endswith("Runtime"):
    sd.sd_bus_message_append(m, b"a{sv}", ctypes.c_uint(1), b"a" * n, b"b", ctypes.c_int(1))
else:
    sd.sd_bus_message_append(m, b"a{sv}", ctypes.c_uint(0))
r = sd.sd_bus_call(bus, m, ctypes.c_uint64(60000000), ctypes.byref(e), None)
print("ok" if r >= 0 else e.name.decode(), (e.message or b"").decode())
END_OF_PROGRAM
        in_machine ln -sf run-words /usr/local/bin/long-text

        # run-descriptors COUNT: so many calls of Run() with descriptors in each, as fast as the bus takes them, and no answers
        put /usr/local/bin/run-descriptors 755 <<'END_OF_PROGRAM'
#!/usr/bin/python3
import ctypes, os, sys, time

sd = ctypes.CDLL("libsystemd.so.0")
bus, fd = ctypes.c_void_p(), os.open("/dev/null", os.O_RDWR)
options = [v for name in (b"StandardInput", b"StandardOutput", b"StandardError", b"Control", b"Upload")
           for v in (name, b"h", ctypes.c_int(fd))]
sd.sd_bus_open_system(ctypes.byref(bus))
for i in range(int(sys.argv[1])):
    m = ctypes.c_void_p()
    sd.sd_bus_message_new_method_call(bus, ctypes.byref(m), b"org.joblet", b"/org/joblet", b"org.joblet.Manager1", b"Run")
    sd.sd_bus_message_append_strv(m, (ctypes.c_char_p * 2)(b"true", None))
    sd.sd_bus_message_append(m, b"a{sv}", ctypes.c_uint(5), *options)
    sd.sd_bus_message_set_expect_reply(m, 0)
    while sd.sd_bus_send(bus, m, None) < 0:  # ETOOMANYREFS: the kernel lets nobody have more on their way
        sd.sd_bus_flush(bus)
        time.sleep(0.01)
    sd.sd_bus_message_unref(m)
sd.sd_bus_flush(bus)
END_OF_PROGRAM
}

teardown() {
        stop_all
}

# jobs_of USER STATE: how many
jobs_of() {
        as_user "$1" rnx list --no-legend --limit 2000 --state "$2" | grep -c . || :
}

# daemon: which process it is, started if need be
daemon() {
        in_machine sh -c 'systemctl start joblet.service && systemctl show -p MainPID joblet.service'
}

# However many starts wait, another user's is next.
test_starts() {
        local left

        as_user alice sh -c 'for i in $(seq 60); do rnx run --detach sh -c "sleep 0.1" >/dev/null & done; wait' &
        some_wait() {
                [ "$(jobs_of alice initializing)" -gt 10 ]
        }
        wait_until 30 some_wait
        assert_exit 0 as_user bob timeout 60 rnx run true
        left=$(jobs_of alice initializing)
        [ "$left" -gt 0 ] || fail "bob's job came after all of alice's"
        wait
}

# Somebody who may not even run jobs cannot keep polkit from answering others.
test_questions() {
        local flood

        as_user carol sh -c 'for i in $(seq 300); do rnx --no-ask-password run true 2>/dev/null & done; wait; touch done' &
        flood=$!
        assert_exit 0 as_user bob timeout 60 rnx run true
        wait "$flood" || :
        in_machine rm -f /home/carol/done
}

# Words are bounded as bytes are, before anybody is asked whether the caller may.
test_words() {
        assert_match "$(as_user alice timeout 60 run-words 1000000)" '^org.joblet.Error.InvalidOption the command: more than [0-9]+ words are not allowed'
        assert_match "$(as_user carol timeout 60 run-words 1000000)" '^org.joblet.Error.InvalidOption '
        assert_exit 0 as_user bob timeout 60 rnx run true
}

# What a caller sends is not made into a message that is too large for the bus, which would end the daemon's connection.
test_long_texts() {
        local before

        before=$(daemon)
        for method in VerifyRuntime RemoveRuntime; do
                assert_match "$(as_user carol timeout 60 long-text "$method" 33554100)" '^org.joblet.Error.InvalidOption the name: it has 33554100 bytes'
        done
        assert_match "$(as_user carol timeout 60 long-text ListRuntimes 33554100)" '^org.joblet.Error.InvalidOption there is no option a{64}\.\.\.; '
        assert_eq "$(daemon)" "$before"
}

# Nor do requests of somebody who may run nothing take all descriptors of the daemon, while polkit is asked.
test_descriptors() {
        local before

        before=$(daemon)
        # meanwhile dbus-daemon may drop what others send: its queue for us is full
        as_user carol sh -c 'for i in $(seq 8); do timeout 20 run-descriptors 3000 & done; wait' || :
        assert_exit 0 as_user bob timeout 60 rnx run true
        assert_eq "$(daemon)" "$before"
}

# Operations on runtimes that take long are a part of those that there may be.
test_operations() {
        local runtime=/opt/joblet/runtimes/t/t-slow

        in_machine sh -euc "mkdir -p $runtime/bin && cd $runtime
                printf 'name: t-slow\nversion: \"1.0\"\nmounts:\n  - source: bin\n    target: /usr/local/bin\n' >runtime.yml
                truncate -s 1T bin/large && printf '%064d  bin/large\n' 0 >manifest.sha256"
        as_user alice sh -c 'for i in $(seq 12); do timeout 120 rnx runtime verify t-slow >"verify-$i" 2>&1 & done; wait' &
        some_are_refused() {
                in_machine grep -q 'operations on runtimes of yours are under way' /home/alice/verify-{1..12}
        }
        wait_until 30 some_are_refused
        in_machine rm "$runtime/bin/large"
        assert_exit 1 as_user bob timeout 60 rnx runtime verify t-slow
        assert_no_match "$output" 'operations on runtimes'
        in_machine sh -c "pkill -u alice rnx; rm -rf $runtime /home/alice/verify-*"
        wait
}

# Trees that take long to remove keep nobody else's.
test_trees() {
        local id left

        as_user alice sh -c 'for i in 1 2 3 4 5 6 7 8; do rnx run python3 -c "
import os
for i in range(3000):
    os.mkdir(\"d\"); os.chdir(\"d\")" & done; wait'
        id=$(detached bob sh -c 'touch /work/x /tmp/y')
        assert_exit 0 as_user bob rnx wait "$id"
        is_gone() {
                ! in_machine test -e "/var/lib/joblet/work/$id" && ! in_machine test -e "/var/lib/joblet/tmp/$id"
        }
        wait_until 60 is_gone
        left=$(in_machine ls /var/lib/joblet/work | wc -l)
        [ "$left" -gt 0 ] || fail "bob's workspace went after all of alice's"
        all_are_gone() {
                [ -z "$(in_machine ls /var/lib/joblet/work)" ]
        }
        wait_until 120 all_are_gone
}

# A count is exact, also when the jobs are not among the newest records.
test_live_jobs_are_counted() {
        detached alice sleep 300 >/dev/null
        detached bob sleep 300 >/dev/null
        in_machine systemctl restart joblet.service
        assert_eq "$(in_machine busctl get-property org.joblet /org/joblet org.joblet.Manager1 NJobsRunning)" 't 2'
        stop_all
        assert_eq "$(in_machine busctl get-property org.joblet /org/joblet org.joblet.Manager1 NJobsRunning)" 't 0'
}

# Whoever reads logs, journald is not asked each time.
test_logs_share_the_journal() {
        local id before

        id=$(detached alice echo hello)
        rnx wait "$id"
        assert_eq "$(rnx log -n 1 "$id")" hello
        before=$(in_machine cat /run/joblet/journal-sync)
        assert_eq "$(rnx log -n 1 "$id")" hello
        assert_eq "$(in_machine cat /run/joblet/journal-sync)" "$before"
}

run_tests "$@"
