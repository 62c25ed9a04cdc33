#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The builder itself, as it is installed: on a system without any language and without network, from the cache of downloads
# in /mnt. What it makes has the same bytes as what was made elsewhere.
: "${TEST_TIMEOUT:=900}"
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

installation=/opt/joblet/examples/runtimes

setup() {
        bare
}

# What may change on a host that builds, and installs.
unchanged() {
        in_machine "$installation"/check-host-unchanged --except /mnt --except "$store" "$@"
}

digest() {
        sha256sum | cut -d' ' -f1
}

# assert_same_bytes NAME [DIR]: the package in a directory of the machine, and the one that the suite uses
assert_same_bytes() {
        assert_eq "$(in_machine cat "${2:-/root/out}/$1-runtime.zip" | digest)" \
                "$(digest <"$("$checkout/tests/harness/runtime" "$1")")"
}

# builds_the_same NAME: once more, by another user's hand and in another place
builds_the_same() {
        in_machine rm -rf /root/out
        unchanged --except /root/out "$installation"/build "$1" --cache /mnt --output /root/out --locked
        assert_same_bytes "$1"
        in_machine rm -rf /root/out
}

test_same_bytes_go_1_22() {
        builds_the_same go-1.22
}

test_same_bytes_java_17() {
        builds_the_same java-17
}

test_same_bytes_java_21() {
        builds_the_same java-21
}

test_same_bytes_python_3_13() {
        builds_the_same python-3.13
}

test_same_bytes_rust_stable() {
        builds_the_same rust-stable
}

# A recipe whose every step writes wherever something could be written, as root and as alice, with a program of the host that
# does so as well: what is looked for afterwards is nowhere. All that it may have is its work directory and the cache.
test_a_build_writes_nowhere_else() {
        local recipes=/root/recipes user

        in_machine sh -c "rm -rf $recipes /home/alice/recipes && cp -r $installation $recipes && mkdir $recipes/evil-1"
        put "$recipes"/evil-1/recipe <<'END'
language=evil
version=1
space=10
parts="evil"
debs_suite=bookworm
END
        put "$recipes"/evil-1/runtime.yml <<'END'
name: "evil-1"
version: "1"
END
        printf 'suite bookworm\nepoch 1700000000\n' | put "$recipes"/evil-1/debs.lock
        put "$recipes"/lib/evil.sh <<'END'
# shellcheck shell=bash
evil_everywhere() {
        local place
        for place in / /boot /dev/shm /etc /home /home/alice /mnt/.. /opt /root /run /srv /sys /tmp /usr /usr/local/bin /usr/share/fonts /var /var/cache \
                /var/cache/fontconfig /var/lib /var/lib/joblet /var/spool /var/tmp "$HOME" "$user_home" "$here" "$recipe_dir"; do
                { mkdir -p "$place/cache-of-evil" && echo evil >"$place/evil-was-here"; } 2>/dev/null || :
        done
        { echo 7 >/proc/sys/vm/swappiness; } 2>/dev/null || :
        { fc-list; } >/dev/null 2>&1 || :
        { (sleep 1000; echo late >/var/tmp/evil-was-here) & } 2>/dev/null
}
build_evil() { mkdir -p "$tree/bin" && echo x >"$tree/bin/x" && : >"$work/packages.tsv" && evil_everywhere; }
test_evil() { sandbox sh -c 'for p in / /etc /usr /opt /run /var /tmp /work; do echo evil >$p/evil-was-here; done 2>/dev/null; :' && evil_everywhere; }
END
        # as fontconfig's, of a host with fonts and without their cache
        printf '#!/bin/sh\nmkdir -p /var/cache/fontconfig && echo evil >/var/cache/fontconfig/evil-was-here\n' | put /usr/bin/fc-list 755
        in_machine sh -c "cp -r $recipes /home/alice/recipes && chown -R alice: /home/alice/recipes && sysctl -n vm.swappiness >/root/swappiness"
        assert_exit 0 unchanged --except /root/out "$recipes"/build evil-1 --cache /mnt --output /root/out
        assert_exit 0 in_machine "$recipes"/build evil-1 --cache /mnt --output /root/out
        assert_exit 0 as_user alice /home/alice/recipes/build evil-1 --cache /mnt --output /home/alice/out
        for user in root home/alice; do
                in_machine test -s "/$user/out/evil-1-runtime.zip"
        done
        assert_eq "$(in_machine find / -xdev -name 'evil-was-here' -o -xdev -name 'cache-of-evil')" ''
        assert_eq "$(in_machine sh -c 'find /dev/shm /run /tmp /var/tmp -name "evil-was-here" -o -name "cache-of-evil"')" ''
        assert_eq "$(in_machine sysctl -n vm.swappiness)" "$(in_machine cat /root/swappiness)"
        in_machine sh -c '! pgrep -f "^sleep 1000"'
        in_machine sh -c "rm -rf /usr/bin/fc-list /root/out /home/alice/out $recipes /home/alice/recipes"
}

