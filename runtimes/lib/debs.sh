# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Debian binary packages, fetched and unpacked but never installed. mmdebstrap sets up a private apt (it knows the
# default archive and checks its signature); lib/debs-fetch then runs inside as a hook.
#
# Recipe: debs_suite; debs (packages as they are), debs_whole (packages with all that they depend on), debs_leave (what
# to leave out of those); debs_backports=1 adds the suite's backports. They are in debs.lock. tools_suite, tools_whole and
# tools_leave name programs that only the build needs, in tools.lock: they come from Debian, too, so that the host needs
# next to nothing.

# debs_fetch SUITE LIST DIR: every package named in LIST (see debs-fetch) is in DIR afterwards.
debs_fetch() {
        local mode=chrootless hooks=()
        ((EUID)) || mode=root
        need mmdebstrap mmdebstrap
        need dpkg-deb dpkg
        if ((${debs_backports:-0})); then
                # shellcheck disable=SC2016
                hooks=(--setup-hook='sed -n "s/^\(deb .*\) \([a-z]*\) main$/\1 \2-backports main/p" "$1/etc/apt/sources.list" | head -n 1 >"$1/etc/apt/sources.list.d/backports.list"')
        fi
        debs_list=$2 debs_dir=$3 debs_locked=$arg_locked \
                mmdebstrap --quiet --variant=custom --mode="$mode" "${hooks[@]}" \
                --customize-hook="$here/lib/debs-fetch" "$1" "$work/apt" >&2 ||
                die "Fetching packages of Debian $1 failed."
        rm -rf "$work/apt"
}

debs_digest() {
        sha256sum "$1" | cut -d' ' -f1
}

debs_keep() {
        local digest
        digest=$(debs_digest "$1")
        cp "$1" "$cache/debs/.$digest.$$"
        mv "$cache/debs/.$digest.$$" "$cache/debs/$digest.deb"
}

# debs_unpack LOCK DIR: the packages of the lock (the recipe's, else the one in lib), unpacked over each other in DIR; those of debs.lock are noted for
# packages.json. Links in place of directories (/lib of a merged /usr) stay.
debs_unpack() {
        local lock=$recipe_dir/$1.lock dir=$2 missing=$work/$1-missing pool=$work/$1-pool package version digest deb suite
        need dpkg-deb dpkg
        [[ -f $lock ]] || lock=$here/lib/$1.lock
        [[ -f $lock ]] || die "$lock is missing; make it with --update-lock."
        suite=$(awk '$1 == "suite" { print $2; exit }' "$lock")
        mkdir -p "$dir" "$pool"
        : >"$missing"
        while read -r package version digest; do
                deb=$cache/debs/$digest.deb
                if [[ -f $deb && $(debs_digest "$deb") == "$digest" ]]; then
                        ln -s "$deb" "$pool/$package.deb"
                else
                        printf '%s %s %s\n' "$package" "$version" "$digest" >>"$missing"
                fi
        done < <(awk 'NF == 3 && $1 !~ /^#/' "$lock")
        if [[ -s $missing ]]; then
                say "Fetching $(wc -l <"$missing") packages of Debian $suite"
                debs_fetch "$suite" "$missing" "$pool"
                while read -r package version digest; do
                        debs_keep "$pool/$package.deb"
                done <"$missing"
        fi
        for deb in "$pool"/*.deb; do
                dpkg-deb --fsys-tarfile "$deb" |
                        tar -x --keep-directory-symlink --no-same-owner --no-same-permissions -C "$dir" ||
                        die "Unpacking ${deb##*/} failed."
                if [[ $1 == debs ]]; then debs_note "$deb" "$dir"; fi
        done
}

# The licences of a package are those that its machine-readable copyright file names; the file itself stays in the tree.
debs_note() {
        local deb=$1 dir=$2 package version copyright licence
        package=$(dpkg-deb -f "$deb" Package)
        version=$(dpkg-deb -f "$deb" Version)
        copyright=$dir/usr/share/doc/$package/copyright
        [[ -e $copyright ]] || copyright=$(dpkg-deb --fsys-tarfile "$deb" | tar -t | sed -n 's|^\./\(.*/copyright\)$|'"$dir"'/\1|p' | head -n 1)
        licence=
        if [[ -f $copyright ]]; then
                licence=$(sed -n 's/^License: *\([A-Za-z0-9][A-Za-z0-9 .+/-]\{0,60\}\),\{0,1\}$/\1/p' "$copyright" |
                        sort -u | paste -sd, | sed 's/,/, /g')
                install -D -m 0644 "$copyright" "$tree/share/licenses/debian/$package"
        fi
        note_package deb "$package" "$version" "${licence:-see share/licenses/debian/$package}" "sha256 $(debs_digest "$deb")"
}

# debs_lock_write LOCK SUITE: what the list $work/debs-wanted names.
debs_lock_write() {
        local pool=$work/$1-pool deb
        mkdir -p "$pool"
        say "Resolving packages of Debian $2"
        debs_fetch "$2" "$work/debs-wanted" "$pool"
        {
                printf '# Written by build --update-lock. Package, version, SHA-256.\n'
                printf 'suite %s\n' "$2"
                if [[ $1 == debs ]]; then printf 'epoch %s\n' "$(date +%s)"; fi
                for deb in "$pool"/*.deb; do
                        printf '%s %s %s\n' "$(dpkg-deb -f "$deb" Package)" "$(dpkg-deb -f "$deb" Version)" "$(debs_digest "$deb")"
                done
        } >"$recipe_dir/$1.lock"
        for deb in "$pool"/*.deb; do debs_keep "$deb"; done
        rm -r "$pool"
}

# Once for a recipe, whichever of its parts asks first.
debs_lock() {
        ((!debs_locked_now)) || return 0
        debs_locked_now=1
        # shellcheck disable=SC2086
        {
                printf '%s\n' $debs
                printf -- '+%s\n' $debs_whole
                printf -- '-%s\n' $debs_leave
        } | grep -E '^[-+]?[a-z]' >"$work/debs-wanted"
        debs_lock_write debs "$debs_suite"
        [[ -n $tools_whole ]] || return 0
        # shellcheck disable=SC2086
        {
                printf -- '+%s\n' $tools_whole
                printf -- '-%s\n' $tools_leave
        } | grep -E '^[-+]?[a-z]' >"$work/debs-wanted"
        debs_backports=0 debs_lock_write tools "$tools_suite"
}
debs_locked_now=0
