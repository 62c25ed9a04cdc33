#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# MACHINE_PRIVATE=1
# Many at once: nobody is locked out, nothing is forgotten, and what is asked of the bus stays below its limits.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        put /usr/local/bin/burst 755 <<'END'
#!/usr/bin/python3
# burst [--agent] [--hold] CONNECTIONS [run COUNT COMMAND... | stop COUNT FIRST-ID | wait COUNT ID] [-- ...]
# Sends calls without waiting for replies, says "sent" when the daemon has seen them all, and then, unless --hold is
# given, counts the replies. --agent: calls are interactive, and the agent of polkit for them never answers.
import collections, ctypes, os, sys, time

sd = ctypes.CDLL("libsystemd.so.0")
HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
sd.sd_bus_message_get_error.restype = ctypes.c_void_p
seen = collections.Counter()

class Error(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("message", ctypes.c_char_p), ("need_free", ctypes.c_int)]

@HANDLER
def on_reply(m, userdata, error):
    error = sd.sd_bus_message_get_error(ctypes.c_void_p(m))
    seen[Error.from_address(error).name.decode() if error else "ok"] += 1
    return 1

def check(r):
    if r < 0:
        sys.exit(f"burst: {os.strerror(-r)}")

def connect():
    bus = ctypes.c_void_p()
    check(sd.sd_bus_open_system(ctypes.byref(bus)))
    return bus

def send(bus, path, interface, member, command=None):
    m = ctypes.c_void_p()
    check(sd.sd_bus_message_new_method_call(bus, ctypes.byref(m), b"org.joblet", path.encode(), interface, member))
    if command:
        words = (ctypes.c_char_p * (len(command) + 1))(*[w.encode() for w in command], None)
        check(sd.sd_bus_message_append_strv(m, words))
    if member != b"Wait":
        check(sd.sd_bus_message_append(m, b"a{sv}", ctypes.c_uint(0)))
    if agent:
        check(sd.sd_bus_message_set_allow_interactive_authorization(m, 1))
    check(sd.sd_bus_call_async(bus, None, m, on_reply, None, ctypes.c_uint64(100 * 1000000)))

def register_agent(bus):
    start = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
    check(sd.sd_bus_call_method(bus, b"org.freedesktop.PolicyKit1", b"/org/freedesktop/PolicyKit1/Authority",
        b"org.freedesktop.PolicyKit1.Authority", b"RegisterAuthenticationAgent", None, None, b"(sa{sv})ss",
        b"unix-process", ctypes.c_uint(3), b"pid", b"u", ctypes.c_uint(os.getpid()), b"start-time", b"t",
        ctypes.c_uint64(start), b"uid", b"i", ctypes.c_int(os.getuid()), b"C.UTF-8", b"/agent"))

def send_all(bus, what, count, *rest):
    for i in range(int(count)):
        if what == "run":
            send(bus, "/org/joblet", b"org.joblet.Manager1", b"Run", rest)
        elif what == "stop":
            send(bus, f"/org/joblet/job/{int(rest[0]) + i}", b"org.joblet.Job1", b"Stop")
        else:
            send(bus, f"/org/joblet/job/{rest[0]}", b"org.joblet.Job1", b"Wait")
    return int(count)

args = sys.argv[1:]
agent, hold = "--agent" in args, "--hold" in args
args = [a for a in args if a not in ("--agent", "--hold")]
if agent:
    keep = connect()
    register_agent(keep)
buses, n = [connect() for _ in range(int(args[0]))], 0
for bus in buses:
    for item in " ".join(args[1:]).split(" -- "):
        n += send_all(bus, *item.split())
for bus in buses:
    check(sd.sd_bus_call_method(bus, b"org.joblet", b"/org/joblet", b"org.freedesktop.DBus.Peer", b"Ping", None, None, b""))
print("sent", flush=True)
if hold:
    sys.stdin.read()
    sys.exit()
while sum(seen.values()) < n:
    for bus in buses:
        while sd.sd_bus_process(bus, None) > 0:
            pass
        if len(buses) == 1:
            sd.sd_bus_wait(bus, ctypes.c_uint64(1000000))
    if len(buses) > 1:
        time.sleep(0.01)
print(" ".join(f"{name}={count}" for name, count in sorted(seen.items())))
END
        # fake-jobs COUNT OWNER STATE: copies the newest record, and prints the first id and the last
        put /usr/local/bin/fake-jobs 755 <<'END'
#!/usr/bin/python3
import os, re, sys

