# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2016,SC2154
# Sourced by the tests of the catalogue, after assert.sh. NAME.sh tests the runtime NAME from nothing but its package (see
# tests/harness/runtime), on a machine that has none of the languages. By hand: MACHINE=machine tests/catalogue/NAME.sh.

. "$(dirname "$0")/../integration/lib.sh"
runtime=$(basename "$0" .sh)
checkout=$(readlink -f "$(dirname "$0")/../..")
store=/opt/joblet/runtimes

# Python is taken away from the machine: never from the one where this runs.
[ -n "$MACHINE" ] || { echo "$0: set MACHINE to the name of a disposable machine, see tests/harness/machine" >&2; exit 2; }

# The machine has what Joblet and its other tests need; of languages it keeps none. The library of C++, which libarchive wants
# on Debian 12, goes where the programs of the machine find it and no job does.
bare() {
        in_machine test -e /run/joblet-bare && return
        in_machine bash -euc '
                rm -rf /usr/bin/python3* /usr/lib/python3* /usr/share/python3* /usr/share/meson
                find /usr/lib -name "libpython3*" -delete
                mkdir -p /var/lib/not-for-jobs
                find /usr/lib -name "libstdc++.so*" -exec mv -t /var/lib/not-for-jobs {} +
                echo /var/lib/not-for-jobs >/etc/ld.so.conf.d/not-for-jobs.conf
                ldconfig
                touch /run/joblet-bare'
}

# assert_absent NAME...: a job has neither a program nor a library of that name
assert_absent() {
        local word
        local -a names=()

        for word in "$@"; do
                names+=(-o -name "$word" -o -name "${word}[0-9]*" -o -name "$word.so*")
        done
        assert_exit 1 rnx run sh -c 'find / -xdev \( -path /usr/share -o -path /proc \) -prune -o ! -type d \( -perm /111 -o -name "*.so*" \) \( -false "$@" \) -print 2>/dev/null | grep .' \
                sh "${names[@]}"
        assert_exit 127 rnx run "$1" --version
}

installed() {
        in_machine sh -c "test -e $store/*/$runtime/runtime.yml"
}

package_put() {
        local package

        package=$("$checkout/tests/harness/runtime" "$runtime")
        put "/root/$runtime-runtime.zip" <"$package"
}

# What it said is kept for the case that looks at it.
install_package() {
        package_put
        in_machine sh -c "rnx runtime install /root/$runtime-runtime.zip >/root/$runtime.said 2>&1; code=\$?; cat /root/$runtime.said; exit \$code"
        in_machine rm "/root/$runtime-runtime.zip"
}

# Each case finds the examples in alice's home, and the runtime installed.
setup() {
        bare
        installed || install_package
        as_user alice sh -c 'rm -rf ./*'
        [ ! -d "$checkout/docs/examples/$runtime" ] || tar -C "$checkout/docs/examples/$runtime" -cf - . | as_user alice tar -xf -
}

teardown() {
        stop_all
}

# example FILE: runs the line that the example names in its head, as alice
example() {
        local line

        line=$(sed -n '1,6s/^.*\(rnx run .*\)$/\1/p' "$checkout/docs/examples/$1" | head -n 1)
        [ -n "$line" ] || fail "no line to run in $1"
        as_user alice bash -c "$line"
}

