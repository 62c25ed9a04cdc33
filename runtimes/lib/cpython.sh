# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# A relocatable CPython out of Debian's packages. Recipe: python (such as 3.11) besides what debs.sh wants.
#
# bin/ has the one interpreter binary; lib -> python-install/lib makes <runtime> a prefix of its own, and bin/ +
# python-install/lib mounted on /usr/local/{bin,lib} make /usr/local one: getpath finds either from the binary's place.
# Shared libraries live in lib/python3.X-libs, which only the DT_RPATH of the interpreter names: nothing for children.

cpython_names() {
        py_bin=$tree/bin/python$python
        py_lib=$tree/python-install/lib/python$python
        libs_dir=$tree/python-install/lib/python$python-libs
        libs_from=$work/root
        site=$tree/ml-venv/lib/python$python/site-packages
}

# The interpreter in a clean environment: no variable of the builder reaches it but these.
py() {
        env -i PATH=/usr/bin:/bin HOME="$work/home" TMPDIR="$work/tmp" LC_ALL=C.UTF-8 TZ=UTC \
                SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-0}" PYTHONHASHSEED=0 \
                "${py_env[@]}" "$py_bin" -B "$@"
}
py_env=()

lock_cpython() { debs_lock; }

build_cpython() {
        local root=$work/root
        cpython_names
        debs_unpack debs "$root"
        say "Assembling CPython $python"
        mkdir -p "$tree/bin" "$py_lib" "$libs_dir"
        cp -a "$root/usr/bin/python$python" "$py_bin"
        cp -a "$root/usr/lib/python$python/." "$py_lib/"
        ln -s "python$python" "$tree/bin/python3"
        ln -s python3 "$tree/bin/python"
        ln -s python-install/lib "$tree/lib"
        mkdir "$tree/python-install/bin"
        ln -s "../../bin/python$python" "$tree/python-install/bin/python$python"
        ln -s "python$python" "$tree/python-install/bin/python3"

        # Not for jobs: tests, what needs Tk or NIS, Debian's hooks for its own tree, links into /etc.
        (cd "$py_lib" && rm -rf test idlelib turtledemo turtle.py tkinter lib2to3/tests distutils/tests \
                lib-dynload/{_test*,_ctypes_test*,xxlimited*,_xxtestfuzz*,nis.*} \
                EXTERNALLY-MANAGED _distutils_system_mod.py)
        find "$py_lib" -xtype l -delete
        find "$py_lib" -name __pycache__ -prune -exec rm -rf {} +
        [[ ! -L $py_lib/sitecustomize.py ]] || rm "$py_lib/sitecustomize.py"

        elf_rpath "$py_bin" "\$ORIGIN/../lib/python$python-libs:$runtime_home/python-install/lib/python$python-libs"
        elf_close
        py -I -S "$here/lib/cpython-undebian.py" "$py_lib" "$py_bin"
}

test_cpython() {
        say "Importing every module of the standard library"
        py -I -X dev -W ignore "$here/lib/cpython-test.py" "$tree" "$python" >&2 || die "The standard library is not whole."
}
