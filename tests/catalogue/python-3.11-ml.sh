#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Python with the scientific libraries: the main job, a script goes in, a model is trained and its plot comes back.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_python_here() {
        assert_absent python3 python pip libstdc++ libpython3
}

test_installed_and_listed() {
        assert_life python:3.11-ml 3.11
        assert_match "$(rnx runtime info python:3.11+ml)" $'Architectures: x86_64, amd64\n\nPre-installed Packages:\n  - numpy>=1\\.24\\.3,<2\\.0\n'
}

test_passes_its_test() {
        passes_its_test 'Python 3\.11' 'numpy 1\.24\.' 'pandas 2\.0\.' 'scikit-learn 1\.3\.' 'matplotlib 3\.7\.' \
                'seaborn 0\.12\.' 'scipy 1\.11\.' 'requests 2\.31\.0' 'openpyxl 3\.1\.2'
}

test_trains_and_plots() {
        local said

        as_user alice tee analysis.py <"$checkout/docs/examples/analysis.py" >/dev/null
        said=$(example analysis.py)
        assert_match "$said" '^178 wines, 13 measurements each, 3 cultivars'
        assert_match "$said" 'accuracy on 54 others: (0\.9[0-9]*|1\.000)'
        assert_match "$said" 'wrote plot\.png$'
        # a picture of some size, alice's own: signature, width, height, end
        assert_eq "$(in_machine stat -c %U /home/alice/plot.png)" alice
        as_user alice perl -e '
                local $/; open my $file, "<:raw", "plot.png"; my $data = <$file>;
                my ($width, $height) = unpack "x16NN", $data;
                die "$width x $height, " . length $data unless
                        $data =~ /^\x89PNG\r\n\x1a\n/ && substr($data, -8, 4) eq "IEND" &&
                        $width >= 800 && $height >= 300 && length $data > 10000'
}

# Lines of the guide, as printed there; analysis.py comes with an --upload that some leave out.
test_lines_of_the_guide() {
        local spelling

        assert_eq "$(rnx run --runtime=python-3.11-ml python -c "import pandas; print('Ready!')")" 'Ready!'
        assert_match "$(rnx run --runtime=python-3.11-ml python -c "import numpy; print(numpy.__version__)")" '^1\.24\.'
        assert_eq "$(rnx run --runtime=python-3.11-ml python -c "import sys; print(sys.executable)")" /usr/local/bin/python
        for spelling in python-3.11-ml python:3.11+ml python:3.11-ml; do
                assert_match "$(rnx run --runtime="$spelling" python --version)" '^Python 3\.11\.'
        done
        as_user alice tee experiment.py <<<'import sklearn; print("sklearn", sklearn.__version__)' >/dev/null
        assert_match "$(rnx run --runtime=python-3.11-ml --upload=experiment.py python experiment.py)" '^sklearn 1\.3\.'
        assert_exit 2 rnx run --runtime=python-3.11-ml python analysis.py
        assert_match "$output" "can't open file '/work/analysis.py'"
}

test_limits_of_the_guide() {
        configure AcceptUnenforcedLimits=yes
        assert_match "$(rnx run --runtime=python-3.11-ml --max-memory=2048 python --version)" '^Python'
        assert_match "$(rnx run --runtime=python-3.11-ml --max-memory=512 --max-cpu=75 python --version)" '^Python'
        configure
}

test_virtual_environment_and_pip() {
        local said

        said=$(in_job sh -ec 'python -m venv mine && . mine/bin/activate && pip list && python -c "import sys; print(sys.prefix)"' 2>&1)
        assert_match "$said" $'\npip +[0-9]'
        assert_match "$said" $'\n/work/mine$'
        assert_no_match "$said" numpy
        assert_match "$(in_job sh -ec 'python -m venv --without-pip --system-site-packages all && all/bin/python -c "import numpy; print(numpy.__version__)"')" '^1\.24'
        assert_match "$(in_job pip list)" $'\nnumpy +1\\.24\\.'
        assert_match "$(in_job pip check 2>&1)" 'No broken requirements'
}

# What a data analyst does in one job: each library, at work.
test_every_library_at_work() {
        as_user alice tee all.py >/dev/null <<'END'
import numpy as np, pandas as pd, scipy.linalg, scipy.optimize, seaborn as sns, matplotlib.pyplot as plt, openpyxl, requests, ssl, sqlite3
frame = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0) * 2 + 1, "k": list("ab") * 10})
frame.to_excel("t.xlsx", index=False)
pd.testing.assert_frame_equal(pd.read_excel("t.xlsx"), frame, check_dtype=False)
frame.to_sql("t", sqlite3.connect("t.db"))
slope, offset = scipy.optimize.curve_fit(lambda x, a, b: a * x + b, frame.x, frame.y)[0]
assert abs(slope - 2) < 1e-6 and abs(offset - 1) < 1e-6
assert np.allclose(scipy.linalg.svdvals(np.eye(50)), 1)
sns.lineplot(frame, x="x", y="y", hue="k").figure.savefig("t.svg")
assert "</svg>" in open("t.svg").read()
try:
    requests.get("https://localhost:1")
except requests.ConnectionError:
    pass
assert ssl.create_default_context(cafile=requests.certs.where()).cert_store_stats()["x509_ca"] > 100
print("all at work")
END
        assert_match "$(in_job --upload=all.py python all.py 2>&1)" 'all at work$'
}

test_its_libraries_are_its_own() {
        assert_own_libraries "$(in_job python -c '
import numpy, pandas, scipy.linalg, sklearn.ensemble, matplotlib.pyplot, ssl, sqlite3, ctypes, readline, lzma, bz2, curses, uuid, dbm.gnu, PIL.Image
print(open("/proc/self/maps").read())')"
}

test_output_survives_a_timeout() {
        assert_prints_at_once python -c 'import time; print("epoch 1"); time.sleep(600)'
}

test_lines_of_the_guide_of_runtimes() {
        put /home/alice/analysis.py <"$checkout/docs/examples/analysis.py"
        assert_guide_works
}

test_no_program_of_the_host_breaks() {
        assert_host_programs_work
}

test_removed() {
        assert_removed python:3.11-ml
}

run_tests "$@"
