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
        assert_match "$output" 'may not work elsewhere: pyvenv.cfg: its interpreter is that of the system'
        assert_no_match "$output" 'will not work'
        assert_eq "$(rnx run --runtime=python-app python -c 'import sys; print(sys.prefix)')" /opt/joblet/runtimes/python/python-app
}

# What everybody may read is copied; what not stays where it is.
test_links_that_leave_the_environment() {
        in_machine sh -euc 'mkdir -p /root/env/jdk/lib /srv/open /srv/closed && cd /root/env/jdk
                echo "JAVA_VERSION=\"21\"" >release
                echo public >/srv/open/file && echo secret >/srv/closed/file && chmod 700 /srv/closed
                ln -s /srv/open/file lib/open && ln -s /srv/closed/file lib/closed && ln -s /srv/nothing lib/nothing
                ln -s ../../../../srv/open/file lib/relative && ln -s ../../outside lib/outside && ln -s ../release lib/inside
                ln -s lib/inner/../../.. sly && ln -s .. lib/inner'
        assert_exit 0 in_machine rnx runtime import /root/env/jdk --name=java-links -o /root/env/out
        assert_eq "$(in_machine cat /root/env/out/lib/open)" public
        assert_eq "$(in_machine cat /root/env/out/lib/relative)" public
        assert_eq "$(in_machine readlink /root/env/out/lib/inside)" ../release
        assert_no_match "$output" 'lib/(open|relative|inside)'
        assert_match "$output" 'left out: lib/outside: a link to \.\./\.\./outside, where nothing is'
        assert_match "$output" 'left out: lib/closed: a link to /srv/closed/file, which is not part of it'
        assert_match "$output" 'left out: lib/nothing: a link to /srv/nothing'
        assert_match "$output" 'left out: sly: a link to lib/inner/\.\./\.\./\.\.'
        in_machine sh -c "cd /root/env && test ! -L out/lib/outside && rnx runtime pack ./out -o links.zip"
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
                printf "#!/home/somebody/bin/perl\n" | tee bin/script >lib-module && chmod 755 bin/script
                mkdir lib && mv lib-module lib/module'
        assert_exit 0 in_machine sh -c 'cd /root/env && rnx runtime import venv --name=python-venv'
        assert_match "$output" 'left out: bin/python: a link to /nowhere/bin/python3'
        assert_match "$output" 'will not work: bin/script: its interpreter /home/somebody/bin/perl'
        assert_match "$output" 'will not work: pyvenv.cfg: there is no interpreter in /nowhere/bin'
        assert_match "$output" 'may not work elsewhere: bin/data: has the old place in it'
        assert_no_match "$output" 'lib/module'
        assert_exit 0 in_machine rnx runtime install /root/env/python-venv
        assert_exit 1 in_machine rnx runtime import /root/env/venv
        assert_match "$output" '\-\-name=NAME'
        in_machine mkdir /root/env/plain
        assert_exit 1 in_machine rnx runtime import /root/env/plain --name=x-1
        assert_match "$output" '\-\-version=VERSION'
}

# Directories that lie elsewhere come along, as Debian lays out a JDK, with what in them is for everybody.
test_a_jdk_with_parts_elsewhere() {
        in_machine sh -euc 'mkdir -p /root/env/jdk/bin /root/env/jdk/lib /srv/jdk/security /srv/jdk/deep && cd /root/env/jdk
                chmod 755 /root/env && echo "JAVA_VERSION=\"17\"" >release
                printf "#!/bin/sh\ncat \$JAVA_HOME/conf/security/java.security\n" >bin/java && chmod 755 bin/java
                echo rules >/srv/jdk/security/java.security && echo secret >/srv/jdk/security/private && chmod 600 /srv/jdk/security/private
                echo deep >/srv/jdk/deep/file && ln -s ../deep /srv/jdk/security/deep && ln -s java.security /srv/jdk/security/again
                ln -s /srv/jdk/security /srv/jdk/deep/circle
                mkdir conf && ln -s /srv/jdk/security conf/security && ln -s ../../openjdk-17/src.zip lib/src.zip
                ln -s .. parent && ln -s / all && mkfifo pipe && touch "a\\b" && chmod 4755 bin/java'
        assert_exit 0 in_machine rnx runtime import /root/env/jdk --name=java-17-parts -o /root/env/out
        assert_match "$output" 'comes along: conf/security: what is in /srv/jdk/security'
        assert_match "$output" 'left out: lib/src.zip: a link to \.\./\.\./openjdk-17/src\.zip, where nothing is'
        assert_match "$output" 'left out: parent: a link to \.\., '
        assert_match "$output" 'left out: all: a link to /, '
        assert_match "$output" 'left out: pipe: a special file, which a package cannot hold'
        assert_match "$output" 'left out: a.b: its name has a backslash'
        assert_no_match "$output" 'will not work'
        assert_eq "$(in_machine sh -c 'cd /root/env/out/conf/security && ls && cat deep/file && readlink again')" \
                  $'again\ndeep\njava.security\ndeep\njava.security'
        assert_exit 0 in_machine rnx runtime pack /root/env/out -o /root/env/parts.zip
        assert_exit 0 in_machine rnx runtime install /root/env/out
        in_machine rm -r /srv/jdk
        assert_eq "$(rnx run --runtime=java-17-parts java)" rules
}

