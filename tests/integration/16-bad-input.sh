#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is wrong is said in one line that names the thing and the way out, with exit code 125, and no job comes of it.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        in_machine mkdir -p /opt/joblet/runtimes/shell/shell-1.0
        printf '%s\n' 'name: shell-1.0' 'version: "1.0"' 'type: system' 'description: a shell' | put /opt/joblet/runtimes/shell/shell-1.0/runtime.yml
        before=$(detached alice true)
        rnx wait "$before"
}

# refused REGEX ARG...: rnx run with these is refused in one line that matches
refused() {
        local regex=$1
        shift

        assert_exit 125 rnx run "$@"
        assert_one_line "$output"
        assert_match "$output" "$regex"
}

# no job was made of any of it
nothing_ran() {
        assert_eq "$(detached alice true)" $((before + 1))
        assert_eq "$(in_machine systemctl list-units --all --no-legend --plain 'joblet-job-*' | grep -v "joblet-job-$((before + 1))" || :)" ''
}

test_runtime_unknown() {
        refused '^rnx: runtime not found: shel-1.0\. Installed: .*shell:1\.0.* Did you mean shell:1\.0\?$' --runtime=shel-1.0 true
        refused '^rnx: runtime not found: cobol-85' --runtime=cobol-85 true
        refused 'shell:1.0-gpu' --runtime=shell:1.0-gpu true
        refused "--runtime: '../../etc' " --runtime=../../etc true
        refused "--runtime: '' " --runtime= true
        nothing_ran
}

test_runtime_broken() {
        in_machine mkdir -p /opt/joblet/runtimes/broken/broken-1
        printf '%s\n' 'name: broken-1' 'version: "1"' 'type: system' 'mounts:' '  - source: usr' '    target: /etc' | put /opt/joblet/runtimes/broken/broken-1/runtime.yml
        refused '^rnx: .*runtime.yml:6: mounts.*target: ' --runtime=broken-1 true
        printf '%s\n' 'name: broken-1' 'name: twice' | put /opt/joblet/runtimes/broken/broken-1/runtime.yml
        refused '^rnx: .*runtime.yml:2: ' --runtime=broken-1 true
        printf '%s\n' 'name: broken-1' 'version: "1"' 'type: system' 'mounts:' '  - source: missing' '    target: /usr/local/lib' | put /opt/joblet/runtimes/broken/broken-1/runtime.yml
        refused '^rnx: .*broken.*missing' --runtime=broken-1 true
        assert_match "$(rnx runtime list)" 'broken:1'
        in_machine rm -r /opt/joblet/runtimes/broken
        nothing_ran
}

test_runtime_that_does_not_fit() {
        in_machine mkdir -p /opt/joblet/runtimes/other/other-1
        printf '%s\n' 'name: other-1' 'version: "1"' 'type: system' 'requirements:' '  architectures: [s390x]' | put /opt/joblet/runtimes/other/other-1/runtime.yml
        refused '^rnx: runtime other:1 is made for s390x, this host is ' --runtime=other-1 true
        printf '%s\n' 'name: other-1' 'version: "1"' 'type: system' 'requirements:' '  min_memory: 900TB' | put /opt/joblet/runtimes/other/other-1/runtime.yml
        refused '^rnx: runtime other:1 needs at least 900.0TB of memory, this host has ' --runtime=other-1 true
        printf '%s\n' 'name: other-1' 'version: "1"' 'type: system' 'requirements:' '  min_memory: 512MB' | put /opt/joblet/runtimes/other/other-1/runtime.yml
        refused '^rnx: runtime other:1 needs at least 512.0MB of memory, --max-memory allows 100.0MB' --runtime=other-1 --max-memory=100 true
        in_machine rm -r /opt/joblet/runtimes/other
        nothing_ran
}

test_option_values() {
        refused '^rnx: --max-memory=much: ' --max-memory=much true
        refused '^rnx: --max-memory: ' --max-memory=1 true
        refused '^rnx: --max-memory=-5: ' --max-memory=-5 true
        refused '^rnx: --max-cpu=0: |^rnx: --max-cpu: ' --max-cpu=0 true
        refused '^rnx: --max-cpu=half: ' --max-cpu=half true
        refused "^rnx: --cpu-cores: '0-' " --cpu-cores=0- true
        refused '^rnx: --timeout=soon: ' --timeout=soon true
        refused '^rnx: --timeout: ' --timeout=0 true
        refused "^rnx: --network: 'vpn' is no network; use none or host" --network=vpn true
        refused "^rnx: --name: '-x' " --name=-x true
        refused "^rnx: --workdir: '../..' " --workdir=../.. true
        refused '^rnx: --env: ' --env 1A=x true
        refused '^rnx: --env-file=missing: No such file' --env-file=missing true
        nothing_ran
}

