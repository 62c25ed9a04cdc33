#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a job can see and do: what it needs, and nothing else of the host or of other jobs.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

teardown() {
        stop_all
}

# Where programs look for their limits, and at the path that /proc/self/cgroup gives.
test_own_control_group_is_at_the_top() {
        # shellcheck disable=SC2016
        assert_eq "$(rnx run 'cd /sys/fs/cgroup && grep -c usage_usec cpu.stat && [ -e cgroup.controllers ] && [ -e memory.pressure ] &&
                cmp cgroup.controllers "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/cgroup.controllers" && grep -cw $$ cgroup.procs')" $'1\n1'
        # shellcheck disable=SC2016
        assert_eq "$(rnx run sh -c 'find /sys/fs/cgroup -name "joblet-*" ! -name "joblet-job-$JOBLET_JOB_ID.service" -type d -name "*.service"')" ''
        assert_exit 2 rnx run 'echo 1 >/sys/fs/cgroup/cgroup.procs'
        assert_exit 1 rnx run mkdir /sys/fs/cgroup/mine
}

test_files_of_the_host_are_absent() {
        echo secret | put /home/alice/private 600
        echo secret | put /root/private
        assert_eq "$(rnx run sh -c 'cat /home/alice/private /root/private /etc/shadow /etc/machine-id /var/lib/joblet/jobs/1 2>/dev/null; ls -A /home /root /boot /var/lib /mnt /media 2>/dev/null')" ''
        assert_eq "$(rnx run sh -c 'ls -A /opt /srv /volumes /work /tmp /var/tmp /dev/shm' | grep -v ':$' | tr -d '\n')" ''
}

test_etc_holds_what_programs_need() {
        local etc name

        etc=$(rnx run ls /etc)
        for name in group hostname hosts ld.so.cache mtab nsswitch.conf os-release passwd resolv.conf ssl \
                    $(in_machine sh -c 'cd /etc && ls -d localtime mime.types protocols services timezone 2>/dev/null'); do
                grep -qxF "$name" <<<"$etc" || fail "no /etc/$name in $etc"
        done
        # and nothing that tells of the host's people, secrets or identity
        assert_no_match "$etc" '(^|[[:space:]])(shadow|gshadow|subuid|machine-id|fstab|ssh|sudoers|cron\.d|joblet|systemd|profile|environment)([[:space:]]|$)'
        assert_eq "$(rnx run sh -c 'id -un; id -gn; getent passwd "$(id -u)" | cut -d: -f1,6; getent hosts localhost >/dev/null && echo found')" \
                  $'joblet-u1000\njoblet-u1000\njoblet-u1000:/work\nfound'
        assert_no_match "$(rnx run cat /etc/passwd)" alice
        assert_exit 2 rnx run 'echo x >/etc/services'
        if in_machine test -e /etc/services; then # netbase is optional
                assert_eq "$(rnx run python3 -c 'import socket; print(socket.getservbyname("https"), socket.getprotobyname("udp"))')" '443 17'
        fi
        # shellcheck disable=SC2016
        assert_eq "$(rnx run sh -c '. /etc/os-release && echo $ID; readlink /etc/localtime; date +%Z')" \
                  "$(in_machine sh -c '. /etc/os-release && echo $ID; readlink /etc/localtime; date +%Z')"
}

test_own_host_name_resolves() {
        # shellcheck disable=SC2016
        assert_eq "$(rnx run 'hostname -i; getent hosts "$(hostname)" | cut -d" " -f1')" $'127.0.1.1\n127.0.1.1'
        assert_eq "$(rnx run python3 -c 'import socket; s = socket.create_server((socket.gethostname(), 0)); print(socket.create_connection(s.getsockname()).getpeername()[0])')" 127.0.1.1
        assert_eq "$(as_user root rnx run --network=host hostname)" "$(in_machine hostname)"
}

# What changes on the host while jobletd runs is seen by the next job.
test_etc_follows_the_host() {
        local name

        name=$(in_machine hostname)
        in_machine sh -c 'touch /etc/services; cp -p /etc/services /etc/services.kept; echo "jobletest 4242/tcp" >>/etc/services; mkdir /etc/java-test && echo setting >/etc/java-test/file
                cp -P /etc/localtime /etc/localtime.kept; ln -sf /usr/share/zoneinfo/Asia/Tokyo /etc/localtime; hostname joblet-renamed'
        output=$(rnx run 'getent services jobletest; cat /etc/java-test/file; date +%Z; hostname -i; hostname') || :
        in_machine sh -c "mv /etc/services.kept /etc/services; mv /etc/localtime.kept /etc/localtime; rm -r /etc/java-test; hostname $name"
        assert_eq "$(tr -s ' ' <<<"$output")" $'jobletest 4242/tcp\nsetting\nJST\n127.0.1.1\njoblet-renamed'
        assert_exit 2 rnx run ls /etc/java-test
        assert_eq "$(rnx run hostname)" "$name"
}