# Whatever the name, the line that is printed works, and what it installs is what was meant.
test_every_name_works_or_is_refused() {
        local name line

        in_machine sh -euc 'mkdir -p /root/env/jdk/bin && cd /root/env/jdk && echo "JAVA_VERSION=\"17\"" >release
                printf "#!/bin/sh\necho \$JAVA_HOME\n" >bin/where && chmod 755 bin/where'
        for name in my-jdk python-3.11 java Java-17 java:17-lists java-17+x 17 nodejs; do
                assert_exit 0 in_machine sh -c "cd /root/env && rm -rf out* && rnx runtime import jdk '--name=$name' -o 'out of it'"
                line=$(sed -n 's/^  \(rnx runtime install .*\)/\1/p' <<<"$output")
                assert_exit 0 in_machine sh -c "cd /root/env && $line"
                line=$(sed -n 's/^  \(rnx run --runtime=.*\) <command>/\1/p' <<<"$output")
                assert_eq "$(as_user alice sh -c "$line where")" "/opt/joblet/runtimes/java/${name/:/-}"
                assert_exit 0 in_machine rnx runtime remove "java/${name/:/-}"
        done
        for name in '' : a: :b a/b ../x 'a b' .hidden -x "$(printf '%0200d' 1)" a:b:c; do
                assert_exit 1 in_machine sh -c "cd /root/env && rnx runtime import jdk '--name=$name' -o out2"
                assert_match "$output" 'must be made of at most 128 letters, digits'
                in_machine test ! -e /root/env/out2
        done
}

# What pip install --editable and uv sync leave: names of directories, written in four ways.
editable_environment() {
        in_machine sh -euc '
                rm -rf /root/env && mkdir -p /root/env/project/src/mine /root/env/other /root/env/project/.git && cd /root/env
                python3 -m venv --without-pip project/.venv
                echo "answer = 42" >project/src/mine/__init__.py && echo "single = 1" >other/one.py && echo x >project/.git/config
                cd project/.venv/lib/python3*/site-packages
                echo /root/env/project/src >__editable__.mine-1.pth
                echo "import sys; sys.seen = 1" >code.pth
                printf "# a comment\n../../../../../other\n" >relative.pth
                printf "/root/env/project\n." >old.egg-link
                printf "MAPPING: dict[str, str] = {\047one\047: \047/root/env/other/one.py\047}\n" >__editable___one_finder.py
                for n in mine lost; do mkdir $n-1.dist-info && printf "Metadata-Version: 2.1\nName: $n\nVersion: 1\n" >$n-1.dist-info/METADATA; done
                echo mine >mine-1.dist-info/top_level.txt
                echo "{\"dir_info\": {\"editable\": true}, \"url\": \"file:///root/env/project\"}" >mine-1.dist-info/direct_url.json
                echo "{\"dir_info\": {\"editable\": true}, \"url\": \"file:///srv/l%6fst\"}" >lost-1.dist-info/direct_url.json
                mkdir fine-1.dist-info && echo "{\"dir_info\": {}, \"url\": \"file:///srv/fine\"}" >fine-1.dist-info/direct_url.json'
}

