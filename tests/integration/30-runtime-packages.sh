#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The life of a runtime: packed, installed, listed, tested, verified, replaced, removed.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

store=/opt/joblet/runtimes

# make_runtime NAME CONTENT: a small runtime in /root/src/NAME
make_runtime() {
        # shellcheck disable=SC2016
        in_machine sh -euc '
                rm -rf "/root/src/$1" && mkdir -p "/root/src/$1/bin" "/root/src/$1/empty" && cd "/root/src/$1"
                printf "name: %s\nversion: \"1.0\"\ndescription: A small one\nmounts:\n  - source: bin\n    target: /usr/local/bin\n" "$1" >runtime.yml
                printf "#!/bin/sh\necho %s\n" "$2" >bin/tool && chmod 755 bin/tool
                ln -s tool bin/alias
                echo data >bin/data' sh "$1" "$2"
}

pack() {
        in_machine rnx runtime pack "/root/src/$1" -o "/root/$1.zip"
}

# hostile ENTRY MODE CONTENT: /root/hostile.zip, fine but for one entry
hostile() {
        in_machine python3 - "$@" <<'END'
import sys, zipfile
name, mode, content = sys.argv[1], int(sys.argv[2], 8), sys.argv[3]
with zipfile.ZipFile("/root/hostile.zip", "w") as z:
    z.writestr("t/t-hostile/runtime.yml", "name: t-hostile\nversion: '1'\n")
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = mode << 16
    z.writestr(entry, content)
END
}

nothing_left() {
        [ -z "$(in_machine find "$store" -name '.#*')" ]
}

setup() {
        in_machine sh -c "rm -rf $store/t $store/.#* /root/src /root/*.zip; systemctl reset-failed joblet.service; true"
        in_machine systemctl start joblet.service
}

teardown() {
        in_machine sh -c 'for id in $(rnx list --json | grep -o "\"id\":[0-9]*,[^}]*\"RUNNING\"" | grep -o "^\"id\":[0-9]*" | cut -d: -f2); do rnx stop $id; done' || :
}

test_install_use_remove() {
        make_runtime t-one first
        pack t-one
        assert_exit 0 in_machine rnx runtime install /root/t-one.zip
        assert_match "$output" 'Installed runtime: t:one'
        nothing_left || fail 'something was left'
        assert_eq "$(rnx run --runtime=t-one tool)" first
        assert_eq "$(rnx run --runtime=t:one alias)" first
        assert_match "$(rnx runtime list)" 't:one +1\.0 +system +[0-9]+B +A small one'
        assert_eq "$(in_machine find $store/t/t-one -printf '%P %y %m %u %l\n' | sort | sed 1d)" "$(sort <<'END'
bin d 755 root 
bin/alias l 777 root tool
bin/data f 644 root 
bin/tool f 755 root 
empty d 755 root 
manifest.sha256 f 644 root 
runtime.yml f 644 root 
END
)"
        assert_exit 0 in_machine rnx runtime remove t-one
        assert_eq "$output" 'Removed runtime: t-one'
        in_machine test ! -e $store/t
        assert_exit 125 rnx run --runtime=t-one tool
        assert_match "$output" 'runtime not found: t-one'
}