test_usr_is_read_only() {
        echo x | put /usr/local/bin/local-program 755
        # shellcheck disable=SC2016
        assert_eq "$(rnx run sh -c 'ls -A /usr/local; touch /usr/x /usr/local/x /etc/x /opt/x /x 2>/dev/null || echo "refused $(ls /usr/bin/env)"')" \
                  'refused /usr/bin/env'
        assert_exit 127 rnx run local-program
        in_machine rm /usr/local/bin/local-program
}

test_own_places_are_writable_and_private() {
        local first

        # shellcheck disable=SC2016
        first=$(detached alice sh -c 'for d in /work /tmp /var/tmp /dev/shm; do echo mine >$d/private || exit; done; echo ready; sleep 60')
        wait_until 10 in_log "$first" ready
        assert_eq "$(rnx run sh -c 'cat /work/private /tmp/private /var/tmp/private /dev/shm/private 2>/dev/null')" ''
        # nor does another user of the host
        assert_eq "$(as_user bob find / -name private -path '*oblet*' 2>/dev/null)" ''
        assert_exit 2 as_user bob ls "/var/lib/joblet/work/$first"
}

test_nothing_of_a_workspace_is_left() {
        local id

        id=$(detached alice sh -c 'mkdir -p a/b; echo x >a/b/c; chmod 0 a/b')
        rnx wait "$id"
        workspace_is_gone() {
                in_machine test ! -e "/var/lib/joblet/work/$id"
        }
        wait_until 10 workspace_is_gone
        in_machine test ! -e "/run/joblet/jobs/$id"
}

test_other_processes_are_out_of_sight() {
        local other seen

        other=$(detached alice sh -c 'echo ready; exec sleep 4711')
        wait_until 10 in_log "$other" ready
        # shellcheck disable=SC2016
        seen=$(rnx run sh -c 'for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline 2>/dev/null; echo; done; ls /sys/fs/cgroup -R 2>/dev/null; cat /proc/self/mountinfo')
        assert_match "$seen" 'proc/\[0-9'
        assert_no_match "$seen" 4711
        assert_no_match "$seen" jobletd
        assert_no_match "$seen" '/usr/lib/systemd/systemd'
        assert_no_match "$seen" "joblet-job-$other"
}

# kills_do_not_reach USER: a job of alice's that kills all it can leaves a job of USER's alone
kills_do_not_reach() {
        local other

        other=$(detached "$1" sh -c 'echo ready; exec sleep 60')
        wait_until 10 in_log "$other" ready
        rnx run sh -c 'trap "" TERM; kill -TERM -1 2>/dev/null; sleep 0.2; true' || :
        # shellcheck disable=SC2016
        rnx run sh -c 'for i in $(seq 2 3000); do kill -TERM $i 2>/dev/null; done; true' || :
        assert_record "$other" state RUNNING
}

test_jobs_of_others_are_out_of_reach() {
        kills_do_not_reach bob
}

test_other_jobs_of_the_owner_are_out_of_reach() {
        [ "$SUITE" != bookworm ] || skip 'systemd 252 has no PrivatePIDs=: jobs of one user run under one uid and can signal each other'
        kills_do_not_reach alice
}

test_sockets_of_the_host_are_absent() {
        assert_eq "$(rnx run find / -not -path '/proc/*' -type s 2>/dev/null)" ''
        assert_exit 1 rnx run busctl --system list
        assert_exit 1 rnx run systemctl list-units
}

