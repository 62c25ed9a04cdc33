# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Debian's CPython in a root of its own (root.sh), as it is but for what apt owns there. Recipe: python (such as 3.13).

lock_python() { debs_lock; }

build_python() {
        local lib=$root/usr/lib/python$python
        say "Assembling CPython $python"
        ln -sf "python$python" "$root/usr/bin/python3"
        ln -sf python3 "$root/usr/bin/python"
        rm -rf "$lib"/{test,idlelib,turtledemo,turtle.py,tkinter,EXTERNALLY-MANAGED} \
                "$lib"/lib-dynload/{_test*,_ctypes_test*,xxlimited*,_xxtestfuzz*}
        if [[ -L $lib/sitecustomize.py ]]; then rm "$lib/sitecustomize.py"; fi
        # Bytecode that is never checked against its source: the tree is read-only. One process, so that the bytes do not
        # depend on how work is spread.
        sandbox --write env PYTHONHASHSEED=0 "python$python" -I -B -m compileall -qq -f --invalidation-mode unchecked-hash \
                "/usr/lib/python$python" /usr/lib/python3/dist-packages || die "Compiling failed."
}

test_python() {
        say "Importing every module of the standard library"
        mkdir "$work/test-python"
        cp "$here/lib/cpython-test.py" "$work/test-python/"
        sandbox --work "$work/test-python" python3 -I -X dev -W ignore cpython-test.py /usr "$python" debian >&2 ||
                die "The standard library is not whole."
        sandbox sh -ec '
                python3 -c "import ssl; assert len(ssl.create_default_context().get_ca_certs()) > 100"
                python3 -m venv v
                v/bin/python -c "import sys; assert sys.prefix != sys.base_prefix"
                v/bin/pip --version
                pip --version
                pip install --no-index nothing 2>&1 | grep -q "No matching distribution"
        ' >&2 || die "Virtual environments or pip of $name do not work."
}
