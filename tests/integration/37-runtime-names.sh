#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Which runtime is meant, whether it can be used here, and what is said of it on the bus.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

store=/opt/joblet/runtimes

# make LANGUAGE NAME [LINE]...: a runtime with a program "tool" that says its language and name
make() {
        # shellcheck disable=SC2016
        in_machine sh -euc '
                mkdir -p "/opt/joblet/runtimes/$1/$2/bin" && cd "/opt/joblet/runtimes/$1/$2"
                printf "name: %s\nversion: \"1.0\"\ndescription: Of %s\nmounts:\n  - source: bin\n    target: /usr/local/bin\n" "$2" "$1" >runtime.yml
                printf "#!/bin/sh\necho %s %s\n" "$1" "$2" >bin/tool && chmod 755 bin/tool
                shift 2 && [ $# = 0 ] || printf "%s\n" "$@" >>runtime.yml' sh "$@"
}

setup() {
        in_machine sh -c "rm -rf $store/left $store/right $store/many $store/odd"
}

teardown() {
        stop_all
        setup
}

runtime_on_bus() {
        in_machine busctl get-property org.joblet "/org/joblet/runtime/$1" org.joblet.Runtime1 "$2"
}

# What the message about two of one name advises works in every verb, and lists show just that.
test_two_languages_with_one_name() {
        local way id

        make left twin
        make right twin
        assert_exit 125 rnx run --runtime=twin tool
        assert_match "$output" 'ambiguous: twin may be any of left/twin, right/twin\. Write one of these'
        assert_match "$(rnx runtime list)" $'\nleft/twin +1\\.0 .*\nright/twin +1\\.0 '
        for way in left/twin left:twin left-twin; do
                assert_eq "$(rnx run --runtime="$way" tool)" 'left twin'
        done
        assert_eq "$(rnx run --runtime=right/twin tool)" 'right twin'
        assert_match "$(rnx run --dry-run --runtime=right/twin tool)" "$store/right/twin"
        assert_match "$(rnx runtime info right/twin)" 'Description: Of right.*--runtime=right/twin '
        assert_exit 0 rnx runtime test right/twin
        assert_exit 0 rnx runtime pack right/twin -o /tmp/right.zip
        in_machine rm -r "$store/right"
        assert_exit 0 in_machine rnx runtime install /tmp/right.zip
        assert_match "$output" 'Installed runtime: right/twin.*--runtime=right/twin '
        assert_exit 0 rnx runtime verify right/twin
        # each is an object of its own
        assert_match "$(in_machine busctl tree --list org.joblet)" $'\n/org/joblet/runtime/left_2ftwin\n.*/org/joblet/runtime/right_2ftwin(\n|$)'
        assert_eq "$(runtime_on_bus left_2ftwin Language)" 's "left"'
        assert_eq "$(runtime_on_bus right_2ftwin Language)" 's "right"'
        # a job of one does not keep the other
        id=$(detached alice --runtime=left/twin sh -c 'echo up; exec sleep 600')
        wait_until 20 in_log "$id" up
        assert_match "$(rnx status "$id")" 'left/twin'
        assert_exit 1 in_machine rnx runtime remove left/twin
        assert_match "$output" "left/twin is in use by job $id"
        assert_exit 0 in_machine rnx runtime remove right/twin
        # alone, it is called by its name again; the job still holds it
        assert_match "$(rnx runtime list)" $'\ntwin +1\\.0 '
        assert_exit 1 in_machine rnx runtime remove twin
        assert_match "$output" "in use by job $id"
        in_machine rnx stop "$id"
        assert_exit 0 in_machine rnx runtime remove twin
}

# A name that begins with another language, and one that only '+' tells apart: what lists print is understood.
test_what_lists_print_is_understood() {
        local shown

        make left left-1
        make right left-1
        make left left-2-a
        make left left-2+a
        for shown in $(rnx runtime list --no-legend | sed -n 's/^\(\(left\|right\)[^ ]*\) .*/\1/p'); do
                assert_match "$(rnx run --runtime="$shown" tool)" '^(left|right) left-'
        done
        assert_eq "$(rnx run --runtime=left/left-1 tool)" 'left left-1'
        assert_match "$(rnx runtime list)" $'\nleft/left-1 .*\nleft/left-2\\+a .*\nleft/left-2-a .*\nright/left-1 '
        assert_eq "$(rnx run --runtime=right/left-1 tool)" 'right left-1'
        assert_eq "$(rnx run --runtime=left-2+a tool)" 'left left-2+a'
        assert_exit 125 rnx run --runtime=left:2-a tool
        assert_match "$output" 'may be any of left/left-2\+a, left/left-2-a'
        assert_eq "$(runtime_on_bus left_2d1 Language)" 's "left"'
        assert_eq "$(runtime_on_bus right_2fleft_2d1 Language)" 's "right"'
}

# A slip in runtime.yml is not found by wondering.
test_warnings_are_seen() {
        local warning="warning: .*/odd/odd-slip/runtime\.yml:7: enviroment: unknown key, ignored, did you mean 'environment'\?"

        make odd odd-slip 'enviroment:' '  A: b' 'language: right'
        assert_exit 0 rnx runtime info odd-slip
        assert_match "$output" "$warning"
        assert_match "$output" "language: it is 'right' but the directory above is 'odd', which is what counts"
        assert_no_match "$(as_user alice sh -c 'rnx runtime info odd-slip 2>/dev/null')" warning
        assert_match "$(rnx --json=short runtime info odd-slip 2>/dev/null)" '"warnings":\["[^"]*enviroment'
        assert_exit 0 rnx runtime test odd-slip
        assert_match "$output" "$warning"
        assert_match "$(rnx --json=short runtime test odd-slip 2>/dev/null)" '"warnings":\["[^"]*enviroment'
        assert_exit 0 rnx runtime pack odd-slip -o /tmp/slip.zip
        assert_match "$output" "$warning"
        assert_exit 0 rnx --json=short runtime pack "$store/odd/odd-slip" -o /tmp/slip.zip
        assert_match "$output" '"warnings":\["[^"]*enviroment'
        assert_exit 0 in_machine rnx runtime install /tmp/slip.zip
        assert_match "$output" "warning: .*/right/odd-slip/runtime\.yml:7: enviroment: unknown key"
        assert_exit 0 in_machine rnx --json=short runtime install /tmp/slip.zip
        assert_match "$output" '"installed":"[^"]*","warnings":\["[^"]*enviroment'
        # nothing is said where there is nothing to say
        make left left-fine
        assert_exit 0 rnx runtime info left-fine
        assert_no_match "$output" warning
        assert_no_match "$(rnx --json=short runtime pack left-fine -o /tmp/fine.zip)" warnings
}

# Whatever run would refuse is listed as unusable, for the same reason.
test_list_shows_what_run_would_refuse() {
        local name reason said

        make odd odd-machine 'requirements:' '  architectures: [riscv128]'
        make odd odd-memory 'requirements:' '  min_memory: 900TB'
        make odd odd-source '  - source: nowhere' '    target: /usr/local/share'
        make odd odd-link '  - source: out' '    target: /usr/local/share'
        in_machine ln -s /etc "$store/odd/odd-link/out"
        make odd odd-root 'base: self'
        make odd odd-broken 'mounts: 7'
        make left left-fine
        said=$(rnx runtime list)
        while IFS='|' read -r name reason; do
                assert_exit 125 rnx run --runtime="$name" true
                assert_match "$output" "$reason"
                assert_match "$said" $'\n'"odd:${name#odd-} [^"$'\n'"]*\(unusable: [^"$'\n'"]*$reason"
                assert_match "$(rnx --json=short runtime list)" "\"name\":\"$name\",[^}]*\"problem\":\"[^\"]*$reason"
        done <<'END'
odd-machine|is made for riscv128, this host is
odd-memory|needs at least 900\.0TB of memory, this host has
odd-source|source 'nowhere' cannot be used
odd-link|source 'out' is a link to '/etc'
odd-root|base: 'self' needs the root
odd-broken|runtime\.yml:7: mounts
END
        assert_match "$said" $'\nleft:fine +1\\.0 +system +[^ ]+ +Of left'
        assert_match "$(rnx runtime info odd-machine)" 'Problem: runtime odd:machine is made for riscv128'
        assert_eq "$(rnx --json=short runtime list | grep -o '"name":"left-fine"[^}]*' | grep -o '"problem":.*')" '"problem":null'
}

# Who hears of a removal finds nothing any more, and a removal that is refused is not announced.
test_a_removal_is_announced_when_it_is_done() {
        make odd odd-gone
        put /root/listen.py <<'END'
import os, subprocess, sys
place = sys.argv[1]
monitor = subprocess.Popen(["busctl", "monitor", "--match=type='signal',interface='org.freedesktop.DBus.ObjectManager',path='/org/joblet'"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
while "Monitoring" not in monitor.stdout.readline():
    pass
for name in ("odd-nothing", "odd-gone"):
    subprocess.run(["rnx", "runtime", "remove", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
member = ""
for line in monitor.stdout:
    member = line if "Member=" in line else member
    if "InterfacesRemoved" in member and "/org/joblet/runtime/" in line:
        print("odd_2dgone" in line, os.path.exists(place))
        break
monitor.kill()
END
        assert_eq "$(in_machine python3 /root/listen.py "$store/odd/odd-gone")" 'True False'
        in_machine rm /root/listen.py
}

# The store is read once for a call, however many runtimes there are. Opened directories are counted, not seconds.
test_all_objects_in_one_reading() {
        in_machine sh -euc 'for i in $(seq 200); do mkdir -p /opt/joblet/runtimes/many/many-$i
                printf "name: many-%s\nversion: 1\n" $i >/opt/joblet/runtimes/many/many-$i/runtime.yml; done'
        put /root/count.py <<'END'
import ctypes, os, select, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
IN_OPEN, IN_ISDIR = 0x20, 0x40000000
fd = libc.inotify_init1(os.O_NONBLOCK)
assert libc.inotify_add_watch(fd, b"/opt/joblet/runtimes/many", IN_OPEN) > 0
said = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True).stdout
opened = 0
while select.select([fd], [], [], 0)[0]:
    data = os.read(fd, 65536)
    while data:
        _, mask, _, size = struct.unpack_from("iIII", data)
        name = data[16:16 + size].rstrip(b"\0")
        opened += bool(mask & IN_ISDIR) and not name
        data = data[16 + size:]
print(said.count(b"/org/joblet/runtime/many_2d"), opened)
END
        in_machine rnx runtime list >/dev/null
        assert_eq "$(in_machine python3 /root/count.py busctl call -j org.joblet /org/joblet org.freedesktop.DBus.ObjectManager GetManagedObjects)" '200 1'
        # one property of one runtime is no reading of all manifests either
        assert_match "$(in_machine python3 /root/count.py busctl get-property org.joblet /org/joblet/runtime/many_2d7 org.joblet.Runtime1 Version)" '^0 [12]$'
}

run_tests "$@"