test_no_privileges() {
        # shellcheck disable=SC2016
        assert_eq "$(rnx run sh -c '[ "$(id -u)" != 0 ] && grep -E "^(CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t" | tr "\n" " "')" \
                  'CapPrm:0000000000000000 CapEff:0000000000000000 CapBnd:0000000000000000 CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:2 '
        assert_exit 1 rnx run unshare -Ur true
        assert_exit 32 rnx run mount -t tmpfs none /tmp
        assert_exit 1 rnx run sh -c 'cp /bin/true x && chmod u+s x'
        assert_exit 1 rnx run su -c true
}

# What a job does to the limits of its parent does not change what is known of its end.
test_limits_of_the_relay_are_out_of_reach() {
        local limit script='' id

        for limit in as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack; do
                script+="prlimit --pid \$PPID --$limit=0 2>/dev/null && echo $limit; "
        done
        assert_exit 7 rnx run --download=result:result "$script echo kept >result; echo out; exit 7"
        assert_eq "$output" out
        assert_eq "$(as_user alice sh -c 'cat result; rm result')" kept
        id=$(rnx list --no-legend --limit=1 | cut -d' ' -f1)
        assert_record "$id" exit_code 7
        assert_eq "$(rnx log "$id")" out
}

# Debuggers and sanitizers work, on the job's own processes.
test_ptrace_of_its_own() {
        # shellcheck disable=SC2016
        assert_eq "$(rnx run 'strace -f -o trace sh -c "/bin/echo traced" && grep -c execve trace >/dev/null && strace -p $PPID 2>&1 | grep -o "Operation not permitted"')" \
                  $'traced\nOperation not permitted'
        as_user alice sh -c 'printf "%s\n" "#include <stdlib.h>" "int main(int argc, char **argv) { char *volatile p = malloc(3); if (argc > 1) p = NULL; free(p); return 0; }" >leak.c
                gcc -fsanitize=address -o leak leak.c' || skip 'no compiler with AddressSanitizer'
        assert_exit 0 rnx run -n --upload=leak ./leak
        assert_eq "$output" ''
        assert_exit 1 rnx run -n --upload=leak ./leak x
        assert_match "$output" 'LeakSanitizer: detected memory leaks'
        as_user alice rm leak leak.c
}

# One uid, and on 252 one view of processes; but each job has a user namespace.
test_ptrace_of_other_jobs() {
        local id pid

        id=$(detached alice sleep 60)
        pid=$(in_machine pgrep -nx sleep)
        assert_match "$(rnx run sh -c "timeout 20 strace -p $pid 2>&1")" 'Operation not permitted|No such process'
        rnx stop "$id"
}

test_devices_are_few() {
        assert_eq "$(rnx run sh -c 'find /dev -type b; find /dev -type c -printf "%f\n" | sort | tr "\n" " "')" \
                  'full null ptmx random tty urandom zero '
}

test_network_none_is_loopback_only() {
        assert_eq "$(rnx run ls /sys/class/net)" lo
        # what listens on the host is not reached
        in_machine systemd-run -q --unit=listener python3 -m http.server 8123 --bind 127.0.0.1
        listens() {
                in_machine python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8123), 1)' 2>/dev/null
        }
        wait_until 10 listens
        assert_exit 1 rnx run python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8123), 1)'
        assert_exit 0 as_user root rnx run --network=host python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8123), 1)'
        in_machine systemctl stop listener
        # but its own loopback works
        assert_exit 0 rnx run python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); socket.create_connection(s.getsockname(), 1)'
}

test_network_host_needs_authority() {
        assert_exit 125 rnx run --network=host true
        assert_one_line "$output"
        assert_match "$output" 'org.joblet.use-host-network.*administrator'
}

exposure() {
        in_machine systemd-analyze security --no-pager "$1" | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p'
}

test_exposure_of_a_job() {
        local id level

        id=$(detached alice sleep 60)
        level=$(exposure "joblet-job-$id.service")
        echo "exposure of a job: $level"
        [[ $level =~ ^[0-9]+\.[0-9]+$ ]]
        awk -v level="$level" 'BEGIN { exit !(level <= 1.0) }'
}

test_exposure_of_the_daemon() {
        local level

        level=$(exposure joblet.service)
        echo "exposure of the daemon: $level"
        [[ $level =~ ^[0-9]+\.[0-9]+$ ]]
        awk -v level="$level" 'BEGIN { exit !(level <= 3.0) }'
}

