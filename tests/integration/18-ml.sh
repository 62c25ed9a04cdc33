#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job: a script in the runtime python-3.11-ml, from nothing but its package, and its plot comes back.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

package() {
        local cache=${JOBLET_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/joblet}

        find "$cache" -maxdepth 2 -path '*/runtime-*' -name python-3.11-ml-runtime.zip -printf '%T@ %p\n' | sort -rn | head -n 1 | cut -d' ' -f2-
}

installed() {
        in_machine test -e /opt/joblet/runtimes/python/python-3.11-ml/runtime.yml
}

# The first case installs it for all.
setup() {
        local zip

        installed && return
        zip=$(package)
        [ -n "$zip" ] || skip "no package of python-3.11-ml in the cache; runtimes/build python-3.11-ml makes one"
        echo "package: $zip"
        in_machine sh -c 'mkdir -p /opt/joblet/runtimes && cat >/var/tmp/ml.zip && unzip -q /var/tmp/ml.zip -d /opt/joblet/runtimes/ && rm /var/tmp/ml.zip' <"$zip"
}

test_the_main_job() {
        local said

        put /home/alice/analysis.py <"$(dirname "$0")/../../docs/examples/analysis.py"
        as_user alice rm -f plot.png
        said=$(rnx run --runtime=python-3.11-ml --upload=analysis.py --download=plot.png python analysis.py)
        assert_match "$said" '^178 wines, 13 measurements each, 3 cultivars'
        assert_match "$said" 'accuracy on 54 others: (0\.9[0-9]*|1\.000)'
        assert_match "$said" 'wrote plot\.png$'
        # a picture of some size, alice's own
        in_machine python3 - <<'END'
import os, struct
data = open("/home/alice/plot.png", "rb").read()
width, height = struct.unpack(">II", data[16:24])
assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[-8:-4] == b"IEND", data[:8]
assert width >= 800 and height >= 300 and len(data) > 10000, (width, height, len(data))
assert os.stat("/home/alice/plot.png").st_uid == 1000
END
}

test_versions_are_those_promised() {
        assert_eq "$(rnx run --runtime=python:3.11+ml python -c '
import sys, numpy, pandas, sklearn, matplotlib, seaborn, scipy, requests, openpyxl
two = lambda m: ".".join(m.__version__.split(".")[:2])
print("%d.%d" % sys.version_info[:2], two(numpy), two(pandas), two(sklearn), two(matplotlib), two(seaborn), two(scipy), requests.__version__, openpyxl.__version__)')" \
                  '3.11 1.24 2.0 1.3 3.7 0.12 1.11 2.31.0 3.1.2'
}

test_listed() {
        assert_match "$(rnx runtime list)" $'\npython:3.11-ml +3\\.11[0-9.]* +[a-z]+ +[0-9.]+[MG]B '
        assert_match "$(rnx runtime info python-3.11-ml)" $'\n  - numpy'
}

run_tests "$@"
