# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# The finished tree: runtime.yml, packages.json, manifest.sha256, fixed modes and times; then packed, left or installed.

tree_describe() {
        install -m 0644 "$recipe_dir/runtime.yml" "$tree/runtime.yml"
        if [[ $base == host ]]; then elf_check_glibc; fi
        sort -u "$work/packages.tsv" | awk -F'\t' -v name="$name" -v version="$version" -v epoch="$SOURCE_DATE_EPOCH" '
                function quote(s) {
                        gsub(/[[:cntrl:]]/, " ", s); gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s)
                        return "\"" s "\""
                }
                BEGIN {
                        printf "{\n  \"runtime\": %s,\n  \"version\": %s,\n  \"locked\": %d,\n  \"packages\": [", quote(name), quote(version), epoch
                }
                {
                        split($5, digest, " ")
                        printf "%s\n    { \"kind\": %s, \"name\": %s, \"version\": %s, \"licence\": %s, %s: %s }", \
                                (NR > 1 ? "," : ""), quote($1), quote($2), quote($3), quote($4), quote(digest[1]), quote(digest[2])
                }
                END { print "\n  ]\n}" }' >"$tree/packages.json"
}

# Modes and times do not depend on the builder; names that a manifest line cannot hold are refused.
tree_seal() {
        local odd
        say "Sealing the tree"
        odd=$(find "$tree" -name '*[[:cntrl:]\\]*' -print -quit)
        [[ -z $odd ]] || die "A file name with control characters or a backslash: $odd."
        chmod -R u=rwX,go=rX "$tree"
        manifest_write >"$work/manifest"
        install -m 0644 "$work/manifest" "$tree/manifest.sha256"
        find "$work/tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# sha256sum's format, so that `sha256sum --check` reads it; what it has no words for are comment lines:
# "# symlink PATH -> TARGET", "# executable PATH", "# directory PATH" (empty ones).
manifest_write() {
        (
                cd "$tree" || exit
                find . -type l -printf '# symlink %P -> %l\n' | sort
                find . -type f -perm /111 -printf '# executable %P\n' | sort
                find . -type d -empty -printf '# directory %P\n' | sort
                find . -type f ! -path ./manifest.sha256 -printf '%P\0' | sort -z | xargs -0 -r sha256sum --
        )
}

tree_zip() {
        say "Packing $name-runtime.zip"
        (cd "$work/tree" && find "$language" | sort | zip -q -X -y -@ "$work/package.zip")
}

tree_pack() {
        local package=$output/$name-runtime.zip
        cp "$work/package.zip" "$output/.$name-runtime.zip.$$"
        chmod 0644 "$output/.$name-runtime.zip.$$"
        mv -f "$output/.$name-runtime.zip.$$" "$package"
        say "$(du -h --apparent-size "$package" | cut -f1) packed, $(du -sh --apparent-size "$tree" | cut -f1) unpacked"
        printf '%s\n' "$package"
}

# tree_put DIR: the tree as DIR/<language>/<name>, there whole or not at all. A version that was there is moved aside
# and deleted, but only when no mount (of a running job) holds it any more.
tree_put() {
        local parent=$1/$language new old
        new=$parent/.$name.new.$$ old=$parent/.$name.replaced.$$
        mkdir -p "$parent"
        cp -a "$tree" "$new"
        if [[ -e $parent/$name ]]; then mv -T "$parent/$name" "$old"; fi
        mv -T "$new" "$parent/$name"
        [[ -e $old ]] || return 0
        if grep -qsF "/${old##*/}" /proc/[0-9]*/mountinfo; then
                warn "The version that was installed is in use and stays as $old; delete it when its jobs are done."
        else
                rm -rf "$old"
        fi
}

tree_leave() {
        tree_put "$output"
        printf '%s\n' "$output/$language/$name"
}

tree_install() {
        say "Installing to $runtime_home"
        if ((EUID == 0)); then chown -R -h root:root "$tree"; fi
        tree_put "$install_root"
}
