#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runtimes out of directories that users have.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

setup() {
        in_machine sh -c 'rm -rf /opt/joblet/runtimes/java /opt/joblet/runtimes/python /root/env && mkdir /root/env'
}

# An unpacked JDK, as far as it takes to see what is done with one.
test_a_jdk() {
        in_machine sh -euc 'mkdir -p /root/env/jdk/bin && cd /root/env/jdk
                printf "IMPLEMENTOR=\"Us\"\nJAVA_VERSION=\"17.0.12\"\n" >release
                printf "#!/bin/sh\necho \"java in \$JAVA_HOME\"\n" >bin/java && chmod 755 bin/java'
        assert_exit 0 in_machine sh -c 'cd /root/env && rnx runtime import jdk --name=java-17-own'
        assert_match "$output" 'Imported a JDK: java-17-own'
        assert_exit 0 in_machine rnx runtime install /root/env/java-17-own
        assert_eq "$(rnx run --runtime=java:17-own java)" 'java in /opt/joblet/runtimes/java/java-17-own'
        assert_match "$(rnx runtime list)" 'java:17-own +17\.0\.12 '
}

test_an_environment_with_its_own_interpreter() {
        in_machine sh -euc 'mkdir -p /root/env/own/bin /root/env/own/lib /root/env/own/conda-meta && cd /root/env/own
                echo {} >conda-meta/python-3.11.9-h955ad1f_0.json
                printf "#!/bin/sh\necho interpreter \"\$@\"\n" >bin/python && chmod 755 bin/python
                printf "#!/root/env/own/bin/python\nprint(1)\n" >bin/tool && chmod 755 bin/tool
                ln -s /root/env/own/bin/tool lib/tool'
        assert_exit 0 in_machine rnx runtime import /root/env/own --name python-own --install
        assert_no_match "$output" 'will not work'
        assert_eq "$(in_machine head -n 1 /opt/joblet/runtimes/python/python-own/bin/tool)" '#!/opt/joblet/runtimes/python/python-own/bin/python'
        assert_eq "$(in_machine readlink /opt/joblet/runtimes/python/python-own/lib/tool)" /opt/joblet/runtimes/python/python-own/bin/tool
        assert_eq "$(rnx run --runtime=python-own python hello)" 'interpreter hello'
        # the source is as it was
        assert_eq "$(in_machine head -n 1 /root/env/own/bin/tool)" '#!/root/env/own/bin/python'
        [ -z "$(in_machine sh -c 'ls -d /var/tmp/rnx-import-* 2>/dev/null')" ] || fail 'the copy is left'
}

# A Python in a directory of its own, as pyenv and uv make them, and an environment that borrows it.
test_an_environment_brings_its_interpreter_along() {
        in_machine sh -euc '
                version=$(python3 -c "import sys; print(\"%d.%d\" % sys.version_info[:2])")
                mkdir -p /root/env/prefix/bin /root/env/prefix/lib
                cp "$(readlink -f /usr/bin/python3)" "/root/env/prefix/bin/python$version"
                ln -s "python$version" /root/env/prefix/bin/python3
                cp -a "/usr/lib/python$version" /root/env/prefix/lib/
                /root/env/prefix/bin/python3 -m venv --without-pip /root/env/app
                echo "print(\"the tool\")" | cat - >/root/env/tool.py
                { echo "#!/root/env/app/bin/python3"; cat /root/env/tool.py; } >/root/env/app/bin/tool && chmod 755 /root/env/app/bin/tool
                echo "answer = 42" >"$(echo /root/env/app/lib/python3.*/site-packages)/mine.py"'
        assert_exit 0 in_machine sh -c 'cd /root/env && rnx runtime import app --name=python-app'
        assert_match "$output" 'Imported a virtual environment: python-app'
        assert_match "$output" 'its interpreter comes along: /root/env/prefix'
        assert_match "$output" 'needs libraries of the host: .*libz\.so\.1'
        assert_exit 0 in_machine rnx runtime install /root/env/python-app
        in_machine rm -r /root/env
        assert_eq "$(rnx run --runtime=python-app python -c 'import mine, sys; print(mine.answer, sys.prefix, sys.base_prefix)')" \
                  '42 /opt/joblet/runtimes/python/python-app /opt/joblet/runtimes/python/python-app/base'
        assert_eq "$(rnx run --runtime=python-app tool)" 'the tool'
        assert_exit 0 rnx runtime test python-app
}