# Extents that have no place on the disk yet tell of data that is nowhere but in memory.
test_an_installed_runtime_is_on_the_disk() {
        make_runtime t-disk disk
        in_machine sh -euc 'cd /root/src/t-disk && head -c 3000000 /dev/urandom >bin/random
                for i in $(seq 200); do echo "$i" >"bin/small-$i"; done'
        pack t-disk
        in_machine rnx runtime install /root/t-disk.zip
        assert_exit 0 in_machine python3 - "$store/t/t-disk" <<'END'
import array, errno, fcntl, os, struct, sys
FS_IOC_FIEMAP, EXTENTS = 0xC020660B, 64
UNKNOWN, DELALLOC = 2, 4
seen = waiting = 0
for directory, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(directory, name)
        if os.path.islink(path):
            continue
        buffer = array.array("B", struct.pack("=QQLLLL", 0, 2**64 - 1, 0, 0, EXTENTS, 0) + bytes(56 * EXTENTS))
        with open(path, "rb") as f:
            try:
                fcntl.ioctl(f, FS_IOC_FIEMAP, buffer)
            except OSError as e:
                if e.errno not in (errno.EOPNOTSUPP, errno.ENOTTY):
                    raise
                print("no extents here")
                sys.exit()
        mapped = struct.unpack_from("=L", buffer, 20)[0]
        flags = [struct.unpack_from("=L", buffer, 32 + 56 * i + 40)[0] for i in range(mapped)]
        seen += mapped
        waiting += any(flag & (UNKNOWN | DELALLOC) for flag in flags)
print(f"extents: {seen > 200}, waiting: {waiting}")
END
        [ "$output" != 'no extents here' ] || skip 'the file system does not tell where files are'
        assert_eq "$output" 'extents: True, waiting: 0'
}

test_install_from_stdin() {
        make_runtime t-pipe piped
        pack t-pipe
        assert_exit 0 in_machine sh -c 'cat /root/t-pipe.zip | rnx runtime install -'
        assert_eq "$(rnx run --runtime=t-pipe tool)" piped
        assert_exit 0 in_machine sh -c 'rnx runtime install - </root/t-pipe.zip'
        assert_exit 0 in_machine sh -c 'rnx runtime pack t-pipe -o - | rnx --json runtime install -'
        assert_eq "$output" '{"installed":"t:pipe"}'
}

test_install_of_a_directory() {
        make_runtime t-dir directory
        assert_exit 0 in_machine rnx runtime install /root/src/t-dir
        assert_eq "$(rnx run --runtime=t-dir tool)" directory
}

test_plain_unzip_does_the_same() {
        make_runtime t-unzip unzipped
        pack t-unzip
        in_machine unzip -q /root/t-unzip.zip -d $store
        assert_eq "$(rnx run --runtime=t-unzip alias)" unzipped
        assert_exit 0 in_machine rnx runtime verify t-unzip
        in_machine test -d $store/t/t-unzip/empty
        assert_eq "$(in_machine stat -c %Y $store/t/t-unzip/bin/tool)" "$(in_machine stat -c %Y /root/src/t-unzip/bin/tool)"
}

test_a_package_of_an_installed_runtime_is_the_package() {
        make_runtime t-same same
        pack t-same
        in_machine rnx runtime install /root/t-same.zip
        in_machine rnx runtime pack t-same -o /root/again.zip
        in_machine cmp /root/t-same.zip /root/again.zip
        # no privilege is needed, and younger times do not matter
        in_machine touch $store/t/t-same/bin/tool
        as_user alice rnx runtime pack t:same -o /tmp/by-alice.zip
        in_machine cmp /root/t-same.zip /tmp/by-alice.zip
}

test_verify_finds_each_difference() {
        make_runtime t-verify verified
        in_machine rnx runtime install /root/src/t-verify
        assert_exit 0 rnx runtime verify t-verify
        assert_eq "$output" $'Verifying runtime: t-verify\n✓ Runtime is intact'
        in_machine sh -euc "cd $store/t/t-verify
                printf Data | dd of=bin/data conv=notrunc status=none
                echo more >bin/new; chmod -x bin/tool; ln -sfn data bin/alias; rmdir empty"
        assert_exit 1 rnx runtime verify t-verify
        assert_eq "$output" 'Verifying runtime: t-verify
✗ Runtime is not what was installed
  changed: bin/alias: it is a link to something else
  changed: bin/data
  extra: bin/new
  mode: bin/tool: it is not executable
  missing: empty'
        assert_exit 1 rnx --json=short runtime verify t-verify
        assert_match "$output" '"intact":false,"problems":\["changed: bin'
        in_machine rm $store/t/t-verify/manifest.sha256
        assert_exit 1 rnx runtime verify t-verify
        assert_match "$output" 'it has no manifest.sha256'
}

