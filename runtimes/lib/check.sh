# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# What can be known before a build begins: space, and whether the package sources answer. Recipe: space (MB that a build
# takes in its work directory, at most).

check_space() {
        local dir=$1 wanted=$2 what=$3 way=${4-} free
        while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
        free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
        ((free >= wanted)) || die "$name needs $wanted MB for $what, but $dir has only $free MB free$way."
}

# Is there anything in a lock that the cache does not have?
check_cached() {
        local digest
        for digest in $(awk 'NF == 3 && $1 !~ /^#/ { print $3 }' "$1"); do
                [[ -f $cache/debs/$digest.deb ]] || return 1
        done
}

# The Debian suites are asked as the build will ask them, signature and all. npm, PyPI and Maven Central are asked by
# clients that the build unpacks first, so they cannot be asked now.
check_sources() {
        local lock suite
        for lock in "$recipe_dir"/{debs,tools}.lock "$here/lib/patchelf.lock"; do
                [[ -f $lock ]] || continue
                suite=$(awk '$1 == "suite" { print $2; exit }' "$lock")
                check_cached "$lock" || printf '%s\n' "$suite"
        done | sort -u >"$work/suites"
        while read -r suite; do
                : >"$work/nothing"
                (debs_fetch "$suite" "$work/nothing" "$work") 2>"$work/asked" || {
                        sed 's/^error: //' "$work/asked" >&2
                        die "$name needs packages of Debian $suite, and its archive does not answer; is there a network? With --cache DIR what was fetched once is kept."
                }
        done <"$work/suites"
}

check_space_all() {
        check_space "$(dirname "$work")" "$space" "the build" "; set TMPDIR to a directory on a larger disk"
        check_space "$install_root" "$((space / 2))" "the runtime"
        check_space "$arg_output" "$((space / 3))" "the package" "; name another directory with --output"
        if [[ " $parts " == *" cpython_source "* ]]; then source_check; fi
}
