# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Shared libraries: a runtime may take from its host only what belongs to the C library. A part sets libs_dir (where
# bundled libraries go) and libs_from (the unpacked packages they are copied from).

elf_host='^(lib(c|m|dl|pthread|rt|util|resolv|anl)\.so\.[0-9]+|ld-linux-.*)$'
# Libraries of the runtime that are found in other ways: a part may set a pattern.
elf_own='^$'
# The oldest C library that a host may have: Debian 12's.
elf_glibc_max=36

# Of the one version that the lock names, since another one lays a file out in another way. It runs on the host.
elf_open() { debs_unpack patchelf "$work/patchelf"; }
patchelf() { "$work/patchelf/usr/bin/patchelf" "$@"; }

elf_rpath() { patchelf --force-rpath --set-rpath "$2" "$1"; }

# Nothing for one that is statically linked or no program at all.
elf_needed() { patchelf --print-needed "$1" 2>/dev/null || :; }

elf_files() {
        find "$tree" -type f \( -perm /111 -o -name '*.so' -o -name '*.so.*' \) -print0 | sort -z |
                xargs -0 -r grep -la $'^\177ELF' || :
}

# elf_find FILE SONAME: is there a library of that name in libs_dir or where FILE's own RPATH says, in the tree (not
# in one that is installed on this host)? Libraries in a wheel's X.libs have none: they inherit that of the module that loads them, which names their directory.
elf_find() {
        local dir rpath
        [[ -z $libs_dir || ! -e $libs_dir/$2 ]] || return 0
        [[ $1 != *.libs/* || ! -e ${1%/*}/$2 ]] || return 0
        rpath=$(patchelf --print-rpath "$1")
        local IFS=:
        for dir in $rpath; do
                [[ $dir == '$ORIGIN'* ]] || continue
                [[ ! -e ${dir//'$ORIGIN'/$(dirname "$1")}/$2 ]] || return 0
        done
        return 1
}

# Copies the libraries that anything in the tree needs, and those that these need, and so on; refuses what is nowhere.
elf_close() {
        local file soname source files todo=1
        while ((todo)); do
                todo=0
                mapfile -t files < <(elf_files)
                for file in "${files[@]}"; do
                        for soname in $(elf_needed "$file"); do
                                [[ ! $soname =~ $elf_host && ! $soname =~ $elf_own ]] && ! elf_find "$file" "$soname" || continue
                                source=$(find "${libs_from:-/nowhere}"/{lib,usr/lib} -name "$soname" -print -quit 2>/dev/null || :)
                                [[ -n $libs_dir ]] || die "${file#"$tree"/} needs $soname, and the recipe bundles no libraries."
                                [[ -n $source ]] || die "${file#"$tree"/} needs $soname, which no package of the lock has."
                                cp -L "$source" "$libs_dir/$soname"
                                chmod 0644 "$libs_dir/$soname"
                                # shellcheck disable=SC2016
                                elf_rpath "$libs_dir/$soname" '$ORIGIN'
                                todo=1
                        done
                done
        done
}

# A symbol version newer than the oldest host's C library would only show on that host.
elf_check_glibc() {
        local files minor
        mapfile -t files < <(elf_files)
        for minor in $({ grep -aohE 'GLIBC_2\.[0-9]+' "${files[@]}" /dev/null || :; } | cut -d. -f2 | sort -nu); do
                ((minor > elf_glibc_max)) || continue
                die "$(grep -laE "GLIBC_2\.$minor([^0-9]|$)" "${files[@]}" | head -n 1) needs GLIBC_2.$minor; hosts may have 2.$elf_glibc_max."
        done
}
