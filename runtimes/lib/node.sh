# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Node.js and packages from npm. Recipe: node_package (the npm package that has the node binary), node_bin (packages
# whose programs are linked into bin/), node_import (packages that are imported at the end), and what debs.sh wants.
# package.json has what is wanted, package-lock.json every package with its SHA-512; no install script is ever run.

lock_node() {
        debs_lock
        say "Resolving $recipe_dir/package.json"
        mkdir -p "$work/npm"
        cp "$recipe_dir/package.json" "$work/npm/"
        (cd "$work/npm" && npm_run install --package-lock-only) || die "Resolving failed."
        install -m 0644 "$work/npm/package-lock.json" "$recipe_dir/package-lock.json"
}

# Debian's npm; the lock names no server, so that npm asks the one that it is set up for.
npm_run() {
        local settings=()
        [[ ! -e "$user_home"/.npmrc ]] || settings=(--userconfig "$work/npmrc")
        [[ ! -e "$user_home"/.npmrc ]] || cp "$user_home"/.npmrc "$work/npmrc"
        NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt} \
                tools npm "$@" --ignore-scripts --no-bin-links --no-audit --no-fund --cache "$work/npm-cache" \
                --omit-lockfile-registry-resolved --loglevel error "${settings[@]}" >&2
}

# The hexadecimal SHA-512 of each package of the lock for this system.
npm_digests() {
        awk '
                /^    "node_modules/ { hash = ""; os = 0; linux = 0 }
                /^      "integrity": "sha512-/ { hash = $2; gsub(/^"sha512-|",?$/, "", hash) }
                /^      "os": \[/ { os = 1 }
                /^        "linux"/ { linux = 1 }
                /^    }/ && hash && (!os || linux) { print hash }' "$recipe_dir/package-lock.json" | sort -u |
                while read -r line; do printf '%s' "$line" | base64 -d | od -An -v -tx1 | tr -d ' \n' && echo; done
}

npm_fetch() {
        local digest missing=0
        mkdir -p "$cache/npm"
        npm_digests >"$work/npm-digests"
        while read -r digest; do
                [[ -f $cache/npm/$digest.tgz ]] || missing=$((missing + 1))
        done <"$work/npm-digests"
        ((missing)) || return 0
        say "Fetching $missing npm packages"
        mkdir -p "$work/npm"
        cp "$recipe_dir"/package{,-lock}.json "$work/npm/"
        (cd "$work/npm" && npm_run ci) || die "Fetching the packages of $name failed."
        while read -r digest; do
                [[ -f $cache/npm/$digest.tgz ]] ||
                        cp "$work/npm-cache/_cacache/content-v2/sha512/${digest:0:2}/${digest:2:2}/${digest:4}" "$cache/npm/$digest.tgz" ||
                        die "npm did not fetch the package with SHA-512 $digest."
        done <"$work/npm-digests"
        rm -rf "$work/npm" "$work/npm-cache"
}

build_node() {
        local lock=$recipe_dir/package-lock.json digest
        [[ -f $lock ]] || die "$lock is missing; make it with --update-lock."
        libs_dir=$tree/lib/nodejs-libs libs_from=$work/root
        debs_unpack debs "$work/root"
        npm_fetch
        say "Unpacking Node.js"
        mkdir -p "$tree/bin" "$tree/lib/node_modules" "$tree/share/licenses" "$libs_dir" "$work/node"
        digest=$(grep -A8 "^    \"node_modules/$node_package\": {" "$lock" |
                sed -n 's/^ *"integrity": "sha512-\(.*\)".*$/\1/p' | head -n 1 | base64 -d | od -An -v -tx1 | tr -d ' \n')
        [[ $(sha512sum "$cache/npm/$digest.tgz" | cut -d' ' -f1) == "$digest" ]] || die "$cache/npm/$digest.tgz is damaged; delete it."
        tar -xzf "$cache/npm/$digest.tgz" --strip-components=1 --no-same-owner -C "$work/node" package/bin/node package/LICENSE
        install -m 0755 "$work/node/bin/node" "$tree/bin/node"
        install -m 0644 "$work/node/LICENSE" "$tree/share/licenses/nodejs"
        # shellcheck disable=SC2016
        elf_rpath "$tree/bin/node" '$ORIGIN/../lib/nodejs-libs:'"$runtime_home/lib/nodejs-libs"
        elf_close
        say "Unpacking the packages"
        # shellcheck disable=SC2086
        env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 "$tree/bin/node" "$here/lib/node-unpack.js" \
                "$lock" "$cache/npm" "$tree" "$node_package" $node_bin >>"$work/packages.tsv" || die "Unpacking the packages failed."
        node_edit npm/node_modules/@npmcli/config/lib/index.js \
                "hasPackageJson || await dirExists(p, 'node_modules')" \
                "hasPackageJson || (p !== '/' \&\& await dirExists(p, 'node_modules'))"
}

# npm takes a directory with node_modules for a project. In a job the root directory has one (runtime.yml), so "npm install"
# in an empty directory would want to write there. The text must be there exactly once.
node_edit() {
        local file=$tree/lib/node_modules/$1
        [[ $(grep -cF "$2" "$file") == 1 ]] || die "$1 of npm is not what this recipe was made for."
        sed -i "s#$2#$3#" "$file"
}

test_node() {
        say "Using Node.js and every package"
        mkdir "$work/test"
        cp "$here"/lib/node-test.{mjs,ts} "$work/test/"
        # shellcheck disable=SC2086
        sandbox --work "$work/test" node node-test.mjs "$version" $node_import >&2 || die "Node.js or a package of $name is broken."
}