test_options() {
        refused "^rnx: unknown option --max-mem, see 'rnx run --help'; did you mean --max-memory=SIZE\?$" --max-mem=5 true
        refused '^rnx: option --name needs a value' --name
        refused '^rnx: option --detach takes no value' --detach=yes true
        refused '^rnx: unknown option -z' -z true
        nothing_ran
}

test_command_missing() {
        refused "^rnx: 'rnx run' needs COMMAND .*see 'rnx run --help'"
        refused '^rnx: no command' ''
        nothing_ran
}

test_other_verbs() {
        assert_exit 1 rnx frobnicate
        assert_match "$output" "^rnx: unknown verb 'frobnicate', see 'rnx help'$"
        assert_exit 1 rnx
        assert_one_line "$output"
        assert_exit 4 rnx status 999999
        assert_match "$output" "^rnx: there is no job 999999, see 'rnx list'$"
        assert_exit 4 rnx log 999999
        assert_exit 4 rnx status many
        assert_match "$output" "^rnx: you have no job called 'many', see 'rnx list'$"
        assert_exit 1 rnx status ''
        assert_match "$output" "^rnx: '' is neither the number nor the name of a job, see 'rnx list'$"
        assert_exit 1 rnx stop "$before"
        assert_one_line "$output"
        assert_match "$output" "job $before has ended already"
        assert_exit 1 rnx list --state=sleeping
        assert_match "$output" "^rnx: --state=sleeping: must be one of "
        assert_exit 1 rnx runtime info nothing
        assert_match "$output" '^rnx: runtime not found: nothing'
}

test_command_too_long() {
        # a shell may give more than what a program starts with by default
        assert_exit 125 as_user alice sh -c 'ulimit -s 100000; exec rnx run -n true $(seq -f %060000g 40)'
        assert_one_line "$output"
        assert_match "$output" '^rnx: the command is 2400045 bytes long, at most 2097152 are allowed; '
        nothing_ran
}

test_privilege_missing() {
        assert_exit 125 as_user carol rnx run true
        assert_one_line "$output"
        assert_match "$output" 'org.joblet.run.*group joblet'
        nothing_ran
}

test_daemon_missing() {
        in_machine sh -c 'systemctl mask --runtime --now joblet.service 2>/dev/null'
        code=0
        output=$(as_user alice timeout 30 rnx run true 2>&1) || code=$?
        listed=0
        list=$(as_user alice timeout 30 rnx list 2>&1) || listed=$?
        in_machine sh -c 'systemctl unmask --runtime joblet.service 2>/dev/null; systemctl start joblet.service'
        assert_eq "$code" 125
        assert_one_line "$output"
        assert_match "$output" 'jobletd.*joblet.service'
        assert_eq "$listed" 1
        assert_one_line "$list"
        nothing_ran
}

# Whatever lies among the records: the others are served, and it is said.
test_records_that_cannot_be_read() {
        local id

        id=$(detached alice true)
        rnx wait "$id"
        in_machine systemctl stop joblet.service
        in_machine sh -c 'cd /var/lib/joblet/jobs && truncate -s 2M 900001 && mkdir 900002 && ln -s /etc/passwd 900003 && : >900004'
        assert_exit 0 in_machine systemctl start joblet.service
        assert_record "$id" state COMPLETED
        in_machine sh -c 'cd /var/lib/joblet/jobs && rm -r 900001 900002 900003 900004 && systemctl restart joblet.service'
        output=$(in_machine journalctl -q -o cat -u joblet.service)
        for id in 900001 900002 900003 900004; do
                assert_match "$output" "record of job $id cannot be read, ignoring it: /var/lib/joblet/jobs/$id: [A-Z]"
        done
        assert_eq "$(detached alice true)" "$((before + 2))"
}

test_bus_missing() {
        assert_exit 125 as_user alice env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere rnx run true
        assert_one_line "$output"
        assert_match "$output" 'bus'
}

run_tests "$@"
