#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runtimes: what they bring, where it appears in a job, and how they are listed. The one here is made by hand, of scripts.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

top=/opt/joblet/runtimes

setup() {
        in_machine bash -eu <<'SETUP'
top=/opt/joblet/runtimes
rm -rf $top
mkdir -p $top/script/script-1.5-full $top/other/other-2
cd $top/script/script-1.5-full
cat >runtime.yml <<'END'
name: script-1.5-full
type: system
version: "1.5.2"
description: "Scripts of all kinds"
mounts:
  - source: lib/deep
    target: /usr/local/lib/deep/inner
    readonly: true
  - source: bin
    target: /usr/local/bin
    readonly: true
  - source: lib
    target: /usr/local/lib
    readonly: true
  - source: share
    target: /usr/local/share
    selective: ["wanted", "also"]
    readonly: true
environment:
  SCRIPT_HOME: "/usr/local/lib"
  PATH_PREPEND: "/usr/local/bin/extra"
  LITERAL: "$HOME ${PATH} %n"
requirements:
  min_memory: "64MB"
  recommended_memory: "512MB"
  architectures: ["x86_64", "amd64", "aarch64", "arm64"]
packages:
  - first>=1.0,<2.0
  - second
END
mkdir -p bin/extra lib/deep/inner share
printf '#!/bin/sh\necho "tool $* from $0"\nexec %s\n' $PWD/bin/helper >bin/tool
printf '#!/bin/sh\necho helper\n' >bin/helper
printf '#!/bin/sh\necho extra\n' >bin/extra/extra-tool
chmod 755 bin/tool bin/helper bin/extra/extra-tool
echo outer >lib/outer
echo inner >lib/deep/file
for name in wanted also hidden; do echo $name >share/$name; done
head -c 2M /dev/zero >share/large
printf '%s\n' 'name: other-2' 'type: managed' 'version: "2.0"' 'description: Another' >$top/other/other-2/runtime.yml
SETUP
}

teardown() {
        stop_all
        in_machine rm -rf $top
        in_machine mkdir -p $top
}

run=(run --runtime=script-1.5-full)

test_list() {
        assert_eq "$(rnx runtime list)" \
"$(cat <<'END'
RUNTIME          VERSION  TYPE     SIZE   DESCRIPTION
-------          -------  ----     ----   -----------
other:2          2.0      managed  64B    Another
script:1.5-full  1.5.2    system   2.0MB  Scripts of all kinds

Total runtimes: 2
END
)"
        in_machine sh -c 'rm -r /opt/joblet/runtimes/*'
        assert_eq "$(rnx runtime list)" 'No runtimes.'
}

test_info() {
        assert_eq "$(rnx runtime info script-1.5-full)" \
"$(cat <<'END'
Runtime: script-1.5-full
Type: system
Version: 1.5.2
Description: Scripts of all kinds

Requirements:
  Minimum Memory: 64MB
  Recommended Memory: 512MB
  Architectures: x86_64, amd64, aarch64, arm64

Pre-installed Packages:
  - first>=1.0,<2.0
  - second

Usage:
  rnx run --runtime=script-1.5-full <command>
END
)"
        assert_match "$(rnx runtime info other:2)" $'^Runtime: other-2\nType: managed\n.*\n\nUsage:\n  rnx run --runtime=other:2 <command>$'
}

test_every_spelling() {
        local spelling

        for spelling in script-1.5-full script:1.5-full script:1.5+full script/script-1.5-full; do
                assert_match "$(rnx runtime info "$spelling")" '^Runtime: script-1.5-full'
        done
        assert_eq "$(rnx run --runtime=script:1.5+full tool)" $'tool  from /usr/local/bin/tool\nhelper'
        # a tag that does not exist is no other's
        assert_exit 125 rnx run --runtime=script:1.5 tool
        assert_match "$output" '^rnx: runtime not found: script:1.5'
}

test_its_programs_run() {
        assert_eq "$(rnx "${run[@]}" tool a b)" $'tool a b from /usr/local/bin/tool\nhelper'
        assert_eq "$(rnx "${run[@]}" extra-tool)" extra
        # and are not there without it
        assert_exit 127 rnx run tool
}

