# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# A relocatable CPython compiled from its source tarball, in the layout of cpython.sh. Recipe: python (such as 3.12),
# source_sha256 (or --sha256), source_configure. Compiler and headers are Debian packages of tools.lock, at a fixed place, so
# that the same tarball gives the same bytes.

lock_cpython_source() { debs_lock; }

# The tarball is there and the one that is meant.
source_check() {
        local source=$arg_source digest=${arg_sha256:-$source_sha256}
        [[ -n $source ]] || die "$name is built from a source tarball: give it with --source FILE."
        [[ -f $source ]] || die "There is no file $source."
        [[ $digest =~ ^[0-9a-f]{64}$ ]] ||
                die "The SHA-256 of the tarball is needed to know that it is the right one: --sha256 HEX, 64 digits as its publisher names them."
        [[ $(debs_digest "$source") == "$digest" ]] || die "$source has the SHA-256 $(debs_digest "$source"), not $digest."
}

build_cpython_source() {
        local source=$arg_source digest=${arg_sha256:-$source_sha256} made=$work/source/install release
        source_check
        cpython_names
        debs_unpack debs "$work/root"
        mkdir -p "$work/source/python" "$tree/bin" "$tree/python-install/bin" "$libs_dir"
        tar -xf "$source" --strip-components=1 --no-same-owner -C "$work/source/python" || die "Unpacking $source failed."
        mkdir -p "$tree/share/licenses"
        release=$(sed -n 's/^#define PY_VERSION  *"\(.*\)".*/\1/p' "$work/source/python/Include/patchlevel.h")
        [[ $release == "$python".* ]] || die "$source is Python ${release:-of an unknown version}, not $python."

        say "Compiling CPython $release"
        cat >"$work/source/make" <<MAKE
set -e
cd /source/python
./configure --prefix=/usr/local --disable-test-modules --without-static-libpython --with-ensurepip=no \\
        --with-system-expat --with-dbmliborder=gdbm --with-readline $source_configure
make -j$(nproc)
make DESTDIR=/source/install install
MAKE
        tools_bind=(--bind "$work/source" /source)
        tools sh /source/make >"$work/source/log" 2>&1 || {
                tail -n 40 "$work/source/log" >&2
                die "Compiling CPython failed."
        }
        tools_bind=()
        say "Assembling CPython $release"
        cp -a "$made/usr/local/bin/python$python" "$py_bin"
        cp -a "$made/usr/local/lib/." "$tree/python-install/lib/"
        ln -s "python$python" "$tree/bin/python3"
        ln -s python3 "$tree/bin/python"
        ln -s python-install/lib "$tree/lib"
        ln -s "../../bin/python$python" "$tree/python-install/bin/python$python"
        ln -s "python$python" "$tree/python-install/bin/python3"
        install -m 0644 "$work/source/python/LICENSE" "$tree/share/licenses/python"
        note_package source "CPython" "$release" PSF-2.0 "sha256 $digest"

        # Without a compiler in jobs nothing needs the headers and Makefiles; the rest as in cpython.sh.
        (cd "$py_lib" && rm -rf test idlelib turtledemo turtle.py tkinter config-* lib2to3/tests)
        rm -rf "$tree/python-install/lib/pkgconfig"
        find "$py_lib" -name __pycache__ -prune -exec rm -rf {} +
        elf_strip
        elf_rpath "$py_bin" "\$ORIGIN/../lib/python$python-libs:$runtime_home/python-install/lib/python$python-libs"
        elf_close
        py -I -m ensurepip --root "$work/pip" >"$work/pip.log" 2>&1 || { cat "$work/pip.log" >&2 && die "Installing pip failed."; }
        cp -a "$(find "$work/pip" -type d -path '*/site-packages' -print -quit)/." "$py_lib/site-packages/"
        # The scripts that pip made for itself are not taken, and their digests depend on where they were.
        sed -i '/^\.\./d' "$py_lib"/site-packages/pip-*.dist-info/RECORD
        for release in pip pip3 "pip$python"; do
                # shellcheck disable=SC2016
                printf '#!/bin/sh\nexec "${0%%/*}/python%s" -m pip "$@"\n' "$python" >"$tree/bin/$release"
                chmod 0755 "$tree/bin/$release"
        done
        find "$py_lib" -name __pycache__ -prune -exec rm -rf {} +
        py -I -B -m compileall -qq -f --invalidation-mode unchecked-hash -p /usr/local/lib -s "$tree/python-install/lib" "$py_lib" ||
                die "Compiling the bytecode failed."
}

test_cpython_source() {
        test_cpython
        sandbox sh -ec '
                python3 -c "import sys; assert sys.prefix == \"/usr/local\", sys.prefix"
                python3 -m venv v
                v/bin/pip --version
                pip --version
        ' >&2 || die "Virtual environments or pip of $name do not work."
}

# Symbols and debugging information of what was compiled.
elf_strip() {
        local files
        mapfile -t files < <(elf_files)
        tools strip --strip-unneeded "${files[@]}" || die "strip failed."
}