os.chdir("/var/lib/joblet/jobs")
last = max(map(int, os.listdir(".")))
text = open(str(last)).read()
count = int(sys.argv[1])
for key, value in (("OWNER", sys.argv[2]), ("STATE", sys.argv[3]), ("INVOCATION_ID", ""), ("REQUEST_ID", "")):
    text = re.sub(rf"(?m)^{key}=.*\n", f"{key}={value}\n" if value else "", text)
for i in range(last + 1, last + 1 + count):
    open(str(i), "w").write(re.sub(r"(?m)^ID=.*$", f"ID={i}", text))
print(last + 1, last + count)
END
}

teardown() {
        in_machine touch /run/unblock
        stop_all
}

# While PID 1 runs generators, it answers nobody.
block_systemd() {
        in_machine rm -f /run/blocked /run/unblock
        put /run/systemd/system-generators/test-block 755 <<'END'
#!/bin/sh
touch /run/blocked
n=0
until [ -e /run/unblock ] || [ $((n = n + 1)) -gt 300 ]; do sleep 0.1; done
END
        in_machine systemctl daemon-reload &
        wait_until 10 in_machine test -e /run/blocked
        in_machine rm /run/systemd/system-generators/test-block
}

unblock_systemd() {
        in_machine touch /run/unblock
        wait
}

last_id() {
        in_machine cat /run/joblet/last-id
}

no_job_runs() {
        [ "$(in_machine busctl get-property org.joblet /org/joblet org.joblet.Manager1 NJobsRunning)" = 't 0' ]
}

test_stops_during_the_start() {
        local first

        first=$(($(detached alice true) + 1))
        wait_until 10 no_job_runs
        block_systemd
        # root, since polkit may ask systemd for the groups of others
        assert_eq "$(in_machine burst --hold 1 run 54 sleep 300 -- stop 48 "$first" </dev/null)" sent
        assert_record $((first + 53)) state INITIALIZING
        unblock_systemd
        # what waited for a place starts, though no start before was ever answered
        wait_until 20 job_is $((first + 53)) RUNNING
        wait_until 20 job_is "$first" STOPPED
}

# More than dbus-daemon lets wait for a reply
test_many_end_at_once() {
        local first last

        rnx wait "$(detached alice true)"
        in_machine systemctl stop joblet.service
        read -r first last <<<"$(in_machine fake-jobs 150 1000 RUNNING)"
        # shellcheck disable=SC2016
        in_machine sh -c 'for i in $(seq "$1" "$2"); do set -- "$@" "joblet-job-$i.service"; done; shift 2
                for unit; do printf "[Service]\nExecStart=sh -c \"exit 3\"\n" >"/run/systemd/system/$unit"; done
                systemctl daemon-reload; systemctl start --no-block "$@"' sh "$first" "$last"
        all_have_failed() {
                [ "$(in_machine systemctl list-units --no-legend --plain --state=failed 'joblet-job-*' | wc -l)" = 150 ]
        }
        wait_until 20 all_have_failed
        in_machine systemctl start joblet.service
        wait_until 20 no_job_runs
        # shellcheck disable=SC2016
        assert_eq "$(in_machine sh -c 'cd /var/lib/joblet/jobs && grep -l "^RESULT=lost" $(seq "$1" "$2") || :' sh "$first" "$last")" ''
        assert_eq "$(in_machine sh -c 'systemctl list-units --no-legend --plain --all "joblet-job-*"')" ''
        in_machine sh -c 'rm /run/systemd/system/joblet-job-*; systemctl daemon-reload'
}

test_unit_of_a_job_that_is_over() {
        local id

        id=$(detached alice true)
        rnx wait "$id"
        in_machine systemctl stop joblet.service
        in_machine systemd-run --quiet --unit="joblet-job-$id.service" sleep 300
        in_machine systemctl start joblet.service
        is_gone() {
                ! in_machine systemctl --quiet is-active "joblet-job-$id.service"
        }
        wait_until 20 is_gone
        assert_record "$id" state COMPLETED
}

# Somebody whose agent never answers holds up nobody else.
test_questions_that_nobody_answers() {
        local burst

        in_machine sh -c 'rm -f /run/hold && mkfifo /run/hold && chmod 666 /run/hold'
        as_user carol sh -c 'exec burst --agent --hold 8 run 40 true <>/run/hold >burst.said 2>&1' &
        burst=$!
        wait_until 60 in_machine grep -q sent /home/carol/burst.said
        assert_exit 0 as_user bob timeout 30 rnx run true
        in_machine pkill -f burst
        wait "$burst" || :
        in_machine sh -c 'rm /run/hold /home/carol/burst.said'
}

run_tests "$@"
