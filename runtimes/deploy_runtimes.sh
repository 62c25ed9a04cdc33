#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds and installs several runtimes of the catalogue. Everything is checked before the first one is begun; one that
# fails does not keep the others from being installed, and is named at the end.

set -Eeuo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)

die() {
        printf 'error: %s\n' "$*" >&2
        exit 1
}

names=() languages=()
for recipe in "$here"/*/recipe; do
        names+=("$(basename "$(dirname "$recipe")")")
        languages+=("$(sed -n 's/^language=//p' "$recipe")")
done

usage() {
        cat <<HELP
Usage: deploy_runtimes.sh RUNTIME... [OPTION...]

Build runtimes and install them below /opt/joblet/runtimes (as root). Packages for other hosts are left in
/tmp/runtime-deployments.

Runtimes (any number):
  --all              All of them, but those that need a file of yours (see --source)
$(printf '  --%s\n' "${names[@]}")
  --node-18          The same as --nodejs-18
$(printf '%s\n' "${languages[@]}" | sort -u | while read -r l; do printf '  --%-16s All of %s\n' "$l-all" "$l"; done)

Options:
  --source FILE      The source tarball of the one runtime that is built from one (python-3.12)
  --sha256 HEX       Its SHA-256
  --cache DIR        Keep downloads in DIR and take them from there
  --output DIR       Directory for the packages
  --locked           Refuse Debian packages other than those in the locks
  --no-install       Build the packages only
  --check            Check what the builds need, then stop
  -h, --help         Show this help

Nothing has to be restarted: Joblet sees new runtimes at once.
HELP
}

chosen=() options=() install=1 check_only=0 source=0
choose() {
        [[ " ${chosen[*]-} " == *" $1 "* ]] || chosen+=("$1")
}
needs_source() { grep -q '^source_sha256=' "$here/$1/recipe"; }

choose_language() {
        local i found=0
        for i in "${!names[@]}"; do
                [[ $1 == all || ${languages[i]} == "$1" ]] || continue
                found=1
                if needs_source "${names[i]}" && ((!source)); then
                        printf 'Left out: %s, which is built from a source tarball (--source, --sha256).\n' "${names[i]}" >&2
                        continue
                fi
                choose "${names[i]}"
        done
        ((found))
}

(($#)) || { usage >&2 && exit 2; }
[[ " $* " != *" --source"* ]] || source=1
while (($#)); do
        case $1 in
        -h | --help) usage && exit 0 ;;
        --source | --sha256 | --cache | --output)
                (($# >= 2)) || die "Option $1 needs a value."
                options+=("$1" "$2")
                shift
                ;;
        --source=* | --sha256=* | --cache=* | --output=* | --locked) options+=("$1") ;;
        --no-install) install=0 ;;
        --check) check_only=1 ;;
        --all) choose_language all ;;
        --node-18) choose nodejs-18 ;;
        --node-all) choose_language nodejs ;;
        --*-all)
                name=${1#--}
                choose_language "${name%-all}" || die "No runtime of '${name%-all}', see --help."
                ;;
        --*)
                [[ " ${names[*]} " == *" ${1#--} "* ]] || die "No runtime or option '$1', see --help."
                choose "${1#--}"
                ;;
        *) die "Unexpected argument '$1'; runtimes are chosen as in --$1, see --help." ;;
        esac
        shift
done
((${#chosen[@]})) || die "No runtime was chosen, see --help."
((!install || check_only || EUID == 0)) || die "Only root may install; use sudo, or --no-install to build the packages only."

printf 'Checking what %d builds need: %s\n' "${#chosen[@]}" "${chosen[*]}" >&2
bad=()
for name in "${chosen[@]}"; do
        "$here/build" "$name" "${options[@]}" --check || bad+=("$name")
done
((${#bad[@]} == 0)) || die "Nothing was begun. These cannot be built here: ${bad[*]}."
((!check_only)) || exit 0

for name in "${chosen[@]}"; do
        printf '\n=== %s\n' "$name" >&2
        if ((install)); then mode=--setup; else mode=--no-install; fi
        "$here/build" "$name" "${options[@]}" "$mode" || bad+=("$name")
done
((${#bad[@]} == 0)) || die "These failed and were not installed: ${bad[*]}."
printf '\nDone: %s\n' "${chosen[*]}" >&2
if ((install)); then printf 'See them with: rnx runtime list\n' >&2; fi