test_mounts_nest_whatever_their_order() {
        assert_eq "$(rnx "${run[@]}" sh -c 'cat /usr/local/lib/outer /usr/local/lib/deep/inner/file')" $'outer\ninner'
}

test_selective_mounts() {
        assert_eq "$(rnx "${run[@]}" sh -c 'ls /usr/local/share; cat /usr/local/share/*')" $'also\nwanted\nalso\nwanted'
}

# shellcheck disable=SC2016
test_environment() {
        assert_eq "$(rnx "${run[@]}" sh -c 'echo "$SCRIPT_HOME|$PATH|$LITERAL|$JOBLET_RUNTIME"')" \
                  '/usr/local/lib|/usr/local/bin/extra:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|$HOME ${PATH} %n|script-1.5-full'
        assert_eq "$(rnx "${run[@]}" --env SCRIPT_HOME=mine --env PATH_PREPEND=/first sh -c 'echo "$SCRIPT_HOME|$PATH"')" \
                  'mine|/first:/usr/local/bin/extra:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

test_read_only_and_alone() {
        # shellcheck disable=SC2016
        assert_eq "$(rnx "${run[@]}" sh -c 'for f in /usr/local/bin/x /usr/local/lib/x /usr/local/share/x '$top'/script/script-1.5-full/x; do touch $f 2>/dev/null && echo "wrote $f"; done; ls '$top' '$top/script' /opt')" \
                  "/opt:"$'\n'joblet$'\n\n'"$top:"$'\n'script$'\n\n'"$top/script:"$'\n'script-1.5-full
        assert_eq "$(rnx run sh -c 'ls -A /opt')" ''
}

test_job_tells_its_runtime() {
        local id

        id=$(detached alice --runtime=script:1.5-full tool)
        rnx wait "$id"
        assert_record "$id" runtime script:1.5-full
        assert_match "$(rnx status "$id")" 'Runtime: script:1.5-full'
        assert_match "$(rnx status --mounts "$id")" "$top/script/script-1.5-full/bin on /usr/local/bin"
        assert_match "$(in_machine journalctl -q -o export -u "joblet-job-$id" _TRANSPORT=stdout)" 'JOBLET_RUNTIME=script:1.5-full'
}

test_seen_without_restart() {
        local pid

        pid=$(unit_property joblet.service MainPID)
        printf '%s\n' 'name: new-3' 'type: system' 'version: "3"' 'environment:' '  NEW: "yes"' | put $top/new/new-3/runtime.yml
        assert_match "$(rnx runtime list)" 'new:3'
        # shellcheck disable=SC2016
        assert_eq "$(rnx run --runtime=new-3 sh -c 'echo "$NEW"')" yes
        printf '%s\n' 'name: new-3' 'type: system' 'version: "3"' 'environment:' '  NEW: "changed"' | put $top/new/new-3/runtime.yml
        # shellcheck disable=SC2016
        assert_eq "$(rnx run --runtime=new-3 sh -c 'echo "$NEW"')" changed
        in_machine rm -r $top/new
        assert_exit 125 rnx run --runtime=new-3 true
        assert_eq "$(unit_property joblet.service MainPID)" "$pid"
}

test_sources_may_not_lead_out() {
        in_machine ln -s /etc $top/other/other-2/out
        printf '%s\n' 'name: other-2' 'type: managed' 'version: "2.0"' 'mounts:' '  - source: out' '    target: /usr/local/etc' | put $top/other/other-2/runtime.yml
        assert_exit 125 rnx run --runtime=other-2 cat /usr/local/etc/shadow
        assert_one_line "$output"
        assert_match "$output" 'out'
}

test_dry_run_line_with_a_runtime() {
        local line

        line=$(rnx run --dry-run --runtime=script-1.5-full tool x)
        assert_eq "$(in_machine bash -c "$line")" $'tool x from /usr/local/bin/tool\nhelper'
}

run_tests "$@"
