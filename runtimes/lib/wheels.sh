# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Python libraries as wheels from PyPI, into ml-venv/. Recipe: wheels_import (modules to import at the end), wheels_prune
# (patterns of paths below site-packages to leave out). requirements.in has what is wanted, requirements.lock every
# wheel with its SHA-256; setuptools and pip of the lock are also what virtual environments start with.

# pip needs no pip on the host: the one in Debian's python3-pip-whl starts things off.
pip() {
        local wheel=("$work"/root/usr/share/python-wheels/pip-*.whl) set=() variable r=0
        ((${#wheel[@]})) || die "The lock of $name has no python3-pip-whl."
        for variable in $(compgen -e | grep -E '^(PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|PROXY|DEFAULT_TIMEOUT|RETRIES|TRUSTED_HOST)|SSL_CERT_FILE|SSL_CERT_DIR|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY)$'); do
                set+=("$variable=${!variable}")
        done
        py_env=("${set[@]}" "PYTHONPATH=${wheel[0]}")
        py -m pip --disable-pip-version-check --no-cache-dir --no-input --quiet "$@" || r=$?
        py_env=()
        return "$r"
}

wheels_cached() {
        local digest have
        have=$(for file in "$cache"/wheels/*.whl; do debs_digest "$file"; done)
        for digest in $(sed -n 's/.*--hash=sha256:\([0-9a-f]*\).*/\1/p' "$1"); do
                [[ $have == *$digest* ]] || return 1
        done
}

build_wheels() {
        local lock=$recipe_dir/requirements.lock install=$work/requirements file
        [[ -f $lock ]] || die "$lock is missing; make it with --update-lock."
        if ! wheels_cached "$lock"; then
                [[ -e /etc/ssl/certs/ca-certificates.crt || -n ${PIP_CERT:-}${SSL_CERT_FILE:-} ]] ||
                        die "Fetching from PyPI needs the certificates of the Debian package 'ca-certificates'."
                say "Fetching $(grep -c '^[a-z]' "$lock") wheels"
                pip download --require-hashes --only-binary :all: --no-deps --dest "$cache/wheels" -r "$lock" >&2 ||
                        die "Fetching the wheels of $name failed."
        fi
        say "Installing the wheels"
        mkdir -p "$site" "$py_lib/ensurepip/_bundled" "$py_lib/site-packages"
        grep -v '^setuptools==' "$lock" >"$install"
        pip install --require-hashes --only-binary :all: --no-deps --no-index --find-links "$cache/wheels" \
                --no-compile --no-warn-script-location --ignore-installed --root-user-action ignore \
                --prefix "$tree/ml-venv" -r "$install" >&2 || die "Installing the wheels of $name failed."
        for file in $(wheels_files "$lock" pip setuptools); do cp "$file" "$py_lib/ensurepip/_bundled/"; done
        py -I "$here/lib/wheels-tidy.py" "$tree" "$python" "$runtime_home" "$recipe_dir/requirements.lock" \
                "$py_lib/ensurepip/_bundled" "$wheels_prune" >>"$work/packages.tsv"
        # In place, outside the mounts of a job, the interpreter finds the libraries through this; the mount hides it.
        printf '../../../ml-venv/lib/python%s/site-packages\n' "$python" >"$py_lib/site-packages/ml-venv.pth"
        say "Compiling"
        wheels_compile
}

# The files of the cache that the lock means, for the names given.
wheels_files() {
        local lock=$1 file package digest
        shift
        for package in "$@"; do
                digest=$(sed -n "s/^$package==.*--hash=sha256:\([0-9a-f]*\).*/\1/p" "$lock")
                [[ -n $digest ]] || die "$lock has no $package."
                for file in "$cache"/wheels/*.whl; do
                        [[ $(debs_digest "$file") != "$digest" ]] || printf '%s\n' "$file"
                done
        done
}

# Bytecode that is never checked against its source: the tree is read-only. One process per directory, so that the
# bytes do not depend on how work is spread; code objects carry the paths that a job sees.
wheels_compile() {
        local compile=("$py_bin" -I -B -m compileall -qq -f --invalidation-mode unchecked-hash -p /usr/local/lib)
        export PYTHONHASHSEED=0
        "${compile[@]}" -s "$tree/python-install/lib" "$py_lib" &&
                "${compile[@]}" -s "$tree/ml-venv/lib" -l "$site" &&
                printf '%s\0' "$site"/*/ |
                xargs -0 -P "$(nproc)" -I{} "${compile[@]}" -s "$tree/ml-venv/lib" {} ||
                die "Compiling failed."
        unset PYTHONHASHSEED
}

test_wheels() {
        say "Importing every library"
        # shellcheck disable=SC2086
        py -I -W error::ImportWarning "$here/lib/wheels-test.py" "$tree" "$recipe_dir/runtime.yml" $wheels_import >&2 ||
                die "A library of $name is broken."
}

# Resolves requirements.in with the interpreter of the Debian lock, for its platform only.
lock_wheels() {
        local deb
        tree=$work/tree/$language/$name
        mkdir -p "$tree"
        build_cpython
        say "Resolving $recipe_dir/requirements.in"
        pip install --dry-run --ignore-installed --only-binary :all: --report "$work/report" -r "$recipe_dir/requirements.in" >&2 ||
                die "Resolving failed."
        py -I - "$work/report" >"$recipe_dir/requirements.lock" <<'PY'
import json, re, sys
print("# Written by build --update-lock from requirements.in. One wheel a line, for x86_64.")
rows = []
for item in json.load(open(sys.argv[1]))["install"]:
    name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
    digest = item["download_info"]["archive_info"]["hash"].split("=")
    assert digest[0] == "sha256", digest
    rows.append(f"{name}=={item['metadata']['version']} --hash=sha256:{digest[1]}")
print("\n".join(sorted(rows)))
PY
}