# systemd makes what a root lacks, when its first job starts.
test_verify_after_a_job_in_a_root_of_its_own() {
        [ -z "${JOBLET_TEST_SANITIZED:-}" ] || skip "the relay with sanitizers needs libraries, which this root lacks"
        in_machine sh -euc 'mkdir -p /root/src/t-own/root/usr/bin /root/src/t-own/root/work && cd /root/src/t-own
                printf "name: t-own\nversion: 1\nbase: self\n" >runtime.yml
                mkdir -p root/usr/lib root/usr/lib64 && ln -s usr/bin usr/lib usr/lib64 root/
                cp /bin/busybox root/usr/bin/sh 2>/dev/null || {
                        cp -L /bin/sh root/usr/bin/
                        ldd /bin/sh | grep -o "/[^ ]*" | while read -r l; do mkdir -p "root/$(dirname "$l")"; cp -L "$l" "root/$l"; done
                }'
        pack t-own
        assert_exit 0 in_machine rnx runtime install /root/t-own.zip
        assert_eq "$(rnx run --runtime=t-own sh -c 'echo here')" here
        assert_exit 0 in_machine rnx runtime verify t-own
        in_machine sh -c "echo x >$store/t/t-own/root/foreign"
        assert_exit 1 in_machine rnx runtime verify t-own
        assert_match "$output" 'extra: root/foreign'
}