test_environment_is_secret() {
        local id unit pid

        # shellcheck disable=SC2016
        id=$(detached alice --env TOKEN=geheim42 sh -c 'echo "ready $TOKEN" | tr a-z A-Z; exec sleep 60')
        unit=joblet-job-$id.service
        wait_until 10 in_log "$id" 'READY GEHEIM42'
        assert_no_match "$(as_user bob systemctl show "$unit")" geheim42
        assert_no_match "$(as_user bob systemctl cat "$unit" 2>&1)" geheim42
        assert_no_match "$(as_user bob sh -c 'cat /run/systemd/transient/* 2>/dev/null')" geheim42
        pid=$(unit_property "$unit" MainPID)
        assert_eq "$(as_user bob sh -c "tr '\\0' '\\n' <'/proc/$pid/environ'" 2>/dev/null)" ''
        assert_exit 2 as_user bob ls "/run/joblet/jobs/$id"
        assert_eq "$(in_machine grep -rl geheim42 /run/joblet /var/lib/joblet /run/systemd/transient || :)" ''
}

# Nor the words of its command, in whatever place a user finds units described.
test_arguments_are_in_no_property() {
        local id unit

        id=$(detached alice sh -c 'echo ready >&2; exec sleep 60 # geheim43')
        unit=joblet-job-$id.service
        wait_until 10 in_log "$id" ready
        assert_match "$(as_user bob systemctl show -p ExecStart "$unit")" 'argv\[\]=/usr/lib/joblet/joblet-relay ;'
        for unit in "$unit" 'joblet-job-*'; do
                assert_no_match "$(as_user bob systemctl show "$unit")" geheim43
                assert_no_match "$(as_user bob systemctl cat "$unit" 2>&1)" geheim43
        done
        assert_no_match "$(as_user bob busctl tree org.freedesktop.systemd1; as_user bob systemctl list-units 'joblet-job-*')" geheim43
        assert_eq "$(in_machine grep -rl geheim43 /run/systemd/transient /run/joblet || :)" ''
        assert_match "$(rnx status "$id")" geheim43
}

test_a_limit_that_cannot_be_enforced_is_refused() {
        local option before

        before=$(detached alice true)
        for option in --max-memory=100 --max-cpu=50 --cpu-cores=0; do
                assert_exit 125 rnx run "$option" true
                assert_one_line "$output"
                assert_match "$output" "^rnx: ${option%=*}: this host cannot enforce it, .*AcceptUnenforcedLimits="
        done
        assert_eq "$(detached alice true)" $((before + 1))
}

test_limits_become_properties() {
        local id properties

        configure AcceptUnenforcedLimits=yes
        id=$(detached alice --max-memory=100 --max-cpu=50 --cpu-cores=0 --timeout=1h sleep 60)
        configure
        properties=$(in_machine systemctl show "joblet-job-$id.service")
        for line in MemoryMax=104857600 MemorySwapMax=0 CPUQuotaPerSecUSec=500ms AllowedCPUs=0 RuntimeMaxUSec=1h; do
                grep -qxF -e "$line" <<<"$properties" || fail "no $line"
        done
        assert_record "$id" memory_max 104857600 cpu_quota_percent 50 allowed_cpus 0 timeout_usec 3600000000
        assert_match "$(rnx status "$id")" 'limit 100.0MB'
}

test_the_unit_is_what_it_should_be() {
        local id line properties

        id=$(detached alice --name=a-name sleep 60)
        properties=$(in_machine systemctl show "joblet-job-$id.service" | sort)
        for line in Slice=joblet-u1000.slice User=joblet-u1000 DynamicUser=yes NoNewPrivileges=yes PrivateNetwork=yes \
                    PrivateTmp=yes PrivateDevices=yes PrivateUsers=yes ProtectSystem=strict \
                    SystemCallArchitectures=native LogRateLimitIntervalUSec=0 MemoryMax=infinity CollectMode=inactive \
                    RuntimeMaxUSec=infinity RestrictSUIDSGID=yes; do
                grep -qxF -e "$line" <<<"$properties" || fail "no $line"
        done
        assert_match "$properties" $'\nDescription=[^\n]*a-name'
        assert_match "$(unit_property "joblet-job-$id.service" ControlGroup)" "/joblet\.slice/joblet-u1000\.slice/joblet-job-$id\.service$"
        assert_match "$(in_machine systemctl status --no-pager "joblet-job-$id")" 'active \(running\)'
        assert_match "$(in_machine systemd-cgls --no-pager -u joblet.slice)" "joblet-job-$id.service"
}

test_owners_have_users_of_their_own() {
        local alice bob

        alice=$(rnx run id -u)
        bob=$(as_user bob rnx run sh -c 'id -u')
        [ "$alice" != "$bob" ] || fail "both run as $alice"
        assert_eq "$(as_user bob rnx run id -un)" joblet-u1001
}

run_tests "$@"
