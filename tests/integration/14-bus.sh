#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# org.joblet on the bus: as described, pleasant to use by hand, and open to nobody who should not.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

manager=(org.joblet /org/joblet org.joblet.Manager1)

teardown() {
        stop_all
}

# call USER PATH METHOD [ARGUMENT...]: by dbus-send, which tells the names of errors
call() {
        local user=$1 path=$2 member=$3
        shift 3
        as_user "$user" dbus-send --system --print-reply --dest=org.joblet "$path" "$member" "$@" 2>&1
}

put_runtime() {
        in_machine mkdir -p /opt/joblet/runtimes/shell/shell-1.0
        printf '%s\n' 'name: shell-1.0' 'version: "1.0"' 'type: system' 'description: a shell' | put /opt/joblet/runtimes/shell/shell-1.0/runtime.yml
}

test_tree() {
        local id tree

        put_runtime
        id=$(detached alice true)
        tree=$(in_machine busctl tree --no-pager --list org.joblet)
        assert_match "$tree" $'(^|\n)/org/joblet($|\n)'
        assert_match "$tree" $'\n/org/joblet/job/'"$id"$'($|\n)'
        assert_match "$tree" $'\n/org/joblet/runtime/shell_2d1_2e0($|\n)'
}

test_introspection_is_the_published_one() {
        local id

        put_runtime
        id=$(detached alice true)
        in_machine python3 - "$id" <<'END'
import subprocess, sys
import xml.etree.ElementTree as ET

def interface(root, name):
    for i in root.iter("interface"):
        if i.get("name") == name:
            return {
                "methods": {m.get("name"): [(a.get("name"), a.get("type"), a.get("direction")) for a in m.iter("arg")] for m in i.iter("method")},
                "signals": {s.get("name"): [(a.get("name"), a.get("type")) for a in s.iter("arg")] for s in i.iter("signal")},
                "properties": {p.get("name"): (p.get("type"), p.get("access")) for p in i.iter("property")},
            }
    return None

bad = 0
for name, path in (("Manager1", "/org/joblet"), ("Job1", f"/org/joblet/job/{sys.argv[1]}"), ("Runtime1", "/org/joblet/runtime/shell_2d1_2e0")):
    name = "org.joblet." + name
    live = subprocess.run(["busctl", "introspect", "--xml-interface", "org.joblet", path], stdout=subprocess.PIPE, check=True).stdout
    live = interface(ET.fromstring(live), name)
    published = interface(ET.parse(f"/usr/share/dbus-1/interfaces/{name}.xml").getroot(), name)
    assert published and published["properties"], name
    if live != published:
        bad = 1
        for kind in published:
            for key in sorted(set(published[kind]) | set(live[kind])):
                if published[kind].get(key) != live[kind].get(key):
                    print(f"{name}: {kind}: {key}: published {published[kind].get(key)}, live {live[kind].get(key)}")
sys.exit(bad)
END
}

test_properties_by_hand() {
        assert_match "$(in_machine busctl get-property "${manager[@]}" Version)" '^s "[0-9]'
        assert_eq "$(in_machine busctl get-property "${manager[@]}" SystemdVersion)" "u $(in_machine systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')"
        assert_match "$(in_machine busctl introspect org.joblet /org/joblet)" 'org\.joblet\.Manager1 +interface'
}