test_hostile_packages_are_refused() {
        local entry

        while IFS='|' read -r name mode content rule; do
                entry=${name//\$/t\/t-hostile}
                hostile "$entry" "$mode" "$content"
                assert_exit 1 in_machine rnx runtime install /root/hostile.zip
                assert_match "$output" "$rule"
                in_machine sh -c "test ! -e $store/t" || fail "something is left of $entry"
        done <<'END'
$/../../../../etc/evil|100644|x|entry 't/t-hostile/\.\./.*': its name has '\.\.'
/etc/evil|100644|x|its name is an absolute path
$/a\b|100644|x|its name has a backslash
$//a|100644|x|empty component
u/other/file|100644|x|it does not lie in t/t-hostile
$/su|104755|x|setuid
$/dev|020644|x|it is a device
$/link|120777|/etc/shadow|it is a link to '/etc/shadow', which leaves the runtime
$/link|120777|../../../../../etc/shadow|which leaves the runtime
$/runtime.yml/x|100644|x|which is a file and no directory
END
        # a name that goes on behind a NUL, in either place
        for way in 'replace(b"a-nul-b", b"a\0nul-b")' 'replace(b"a-nul-b", b"a\0nul-b", 1)' 'rreplace'; do
                hostile t/t-hostile/a-nul-b 100644 x
                in_machine python3 - "$way" <<'END'
import sys
data = open("/root/hostile.zip", "rb").read()
i = data.rindex(b"a-nul-b")
data = data[:i] + b"a\0nul-b" + data[i + 7:] if sys.argv[1] == "rreplace" else eval("data." + sys.argv[1])
open("/root/hostile.zip", "wb").write(data)
END
                assert_exit 1 in_machine rnx runtime install /root/hostile.zip
                assert_match "$output" "entry 't/t-hostile/a\?nul-b': its name has a NUL byte"
                in_machine test ! -e "$store/t"
        done
        in_machine sh -c 'echo no zip >/root/bad.zip'
        assert_exit 1 in_machine rnx runtime install /root/bad.zip
        assert_match "$output" '/root/bad.zip: package refused: it is no zip file'
        assert_exit 1 in_machine rnx runtime install /root
        assert_match "$output" 'runtime.yml'
}

test_a_damaged_package_leaves_nothing() {
        make_runtime t-cut cut
        in_machine sh -c 'head -c 3000000 /dev/urandom >/root/src/t-cut/bin/random'
        pack t-cut
        in_machine sh -c 'printf "\377\0\377" | dd of=/root/t-cut.zip bs=1 seek=1500000 conv=notrunc status=none'
        assert_exit 1 in_machine rnx runtime install /root/t-cut.zip
        assert_match "$output" 'bin/random: it is (damaged|not what manifest.sha256)'
        in_machine truncate -s 2000000 /root/t-cut.zip
        assert_exit 1 in_machine rnx runtime install /root/t-cut.zip
        in_machine test ! -e $store/t
}

test_a_broken_manifest_is_refused() {
        make_runtime t-broken x
        in_machine sh -c 'printf "mounts: 7\n" >>/root/src/t-broken/runtime.yml; cd /root/src && mkdir t && mv t-broken t/ && zip -qry /root/t-broken.zip t'
        assert_exit 1 in_machine rnx runtime install /root/t-broken.zip
        assert_match "$output" 't-broken/runtime.yml:[0-9]+: mounts'
        make_runtime t-nothing x
        in_machine sh -c 'cd /root/src && mkdir -p t && rm -r t/* && mv t-nothing t/ && rm -r t/t-nothing/bin && zip -qry /root/t-nothing.zip t'
        assert_exit 1 in_machine rnx runtime install /root/t-nothing.zip
        assert_match "$output" "source 'bin' cannot be used"
        in_machine test ! -e $store/t
}

test_replacing_does_not_disturb_running_jobs() {
        local old new

        make_runtime t-swap old
        in_machine rnx runtime install /root/src/t-swap
        old=$(detached alice --runtime=t-swap sh -c 'echo up; while [ ! -e go ]; do tool >/dev/null && cat /usr/local/bin/data >/dev/null || exit 9; sleep 0.05; done; tool')
        wait_until 10 in_log "$old" up
        make_runtime t-swap new
        in_machine rnx runtime install /root/src/t-swap
        assert_eq "$(rnx run --runtime=t-swap tool)" new
        nothing_left && fail 'the tree of the running job is gone'
        new=$(detached bob --runtime=t-swap sleep 60)
        in_machine systemctl restart joblet.service
        assert_eq "$(rnx run --runtime=t-swap tool)" new
        nothing_left && fail 'the tree of the running job did not survive a restart'
        in_machine sh -c "touch /var/lib/joblet/work/$old/go"
        wait_until 10 job_is "$old" COMPLETED
        assert_eq "$(in_machine rnx log "$old" | tail -n 1)" old
        # the newer job has the new tree, so nobody needs the old one any more
        wait_until 10 nothing_left
        in_machine rnx stop "$new"
}

# Between the two renames of a replacement the old tree has the name that the new one had.
test_a_daemon_killed_while_it_replaces() {
        local old

        make_runtime t-half old
        in_machine rnx runtime install /root/src/t-half
        old=$(detached alice --runtime=t-half sh -c 'echo up; while [ ! -e go ]; do tool >/dev/null && cat /usr/local/bin/data >/dev/null || exit 9; sleep 0.05; done; tool')
        wait_until 10 in_log "$old" up
        in_machine systemctl stop joblet.service
        in_machine sh -euc "cd $store/t && mv t-half .#t-half.new.0badcafe && cp -a .#t-half.new.0badcafe t-half && mkdir .#t-other.new.0badcafe"
        in_machine systemctl start joblet.service
        wait_until 10 in_machine test ! -e "$store/t/.#t-other.new.0badcafe"
        assert_eq "$(rnx run --runtime=t-half tool)" old
        in_machine touch "/var/lib/joblet/work/$old/go"
        assert_exit 0 rnx wait "$old"
        wait_until 10 nothing_left
}

test_remove_is_refused_while_in_use() {
        local id

        make_runtime t-busy busy
        in_machine rnx runtime install /root/src/t-busy
        id=$(detached alice --runtime=t-busy sleep 60)
        assert_exit 1 in_machine rnx runtime remove t-busy
        assert_match "$output" "runtime t:busy is in use by job $id; wait for it to end or stop it"
        assert_match "$output" "rnx stop $id\$"
        in_machine rnx stop "$id"
        assert_exit 143 in_machine rnx wait "$id"
        assert_exit 0 in_machine rnx runtime remove t-busy
        nothing_left || fail 'something was left'
        assert_exit 1 in_machine rnx runtime remove t-busy
        assert_match "$output" 'runtime not found: t-busy'
}

test_only_administrators() {
        make_runtime t-mine mine
        pack t-mine
        in_machine chmod 644 /root/t-mine.zip
        in_machine cp /root/t-mine.zip /tmp/
        assert_exit 1 rnx --no-ask-password runtime install /tmp/t-mine.zip
        assert_match "$output" 'org.joblet.manage-runtimes'
        in_machine rnx runtime install /tmp/t-mine.zip
        assert_exit 1 rnx --no-ask-password runtime remove t-mine
        assert_match "$output" 'org.joblet.manage-runtimes'
        assert_exit 0 rnx runtime verify t-mine
        assert_exit 1 as_user carol rnx --no-ask-password runtime verify t-mine
        # who is not in the group has no way around rnx either
        assert_exit 1 as_user carol rnx --no-ask-password runtime install /tmp/t-mine.zip
        assert_match "$output" 'org.joblet.manage-runtimes'
        assert_exit 1 as_user carol busctl call org.joblet /org/joblet org.joblet.Manager1 RemoveRuntime 'sa{sv}' t-mine 0
        assert_match "$output" 'org.joblet.manage-runtimes'
        assert_exit 1 as_user carol busctl call org.joblet /org/joblet org.joblet.Manager1 VerifyRuntime 'sa{sv}' t-mine 0
        assert_match "$output" 'org.joblet.run'
        assert_exit 1 as_user carol mkdir "$store/t/t-theirs"
        assert_exit 0 in_machine rnx runtime verify t-mine
}

no_worker() {
        in_machine sh -c '! pgrep -x joblet-package'
}

test_an_interrupted_install_leaves_nothing() {
        make_runtime t-stall stall
        in_machine sh -c 'head -c 20000000 /dev/urandom >/root/src/t-stall/bin/random'
        pack t-stall
        # a package of which the end does not come
        put /root/stall <<'END'
#!/bin/bash
exec rnx runtime install - < <(exec 2>/dev/null; head -c 100000 /root/t-stall.zip; exec sleep 30)
END
        in_machine timeout -s INT 1 bash /root/stall || :
        wait_until 5 no_worker
        in_machine test ! -e $store/t
        # killed without a word, in the middle of the work
        in_machine bash -c 'bash /root/stall >/root/out 2>&1 & until pgrep -x joblet-package >/dev/null; do sleep 0.05; done
                pkill -KILL -x joblet-package; wait $!' || :
        assert_match "$(in_machine cat /root/out)" 'ended before it was done'
        wait_until 5 no_worker
        in_machine test ! -e $store/t
        # what a killed daemon left
        in_machine mkdir -p "$store/t/.#t-stall.new.12345678/bin" "$store/t/.#t-stall.removed.1.0" "$store/t/.#t-stall.replaced.1.0"
        in_machine systemctl restart joblet.service
        wait_until 10 nothing_left
        wait_until 5 in_machine test ! -e $store/t
}

test_test() {
        in_machine sh -euc 'mkdir -p /root/src/python-try && cd /root/src/python-try
                printf "name: python-try\nversion: \"3\"\npackages: []\n" >runtime.yml'
        in_machine rnx runtime install /root/src/python-try
        assert_exit 0 rnx runtime test python-try
        assert_match "$output" '^Testing runtime: python-try
✓ Runtime test passed
Output: Python 3\.[0-9.]+

To test the runtime in a job:
  rnx run --runtime=python-try python --version$'
        in_machine sh -c 'printf "name: python-try\nversion: \"3\"\npackages: [nosuchthing>=1]\n" >/root/src/python-try/runtime.yml'
        in_machine rnx runtime install /root/src/python-try
        assert_exit 1 rnx runtime test python-try
        assert_match "$output" '✗ Runtime test failed
Output: Python 3\.[0-9.]+
Error: nosuchthing: not installed
Exit code: 1$'
        assert_exit 1 rnx --json=short runtime test python-try
        assert_match "$output" '"passed":false,"exit_code":1'
        in_machine rnx runtime remove python-try
}

# What a package may end with is its tree: not itself, wherever it is written, and under whatever name.
test_a_package_does_not_pack_itself() {
        local expected way

        make_runtime t-self self
        in_machine sh -euc 'cd /root/src/t-self && head -c 100000 /dev/urandom >bin/random && ln -s /root/src/t-self /root/src/link'
        pack t-self
        expected=$(in_machine sha256sum /root/t-self.zip | cut -d' ' -f1)
        for way in 'cd /root/src/t-self && rnx runtime pack .' 'cd /root/src/t-self && rnx runtime pack ../link/ -o ./t-self-runtime.zip' \
                'cd / && rnx runtime pack /root/src/link -o /root/src/t-self/t-self-runtime.zip' \
                'cd /root/src/t-self/bin && rnx runtime pack .. -o - >../t-self-runtime.zip' \
                'cd /root/src/t-self && ln -s /root/src/t-self/t-self-runtime.zip ../by-link && rnx runtime pack . -o ../by-link && rm ../by-link'; do
                # the second time it lies there
                assert_exit 0 in_machine sh -c "rm -f /root/src/t-self/t-self-runtime.zip; $way"
                case $way in *by-link*) continue ;; esac
                assert_exit 0 in_machine sh -c "$way"
                assert_eq "$(in_machine sha256sum /root/src/t-self/t-self-runtime.zip | cut -d' ' -f1)" "$expected"
        done
        # what a killed rnx has left where it needs a name
        in_machine touch /root/src/t-self/.rnx-pack-1-abcdef
        in_machine sh -c 'rm /root/src/t-self/t-self-runtime.zip; cd /root && rnx runtime pack src/t-self/ -o again.zip'
        in_machine cmp /root/t-self.zip /root/again.zip
}