# Each line of docs/RUNTIMES.md for this runtime works as it is printed there, where its examples are. A server is for another
# case.
assert_guide_works() {
        local line
        local -a lines

        mapfile -t lines < <(sed -n "s/^    \(.*rnx run --runtime=$runtime .*\)/\1/p" "$checkout/docs/RUNTIMES.md" | grep -v server.js)
        [ ${#lines[@]} -gt 0 ] || fail "docs/RUNTIMES.md has no line for $runtime"
        configure AcceptUnenforcedLimits=yes
        for line in "${lines[@]}"; do
                assert_exit 0 as_user alice bash -c "$line"
        done
        configure
}

# in_job COMMAND...: in the runtime, as alice
in_job() {
        rnx run --runtime="$runtime" "$@"
}

# assert_life NAME VERSION: what root and alice see of it between installing and using
assert_life() {
        assert_match "$(in_machine cat "/root/$runtime.said")" "^Installed runtime: $1"
        assert_match "$(rnx runtime list)" $'\n'"$1 +$2 +system +[0-9.]+MB +[A-Z]"
        assert_match "$(rnx runtime info "$runtime")" "^Runtime: $runtime"$'\nType: system\nVersion: '"$2"$'\n.*Usage:\n'
        assert_exit 0 in_machine rnx runtime verify "$runtime"
        assert_match "$output" '✓ Runtime is intact'
        # nothing in it changes its owner or is another user's
        assert_eq "$(in_machine find $store -path "*/$runtime/*" \( ! -user root -o -perm /022 ! -type l -o -perm /6000 \) -print -quit)" ''
}

# assert_prints_at_once [OPTION...] COMMAND...: what it prints ("epoch 1") is seen while it goes on, and is still there when it is ended
assert_prints_at_once() {
        local id

        id=$(detached alice --runtime="$runtime" "$@")
        wait_until 60 in_log "$id" 'epoch 1'
        assert_record "$id" state RUNNING
        rnx stop "$id"
        assert_match "$(rnx log "$id")" 'epoch 1'
        id=$(detached alice --timeout=20 --runtime="$runtime" "$@")
        assert_exit 124 rnx wait "$id"
        assert_match "$(rnx log "$id")" 'epoch 1'
}

# passes_its_test LINE...: rnx runtime test passes and says each
passes_its_test() {
        local line

        assert_exit 0 rnx runtime test "$runtime"
        assert_match "$output" '✓ Runtime test passed'
        for line in "$@"; do
                assert_match "$output" "$line"
        done
}

# host_programs [OPTION...]: in a job, what programs of the host say, and which libraries each of them all gets
host_programs() {
        rnx run "$@" bash -s <<'END' 2>&1
for program in bash sh ls tar perl openssl systemctl unzip zip gzip grep sed awk find less ps ip mount udevadm gcc strace; do
        echo "== $program: $(command -v "$program")"
        "$program" --version </dev/null 2>&1 | head -n 3
done
echo "== at work"
openssl version -a
openssl dgst -sha256 /usr/bin/openssl
openssl list -providers
perl -MPOSIX -MSocket -e 'printf "%s %s\n", POSIX::strftime("%Y", gmtime 0), inet_ntoa(INADDR_LOOPBACK)'
tar -C /usr/lib -czf /tmp/x.tgz os-release && tar -tzf /tmp/x.tgz
systemctl --version
echo "== libraries"
for program in /usr/bin/* /usr/sbin/*; do
        echo "$program"
        /lib64/ld-linux-x86-64.so.2 --list "$program" 2>&1
done | sed 's/ (0x[0-9a-f]*)$//'
END
}

# With the runtime each program of the host says and gets the same as without.
assert_host_programs_work() {
        local dir without variables

        dir=$(mktemp -d)
        without=${LOG_DIR:-$dir}/host-programs
        [ -e "$without" ] || host_programs >"$without"
        host_programs --runtime="$runtime" >"$dir/with"
        for word in 'OpenSSL 3' 'This is perl' 'GNU bash' 'GNU tar' 'systemd 2' 'libcrypto.so.3 => /'; do
                grep -qF -e "$word" "$without" || fail "the comparison is not of much use without: $word"
        done
        diff -U2 "$without" "$dir/with" || fail 'programs of the host differ in the runtime'
        rm -r "$dir"
        variables=$(in_job env)
        assert_no_match "$variables" $'(^|\n)LD_'
}

# assert_own_libraries MAPS: of the host there is nothing but the C library
assert_own_libraries() {
        local foreign

        [[ $1 == */libc.so.6* ]] || fail "these are no maps: $1"
        foreign=$(grep -o '/[^ ]*\.so[^ ]*$' <<<"$1" | sort -u | grep -vE '^/(usr/local|opt/joblet|node_modules)/' |
                grep -vE '/(ld-linux-[^/]*|lib(c|m|dl|pthread|rt|util|resolv|anl|nss_[a-z]+)\.so\.[0-9]+)$' || :)
        assert_eq "$foreign" ''
}

# A runtime with a root of its own: nothing of the host is in there, and what its programs need is.
assert_sees_nothing_of_the_host() {
        in_machine sh -c 'echo host >/usr/lib/joblet-host-was-here'
        assert_exit 0 rnx run ls /usr/lib/joblet-host-was-here
        assert_exit 2 in_job ls /usr/lib/joblet-host-was-here
        in_machine rm /usr/lib/joblet-host-was-here
        assert_match "$(in_job cat /etc/os-release)" 'VERSION_CODENAME=trixie'
        in_job 'ldd /usr/bin/* /usr/lib/*/*.so.*' >"$LOG_DIR/$runtime.ldd" 2>/dev/null || :
        assert_match "$(cat "$LOG_DIR/$runtime.ldd")" 'libc\.so\.6 => /'
        assert_eq "$(grep 'not found' "$LOG_DIR/$runtime.ldd" || :)" ''
        assert_no_match "$(in_job env)" $'(^|\n)LD_'
}

# The last case of a file: no job has changed anything. Disk is dear, and this belongs to the life of a runtime, too.
assert_removed() {
        assert_exit 0 in_machine rnx runtime verify "$runtime"
        assert_exit 0 in_machine rnx runtime remove "$runtime"
        in_machine test ! -e "$store/${1%%:*}/$runtime"
        assert_exit 125 in_job true
        assert_match "$output" "^rnx: runtime not found: $runtime"
}

# assert_unzipped COMMAND...: plain unzip, instead of rnx, gives a runtime that is whole and works; and is removed again
assert_unzipped() {
        in_machine rnx runtime remove "$runtime"
        package_put
        in_machine unzip -q "/root/$runtime-runtime.zip" -d $store/
        in_machine rm "/root/$runtime-runtime.zip"
        assert_exit 0 in_machine rnx runtime verify "$runtime"
        assert_exit 0 in_job "$@"
}