test_run_by_hand() {
        local reply id

        reply=$(as_user alice busctl call -- "${manager[@]}" Run 'asa{sv}' 3 sh -c 'exit 5' 2 Name s by-hand TimeoutUSec t 60000000)
        assert_match "$reply" '^to [0-9]+ "/org/joblet/job/[0-9]+"$'
        id=${reply#to } id=${id%% *}
        assert_match "$(as_user alice busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Wait)" '"ExitCode" i 5'
        assert_record "$id" name by-hand state FAILED exit_code 5
        assert_match "$(as_user alice busctl call org.joblet "/org/joblet/job/$id" org.joblet.Job1 Describe)" '"State" s "FAILED"'
        assert_match "$(as_user alice busctl call "${manager[@]}" ListJobs 'a{sv}' 1 Limit u 1)" "a\(tosssusttti\) 1 $id \"/org/joblet/job/$id\" \"by-hand\" \"FAILED\""
}

test_one_request_is_one_job() {
        local first second

        first=$(as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 RequestId s 0123456789abcdef0123456789abcdef)
        second=$(as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 RequestId s 0123456789abcdef0123456789abcdef)
        assert_eq "$second" "$first"
        # of another user it is another
        second=$(as_user bob busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 RequestId s 0123456789abcdef0123456789abcdef)
        [ "$second" != "$first" ] || fail 'a request id of somebody else was taken'
}

test_managed_objects() {
        local id objects

        put_runtime
        id=$(detached alice true)
        objects=$(in_machine busctl call org.joblet /org/joblet org.freedesktop.DBus.ObjectManager GetManagedObjects)
        assert_match "$objects" "\"/org/joblet/job/$id\" [0-9]+ "
        assert_match "$objects" '"org\.joblet\.Job1" [0-9]+ '
        assert_match "$objects" '"org\.joblet\.Runtime1" [0-9]+ '
}

test_managed_objects_of_a_user() {
        local id objects

        id=$(detached alice --name=hidden-from-bob true)
        assert_exit 0 as_user bob busctl call org.joblet /org/joblet org.freedesktop.DBus.ObjectManager GetManagedObjects
        assert_no_match "$output" hidden-from-bob
        assert_exit 0 as_user alice busctl call org.joblet /org/joblet org.freedesktop.DBus.ObjectManager GetManagedObjects
        assert_match "$output" hidden-from-bob
}

job_is_seen_in() {
        rnx wait "$(detached alice true)"
        [ -s "$1" ]
}

# A message has its limits: lists tell the beginning of a command, whoever asks for one job is told all of it.
test_lists_have_the_beginning_of_a_command() {
        in_machine python3 - <<'END'
import json, subprocess

def busctl(path, interface, method, *args):
    call = ["busctl", "--json=short", "call", "--", "org.joblet", path, interface, method, *args]
    return json.loads(subprocess.run(call, stdout=subprocess.PIPE, check=True).stdout)["data"]

def listed():
    job = busctl("/org/joblet", "org.joblet.Manager1", "ListJobs", "a{sv}", "1", "Limit", "u", "1")[0][0]
    assert job[0] == id
    return job[6]

def full():
    record = busctl(path, "org.joblet.Job1", "Describe")[0]
    got = busctl(path, "org.freedesktop.DBus.Properties", "Get", "ss", "org.joblet.Job1", "Command")[0]
    assert record["Mounts"]["data"], "no mounts"
    return [record["Command"]["data"], got["data"]]

def managed():
    everything = busctl("/org/joblet", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")[0]
    return everything[path]["org.joblet.Job1"]["Command"]["data"]

def check():
    assert listed().startswith("sh -c 'until ") and len(listed()) < 1000, listed()
    assert full() == [command, command], "not all of it"
    brief = managed()
    assert brief[:2] == command[:2] and len(brief) == 4 and brief[3].endswith("...") and sum(map(len, brief)) <= 203, brief

command = ["sh", "-c", "until [ -e go ]; do sleep 0.1; done", "\x01" * 30000, "x" * 60000]
id, path = busctl("/org/joblet", "org.joblet.Manager1", "Run", "asa{sv}", "5", *command, "0")
check()
subprocess.run(["systemctl", "restart", "joblet"], check=True)
check()
open(f"/var/lib/joblet/work/{id}/go", "x").close()
subprocess.run(["rnx", "wait", str(id)], check=True)
check()
subprocess.run(["systemctl", "restart", "joblet"], check=True)
check()
END
}

test_signals() {
        local id seen pid

        seen=$(mktemp)
        in_machine timeout 60 busctl monitor --json=short --match="type='signal',sender='org.joblet'" >"$seen" 2>&1 &
        pid=$!
        # it has no word for being ready: any signal tells
        wait_until 10 job_is_seen_in "$seen"
        id=$(detached alice sleep 0.2)
        rnx wait "$id"
        wait_until 10 grep -q '"member":"PropertiesChanged".*COMPLETED' "$seen"
        grep -q "\"path\":\"/org/joblet/job/$id\".*\"member\":\"PropertiesChanged\".*RUNNING" "$seen"
        grep -q "\"member\":\"JobNew\".*\[$id,\"/org/joblet/job/$id\"\]" "$seen"
        rnx delete "$id"
        wait_until 10 grep -q "\"member\":\"JobRemoved\".*\[$id,\"/org/joblet/job/$id\"\]" "$seen"
        kill "$pid"
        rm "$seen"
}

test_errors_have_names() {
        local id

        assert_match "$(call alice /org/joblet org.joblet.Manager1.GetJob uint64:999999)" '^Error org.joblet.Error.NoSuchJob: there is no job 999999'
        assert_match "$(call alice /org/joblet org.joblet.Manager1.GetRuntime string:nothing-like-it)" '^Error org.joblet.Error.NoSuchRuntime: runtime not found: nothing-like-it'
        assert_match "$(call alice /org/joblet/job/999999 org.joblet.Job1.Describe)" '^Error org.(joblet.Error.NoSuchJob|freedesktop.DBus.Error.UnknownObject)'
        id=$(detached alice sleep 60)
        assert_match "$(call alice "/org/joblet/job/$id" org.joblet.Job1.Delete)" "^Error org.joblet.Error.JobRunning: job $id still runs"
        assert_match "$(call alice "/org/joblet/job/$id" org.joblet.Job1.Kill int32:4711)" '^Error org.joblet.Error.InvalidOption: '
        assert_match "$(call bob "/org/joblet/job/$id" org.joblet.Job1.Delete)" '^Error org.freedesktop.DBus.Error.(AccessDenied|InteractiveAuthorizationRequired): '
        call alice "/org/joblet/job/$id" org.joblet.Job1.Kill int32:15 >/dev/null
        assert_exit 143 rnx wait "$id"
        assert_match "$(call alice "/org/joblet/job/$id" org.joblet.Job1.Kill int32:15)" '^Error org.joblet.Error.NotRunning: '
        assert_exit 1 as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 Nonsense s x
        assert_match "$output" Nonsense
        assert_exit 1 as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 MaxMemory s x
        assert_exit 1 as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 0 0
        assert_exit 1 as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 MaxCPU u 0
        assert_match "$output" '--max-cpu|MaxCPU'
}

test_options_are_checked() {
        local job

        job=/org/joblet/job/$(detached alice true)
        # the same words by whichever method
        assert_exit 1 as_user alice busctl call "${manager[@]}" Run 'asa{sv}' 1 true 1 MaxMemory s x
        assert_match "$output" 'MaxMemory: its type is t, not s'
        assert_exit 1 as_user alice busctl call "${manager[@]}" ListJobs 'a{sv}' 1 Limit s x
        assert_match "$output" 'Limit: its type is u, not s'
        assert_exit 1 as_user alice busctl call "${manager[@]}" ListJobs 'a{sv}' 1 Nonsense s x
        assert_match "$output" 'there is no option Nonsense; use All, Limit, State, Name, Runtime or SinceUSec'
        assert_exit 1 as_user alice busctl call org.joblet "$job" org.joblet.Job1 OpenLog 'a{sv}' 1 Nonsense s x
        assert_match "$output" 'there is no option Nonsense; use Follow, Lines, SinceUSec or AfterCursor'
        assert_exit 1 as_user alice busctl call org.joblet "$job" org.joblet.Job1 Stop 'a{sv}' 1 Force b true
        assert_match "$output" 'there is no option Force; this method has none'
        assert_exit 1 in_machine busctl call "${manager[@]}" RemoveRuntime 'sa{sv}' shell-1.0 1 Force b true
        assert_match "$output" 'there is no option Force; this method has none'
        assert_exit 1 as_user alice busctl call "${manager[@]}" ListRuntimes 'a{sv}' 1 All b true
        assert_match "$output" 'there is no option All; this method has none'
        assert_exit 1 as_user alice busctl call "${manager[@]}" ListJobs 'a{sv}' 3 State as 1 FAILED State as 2 RUNNING COMPLETED Limit u 1
        assert_match "$output" 'State: it was given twice'
        assert_exit 0 as_user alice busctl call "${manager[@]}" ListJobs 'a{sv}' 2 State as 2 RUNNING COMPLETED Limit u 1
        assert_match "$output" "^a\(tosssusttti\) 1 .*\"$job\""
}

# own_name USER: tries to be org.joblet
own_name() {
        as_user "$1" busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su org.joblet 0
}

test_nobody_else_can_be_org_joblet() {
        local user

        for user in alice carol; do
                assert_exit 1 own_name "$user"
                assert_match "$output" 'not allowed|denied'
        done
        # neither while the name is free
        in_machine systemctl stop joblet.service
        for user in alice carol; do
                assert_exit 1 own_name "$user"
                assert_match "$output" 'not allowed|denied'
        done
        in_machine systemctl start joblet.service
}

test_who_is_not_in_the_group_cannot_run() {
        local before

        before=$(detached alice true)
        assert_exit 125 as_user carol rnx run true
        assert_one_line "$output"
        assert_match "$output" 'group joblet'
        assert_exit 125 as_user carol rnx run --detach true
        assert_exit 125 as_user carol rnx run --dry-run true
        assert_eq "$(detached alice true)" $((before + 1))
        # but may look at runtimes, and at own jobs
        assert_exit 0 as_user carol rnx runtime list
        assert_eq "$(as_user carol rnx list)" 'No jobs.'
}

test_jobs_of_others_are_closed() {
        local id verb

        id=$(detached alice --name=private sh -c 'echo secret; exec sleep 60')
        wait_until 10 in_log "$id" secret
        for verb in status log stop delete wait; do
                assert_exit "$([ "$verb" = wait ] && echo 125 || echo 1)" as_user bob rnx "$verb" "$id"
                assert_one_line "$output"
                assert_no_match "$output" secret
        done
        assert_exit 1 as_user bob rnx list --all
        assert_no_match "$(as_user bob rnx list)" private
        assert_exit 1 as_user bob busctl get-property org.joblet "/org/joblet/job/$id" org.joblet.Job1 Command
        assert_no_match "$(as_user bob busctl call org.joblet "/org/joblet/job/$id" org.freedesktop.DBus.Properties GetAll s org.joblet.Job1 2>&1)" secret
        assert_exit 1 as_user bob systemctl --no-ask-password stop "joblet-job-$id"
        assert_record "$id" state RUNNING
        # root sees and may do it all
        assert_match "$(in_machine rnx list --all)" "$id +private +RUNNING"
        in_machine rnx stop "$id"
        assert_exit 143 rnx wait "$id"
        assert_record "$id" state STOPPED result stopped
}

test_the_sample_rule_works() {
        local id

        id=$(detached alice sleep 60)
        assert_exit 1 as_user bob rnx status "$id"
        in_machine sh -c 'groupadd -f joblet-admin && usermod -aG joblet-admin bob &&
                cp /usr/share/doc/joblet/joblet-admin.rules.example /etc/polkit-1/rules.d/40-test.rules'
        wait_until 20 as_user bob rnx status "$id"
        as_user bob rnx stop "$id"
        assert_exit 143 rnx wait "$id"
        assert_exit 0 rnx run --network=host true
        in_machine sh -c 'rm /etc/polkit-1/rules.d/40-test.rules && gpasswd -d bob joblet-admin'
        rule_is_gone() {
                ! as_user bob rnx status "$id" 2>/dev/null
        }
        wait_until 20 rule_is_gone
}

# Who cannot be told whether she may is not told that she may not, and what to do about that.
test_polkit_that_does_not_answer_denies_nothing() {
        local id

        id=$(detached alice sleep 60)
        in_machine systemctl -q mask --runtime --now polkit.service
        assert_exit 125 rnx run true
        assert_one_line "$output"
        assert_match "$output" 'polkit cannot be asked .*org.joblet.run: .*polkit.service'
        assert_no_match "$output" 'administrator|group'
        assert_exit 1 rnx stop "$id"
        assert_match "$output" 'polkit cannot be asked '
        assert_no_match "$output" 'another user'
        in_machine systemctl -q unmask --runtime polkit.service
        assert_exit 0 rnx run true
        assert_exit 0 rnx stop "$id"
        # a denial is one
        assert_exit 125 as_user carol rnx run true
        assert_match "$output" 'ask an administrator to add you to the group joblet'
}

test_the_bus_starts_the_daemon() {
        in_machine systemctl stop joblet.service
        assert_exit 0 rnx list
        assert_eq "$(in_machine systemctl is-active joblet.service)" active
}

test_the_unit() {
        local line properties

        properties=$(in_machine systemctl show joblet.service)
        for line in Type=notify NotifyAccess=main BusName=org.joblet NoNewPrivileges=yes ProtectSystem=strict; do
                grep -qxF -e "$line" <<<"$properties" || fail "no $line"
        done
        assert_no_match "$properties" $'\nWatchdogUSec=(0|infinity)\n'
        in_machine systemctl -q enable joblet.service
        assert_eq "$(in_machine systemctl show -p Id --value jobletd.service)" joblet.service
        # it tells what it does
        assert_match "$properties" $'\nStatusText=[^\n]+'
}

run_tests "$@"