# A test passes only at its end, whatever what it loads does.
test_test_does_not_pass_before_its_end() {
        local body

        in_machine sh -euc 'mkdir -p /root/src/python-bad/bin && cd /root/src/python-bad
                printf "name: python-bad\nversion: \"3\"\nenvironment:\n  PYTHONPATH: /opt/joblet/runtimes/python/python-bad/bin\npackages: [first==1]\n" >runtime.yml
                mkdir bin/first-1.dist-info && printf "Name: first\nVersion: 1\n" >bin/first-1.dist-info/METADATA
                echo first >bin/first-1.dist-info/top_level.txt'
        while IFS='|' read -r body said; do
                in_machine sh -c "echo '$body' >/root/src/python-bad/bin/first.py; rnx runtime install /root/src/python-bad"
                assert_exit 1 rnx runtime test python-bad
                assert_match "$output" '✗ Runtime test failed'
                assert_match "$output" "$said"
                assert_match "$(rnx --json=short runtime test python-bad || :)" '"passed":false'
        done <<'END'
import nosuchthing|cannot import first: ModuleNotFoundError
import os; os._exit(0)|it ended before its test was done
import sys; sys.exit(0)|cannot import first: SystemExit
import os, signal; os.kill(os.getpid(), signal.SIGSEGV)|Exit code: 139
END
        in_machine sh -c 'echo "value = 1" >/root/src/python-bad/bin/first.py; rnx runtime install /root/src/python-bad'
        assert_exit 0 rnx runtime test python-bad
        assert_no_match "$output" 'end-'
        in_machine rnx runtime remove python-bad
}

run_tests "$@"
