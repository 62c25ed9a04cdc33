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

test_what_will_not_work_is_said() {
        in_machine sh -euc 'mkdir -p /root/env/venv/bin && cd /root/env/venv
                printf "home = /usr/bin\nversion = 3.11.2\n" >pyvenv.cfg
                ln -s /usr/bin/python3 bin/python
                printf "#!/home/somebody/bin/perl\n" >bin/script'
        assert_exit 0 in_machine sh -c 'cd /root/env && rnx runtime import venv --name=python-venv'
        assert_match "$output" 'will not work: bin/python: a link to /usr/bin/python3'
        assert_match "$output" 'will not work: bin/script: its interpreter /home/somebody/bin/perl'
        assert_match "$output" 'will not work: pyvenv.cfg: the interpreter is in /usr/bin'
        assert_exit 1 in_machine rnx runtime install /root/env/python-venv
        assert_match "$output" "bin/python.*leaves the runtime"
        assert_exit 1 in_machine rnx runtime import /root/env/venv
        assert_match "$output" '\-\-name=NAME'
        in_machine mkdir /root/env/plain
        assert_exit 1 in_machine rnx runtime import /root/env/plain --name=x-1
        assert_match "$output" '\-\-version=VERSION'
}

run_tests "$@"
