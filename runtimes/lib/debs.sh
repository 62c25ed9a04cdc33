# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Debian binary packages, fetched and unpacked but never installed. mmdebstrap sets up a private apt (it knows the
# default archive and checks its signature); lib/debs-fetch then runs inside as a hook. Recipe: debs_suite, debs.

# debs_fetch LIST DIR: every package named in LIST ("name [version sha256]") is in DIR afterwards.
debs_fetch() {
        local mode=chrootless
        ((EUID)) || mode=root
        need mmdebstrap mmdebstrap
        need dpkg-deb dpkg
        debs_list=$1 debs_dir=$2 debs_locked=$arg_locked \
                mmdebstrap --quiet --variant=custom --mode="$mode" \
                --customize-hook="$here/lib/debs-fetch" "$debs_suite" "$work/apt" >&2 ||
                die "Fetching packages of Debian $debs_suite failed."
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

# debs_unpack DIR: the packages of the lock, unpacked over each other in DIR, each noted for packages.json.
debs_unpack() {
        local dir=$1 missing=$work/debs-missing pool=$work/debs package version digest deb
        need dpkg-deb dpkg
        mkdir -p "$dir" "$pool"
        : >"$missing"
        while read -r package version digest; do
                deb=$cache/debs/$digest.deb
                if [[ -f $deb && $(debs_digest "$deb") == "$digest" ]]; then
                        ln -s "$deb" "$pool/$package.deb"
                else
                        printf '%s %s %s\n' "$package" "$version" "$digest" >>"$missing"
                fi
        done < <(awk 'NF == 3 && $1 !~ /^#/' "$recipe_dir/debs.lock")
        if [[ -s $missing ]]; then
                say "Fetching $(wc -l <"$missing") packages of Debian $debs_suite"
                debs_fetch "$missing" "$pool"
                while read -r package version digest; do
                        debs_keep "$pool/$package.deb"
                done <"$missing"
        fi
        for deb in "$pool"/*.deb; do
                dpkg-deb -x "$deb" "$dir"
                debs_note "$deb" "$dir"
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
        note_package deb "$package" "$version" "${licence:-see share/licenses/debian/$package}" "$(debs_digest "$deb")"
}

debs_lock() {
        local pool=$work/debs deb
        mkdir -p "$pool"
        # shellcheck disable=SC2086
        printf '%s\n' $debs >"$work/debs-wanted"
        say "Resolving $(wc -l <"$work/debs-wanted") packages of Debian $debs_suite"
        debs_fetch "$work/debs-wanted" "$pool"
        {
                printf '# Written by build --update-lock. Package, version, SHA-256.\n'
                printf 'suite %s\nepoch %s\n' "$debs_suite" "$(date +%s)"
                for deb in "$pool"/*.deb; do
                        printf '%s %s %s\n' "$(dpkg-deb -f "$deb" Package)" "$(dpkg-deb -f "$deb" Version)" "$(debs_digest "$deb")"
                done
        } >"$recipe_dir/debs.lock"
        for deb in "$pool"/*.deb; do debs_keep "$deb"; done
        rm -r "$pool"
}
