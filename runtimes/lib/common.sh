# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# What every build needs: messages, host checks, the recipe, the work directory, the safe output directory.

install_root=/opt/joblet/runtimes

say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
        printf 'error: %s\n' "$*" >&2
        exit 1
}

recipes_list() {
        local recipe
        for recipe in "$here"/*/recipe; do basename "${recipe%/recipe}"; done
}

# A recipe is a file of assignments; each name in parts= stands for build_X, test_X and lock_X in lib/.
recipe_load() {
        local key
        [[ $1 =~ ^[a-z0-9][a-z0-9.+-]*$ && -f $here/$1/recipe ]] ||
                die "No recipe for '$1'. Known: $(recipes_list | paste -sd' ')."
        recipe_dir=$here/$1
        name=$1 host_tools= architectures=x86_64 base=host libs_dir=
        debs= debs_whole= debs_leave= debs_backports=0 tools_whole= tools_leave=
        # shellcheck source=/dev/null
        . "$recipe_dir/recipe"
        for key in language version parts space; do
                [[ -n ${!key:-} ]] || die "$recipe_dir/recipe does not set $key."
        done
        runtime_home=$install_root/$language/$name
}

# Each needed program, with the Debian package that has it.
need() {
        command -v "$1" >/dev/null || die "This build needs '$1' on the host; it is in the Debian package '$2'."
}

host_check() {
        local tool
        [[ " $architectures " == *" $(uname -m) "* ]] || die "$name is built on $architectures, this is $(uname -m)."
        need find findutils
        need awk mawk
        need zip zip
        need bwrap bubblewrap
        for tool in $host_tools; do need "${tool%%:*}" "${tool#*:}"; done
}

# The work directory, and where downloads are kept; both are written to by confined() only.
work_open() {
        work=$(mktemp -d "${TMPDIR:-/var/tmp}/joblet-build-$name.XXXXXXXX")
        trap 'rm -rf -- "$work"' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        if [[ -n $arg_cache ]]; then
                mkdir -p "$arg_cache"
                cache=$(cd "$arg_cache" && pwd)
        else
                cache=$work/cache
        fi
        tree=$work/tree/$language/$name
}

# work_enter DIR: the same in the second process. What programs of the build write to their home goes below it, too.
work_enter() {
        work=$1 cache=$arg_cache user_home=$HOME
        tree=$work/tree/$language/$name
        mkdir -p "$cache/debs" "$cache/wheels" "$work/tmp" "$work/home"
        export TMPDIR=$work/tmp HOME=$work/home
        cd "$work" || die "Cannot enter $work."
}

# confined [OPTION...]: the second process, where nothing but the work directory and the cache can be written to.
confined() {
        local options=(--write "$work" --read "$here") own=() file
        mkdir -p "$cache"
        options+=(--write "$cache")
        if [[ -n $arg_source ]]; then
                file=$(readlink -e "$arg_source") || die "There is no file $arg_source."
                options+=(--read "$file")
                own+=(--source "$file")
        fi
        for file in ~/.npmrc ~/.m2/settings.xml "${PIP_CERT-}" "${SSL_CERT_FILE-}" "${NODE_EXTRA_CA_CERTS-}"; do
                [[ ! -f $file ]] || options+=(--read "$file")
        done
        "$here/lib/confine" "${options[@]}" "$@" "$here/build" "${args[@]}" "${own[@]}" --cache "$cache" --stage="$work" || exit 1
}

# Sets output. The default lies in a directory where everyone may make names: never follow a link, never use another's directory.
output_open() {
        local dir=$1 mode
        if [[ ! -e $dir && ! -L $dir ]]; then
                mkdir -p "$(dirname "$dir")"
                mkdir -m 0755 "$dir" || die "Cannot create $dir."
        fi
        dir=${dir%/}
        [[ ! -L $dir ]] || die "$dir is a symbolic link; remove it or name another directory with --output."
        [[ -d $dir ]] || die "$dir is not a directory."
        [[ $(stat -c %u "$dir") == "$EUID" ]] || die "$dir belongs to another user; name another directory with --output."
        mode=$(stat -c %a "$dir")
        (((8#$mode & 8#022) == 0)) || die "$dir is writable by others; name another directory with --output."
        output=$(cd "$dir" && pwd -P)
}

# The time that every file of the tree gets: the day the lock was made.
lock_read() {
        [[ -f $recipe_dir/debs.lock ]] || die "$recipe_dir/debs.lock is missing; make it with --update-lock."
        SOURCE_DATE_EPOCH=$(awk '$1 == "epoch" { print $2; exit }' "$recipe_dir/debs.lock")
        [[ $SOURCE_DATE_EPOCH =~ ^[0-9]+$ ]] || die "$recipe_dir/debs.lock has no line 'epoch SECONDS'."
        export SOURCE_DATE_EPOCH
}

# Every program of a recipe's own, in a clean environment and as a job would see the tree: sandbox [OPTION...] COMMAND...
sandbox() {
        local options=()
        while [[ $1 == --* ]]; do
                case $1 in
                --bind) options+=("$1" "$2" "$3") && shift 2 ;;
                --work | --host) options+=("$1" "$2") && shift ;;
                *) options+=("$1") ;;
                esac
                shift
        done
        [[ -f $tree/runtime.yml ]] || install -m 0644 "$recipe_dir/runtime.yml" "$tree/runtime.yml"
        "$here/lib/sandbox" "${options[@]}" "$tree" "$@"
}

# One line of packages.json: kind, name, version, licence, digest with its kind (tab-separated until tree_describe).
note_package() {
        local IFS=$'\t'
        printf '%s\n' "$*" >>"$work/packages.tsv"
}