test_editable_packages_are_named() {
        editable_environment
        assert_exit 0 in_machine rnx runtime import /root/env/project/.venv --name=python-edit -o /root/env/out
        assert_match "$output" 'will not work: [^ ]*/__editable__\.mine-1\.pth: names /root/env/project/src, which is not part of it'
        assert_match "$output" 'will not work: [^ ]*/__editable___one_finder\.py: names /root/env/other/one\.py'
        assert_match "$output" 'will not work: [^ ]*/relative\.pth: names /root/env/other'
        assert_match "$output" 'will not work: [^ ]*/old\.egg-link: names /root/env/project'
        assert_match "$output" 'will not work: [^ ]*/lost-1\.dist-info/direct_url\.json: the package is an editable installation from /srv/lost'
        assert_match "$output" 'bring it along with --copy-editable'
        assert_no_match "$output" 'code\.pth|fine-1|mine-1\.dist-info'
        assert_exit 0 in_machine sh -c 'rm -rf /root/env/out && rnx --json=short runtime import /root/env/project/.venv --name=python-edit -o /root/env/out'
        assert_match "$output" '"problems":\["[^"]*__editable__\.mine-1\.pth'
}

test_editable_packages_come_along() {
        editable_environment
        in_machine sh -c 'rm -r /root/env/project/.venv/lib/python3*/site-packages/lost*'
        assert_exit 0 in_machine rnx runtime import /root/env/project/.venv --name=python-edit -o /root/env/out --copy-editable
        assert_match "$output" 'comes along: editable/project: what is in /root/env/project'
        assert_no_match "$output" 'will not work'
        in_machine sh -c 'test ! -e /root/env/out/editable/project/.git && test ! -e /root/env/out/editable/project/.venv'
        assert_exit 0 in_machine rnx runtime install /root/env/out
        in_machine rm -r /root/env
        assert_eq "$(rnx run --runtime=python-edit python -c 'import mine, one; print(mine.answer, one.single, mine.__file__)')" \
                  '42 1 /opt/joblet/runtimes/python/python-edit/editable/project/src/mine/__init__.py'
        assert_exit 0 rnx runtime test python-edit
        assert_match "$output" 'mine 1'
}

# An environment that calls itself by a name that leads through a link, and is given by another one.
test_a_tree_named_through_a_link() {
        in_machine sh -euc 'mkdir -p /root/env/disk && ln -s disk /root/env/data && python3 -m venv --without-pip /root/env/data/venv
                printf "#!/root/env/data/venv/bin/python3\nprint(\"tool\")\n" >/root/env/data/venv/bin/tool && chmod 755 /root/env/data/venv/bin/tool
                echo "home = /root/env/data/venv/lib" >/root/env/data/venv/settings
                ln -s data/venv /root/env/link'
        for given in link ./link/ /root/env/data/venv disk/venv; do
                assert_exit 0 in_machine sh -c "rm -rf /root/env/out && cd /root/env && rnx runtime import $given --name=python-link -o out"
                assert_no_match "$output" 'will not work'
                assert_eq "$(in_machine head -n 1 /root/env/out/bin/tool)" '#!/opt/joblet/runtimes/python/python-link/bin/python3'
                assert_eq "$(in_machine cat /root/env/out/settings)" 'home = /opt/joblet/runtimes/python/python-link/lib'
        done
        assert_exit 0 in_machine rnx runtime install /root/env/out
        assert_eq "$(rnx run --runtime=python-link tool)" tool
}

# The copy is not part of itself, and what is imported prints at once.
test_an_import_into_the_directory_itself() {
        in_machine sh -euc 'mkdir -p /root/env && python3 -m venv --without-pip /root/env/venv'
        assert_exit 0 in_machine sh -c 'cd /root/env/venv && rnx runtime import . --name=python-self -o made'
        in_machine test ! -e /root/env/venv/made/made
        assert_exit 0 in_machine rnx runtime install /root/env/venv/made
        assert_eq "$(rnx run --runtime=python-self python -c 'import sys; print(sys.stdout.write_through)' 2>&1)" True
        assert_eq "$(rnx run --runtime=python-self --env PYTHONUNBUFFERED= python -c 'import sys; print(sys.stdout.write_through)' 2>&1)" False
        id=$(detached alice --runtime=python-self python -c 'import time; print("epoch 1"); time.sleep(600)')
        wait_until 30 in_log "$id" 'epoch 1'
        rnx stop "$id"
        assert_match "$(rnx run -n --timeout=5 --runtime=python-self python -c 'import time; print("epoch 1"); time.sleep(600)' 2>/dev/null || :)" '^epoch 1$'
}

run_tests "$@"