test_deploy_several() {
        in_machine sh -c "rm -rf $store/* /tmp/runtime-deployments"
        unchanged "$installation"/deploy_runtimes.sh --nodejs-18 --python-3.11-ml --cache /mnt
        assert_match "$(rnx runtime list)" $'\nnodejs:18 .*\npython:3\\.11-ml .*\n\nTotal runtimes: 2$'
        for name in nodejs-18 python-3.11-ml; do
                assert_same_bytes "$name" /tmp/runtime-deployments
                assert_exit 0 in_machine rnx runtime verify "$name"
                assert_exit 0 rnx runtime test "$name"
        done
        # other names for the same, and what is there already is replaced
        assert_exit 0 in_machine "$installation"/deploy_runtimes.sh --node-18 --cache /mnt
        assert_eq "$(rnx run --runtime=nodejs-18 node -p '6 * 7')" 42
        in_machine sh -c "rm -rf $store/* /tmp/runtime-deployments"
}

test_deploy_checks_before_it_begins() {
        assert_exit 0 in_machine "$installation"/deploy_runtimes.sh --all --check --cache /mnt
        assert_match "$output" 'Left out: python-3\.12, which is built from a source tarball'
        assert_exit 0 in_machine "$installation"/deploy_runtimes.sh --python-all --java-all --check --cache /mnt
        assert_match "$output" 'Checking what 4 builds need: python-3\.11-ml python-3\.13 java-17 java-21'
        # no network, and nothing in the cache
        assert_exit 1 in_machine "$installation"/deploy_runtimes.sh --nodejs-18 --go-1.22 --check --cache /root/empty
        assert_match "$output" 'go-1\.22 needs packages of Debian bookworm, and its archive does not answer'
        assert_match "$output" 'Nothing was begun\. These cannot be built here: nodejs-18 go-1\.22'
        # no space
        assert_exit 1 in_machine sh -c "mkdir -p /root/small && mount -t tmpfs -o size=100m tmpfs /root/small &&
                TMPDIR=/root/small $installation/deploy_runtimes.sh --go-1.22 --cache /mnt; code=\$?; umount /root/small; exit \$code"
        assert_match "$output" 'go-1\.22 needs [0-9]+ MB for the build, but /root/small has only [0-9]+ MB free; set TMPDIR'
        assert_exit 1 as_user alice "$installation"/deploy_runtimes.sh --go-1.22
        assert_match "$output" 'Only root may install'
        assert_exit 1 in_machine "$installation"/deploy_runtimes.sh --cobol-60
        in_machine sh -c '! ls -A /var/tmp | grep joblet-build'
}

# The script that the guide names is there for each runtime; one of them is run.
test_setup_script() {
        local name

        for name in go-1.22 java-17 java-21 nodejs-18 python-3.11-ml python-3.12 python-3.13 rust-stable; do
                in_machine test -x "$installation/$name/setup_${name//[.-]/_}.sh"
        done
        assert_exit 0 unchanged "$installation"/python-3.13/setup_python_3_13.sh --cache /mnt
        assert_match "$(rnx run --runtime=python-3.13 python --version)" '^Python 3\.13'
        assert_same_bytes python-3.13 /tmp/runtime-deployments
        # as an ordinary user it builds, and installs nothing
        in_machine sh -c "rm -rf $store/* /tmp/runtime-deployments"
        assert_exit 0 as_user alice "$installation"/python-3.13/setup_python_3_13.sh --cache /mnt --output /tmp/of-alice
        in_machine sh -c "test -z \"\$(ls $store)\""
}

run_tests "$@"