# The interpreter of the system cannot be brought along; where the same one is, the runtime works.
test_an_environment_of_the_system() {
        in_machine python3 -m venv --without-pip /root/env/app
        assert_exit 0 in_machine rnx runtime import /root/env/app --name=python-app --install
        assert_match "$output" 'will not work: pyvenv.cfg: its interpreter is that of the system'
        assert_eq "$(rnx run --runtime=python-app python -c 'import sys; print(sys.prefix)')" /opt/joblet/runtimes/python/python-app
}

# What everybody may read is copied; what not stays where it is.
test_links_that_leave_the_environment() {
        in_machine sh -euc 'mkdir -p /root/env/jdk/lib /srv/open /srv/closed && cd /root/env/jdk
                echo "JAVA_VERSION=\"21\"" >release
                echo public >/srv/open/file && echo secret >/srv/closed/file && chmod 700 /srv/closed
                ln -s /srv/open/file lib/open && ln -s /srv/closed/file lib/closed && ln -s /srv/nothing lib/nothing
                ln -s ../../../../srv/open/file lib/relative && ln -s ../../outside lib/outside && ln -s ../release lib/inside'
        assert_exit 0 in_machine rnx runtime import /root/env/jdk --name=java-links -o /root/env/out
        assert_eq "$(in_machine cat /root/env/out/lib/open)" public
        assert_eq "$(in_machine cat /root/env/out/lib/relative)" public
        assert_eq "$(in_machine readlink /root/env/out/lib/inside)" ../release
        assert_no_match "$output" 'lib/(open|relative|inside)'
        assert_match "$output" 'will not work: lib/outside: a link to \.\./\.\./outside, which is not part of it'
        assert_match "$output" 'will not work: lib/closed: a link to /srv/closed/file, which is not part of it'
        assert_match "$output" 'will not work: lib/nothing: a link to /srv/nothing'
        in_machine rm -r /srv/open /srv/closed
}

# Ctrl-C: nothing is left of it.
test_an_interrupted_import_leaves_nothing() {
        in_machine python3 - <<'PY'
import os, signal, subprocess, time
os.makedirs("/root/env/slow/bin")
open("/root/env/slow/release", "w").write('JAVA_VERSION="21"\n')
for i in range(20000):
    open(f"/root/env/slow/bin/{i}", "w").write("x")
p = subprocess.Popen(["rnx", "runtime", "import", "/root/env/slow", "--name=java-slow", "-o", "/root/env/out"])
while not os.path.exists("/root/env/out/bin/10"):
    assert p.poll() is None
    time.sleep(0.001)
p.send_signal(signal.SIGINT)
assert p.wait() == -signal.SIGINT, p.returncode
assert not os.path.exists("/root/env/out")
PY
}

test_what_will_not_work_is_said() {
        in_machine sh -euc 'mkdir -p /root/env/venv/bin && cd /root/env/venv
                printf "home = /nowhere/bin\nversion = 3.11.2\n" >pyvenv.cfg
                ln -s /nowhere/bin/python3 bin/python
                printf "\0 /root/env/venv/lib \0" >bin/data
                printf "#!/home/somebody/bin/perl\n" >bin/script'
        assert_exit 0 in_machine sh -c 'cd /root/env && rnx runtime import venv --name=python-venv'
        assert_match "$output" 'will not work: bin/python: a link to /nowhere/bin/python3'
        assert_match "$output" 'will not work: bin/script: its interpreter /home/somebody/bin/perl'
        assert_match "$output" 'will not work: pyvenv.cfg: there is no interpreter in /nowhere/bin'
        assert_match "$output" 'will not work: bin/data: has the old place in it'
        assert_exit 1 in_machine rnx runtime install /root/env/python-venv
        assert_match "$output" "bin/python.*leaves the runtime"
        assert_exit 1 in_machine rnx runtime import /root/env/venv
        assert_match "$output" '\-\-name=NAME'
        in_machine mkdir /root/env/plain
        assert_exit 1 in_machine rnx runtime import /root/env/plain --name=x-1
        assert_match "$output" '\-\-version=VERSION'
}

run_tests "$@"
