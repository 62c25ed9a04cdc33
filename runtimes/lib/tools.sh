# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Programs that only the build needs, out of the Debian packages of tools.lock: unpacked in the work directory and run
# with that as their root. The host's certificates and network settings are theirs.

# More mounts for the next call.
tools_bind=()

# tools COMMAND...: with $work and $cache at their places, both writable.
tools() {
        local options=() variable file dir=$PWD
        [[ $dir == "$work"/* ]] || dir=$work
        if [[ ! -d $work/tools/usr ]]; then
                say "Unpacking the tools of the build"
                mkdir -p "$work/tools"/{usr/{bin,sbin,lib,lib64},etc,dev,proc,tmp,var/tmp}
                ln -s usr/bin usr/sbin usr/lib usr/lib64 "$work/tools/"
                debs_unpack tools "$work/tools"
                tools_alternatives "$work/tools"
        fi
        for file in resolv.conf hosts ssl; do
                [[ ! -e /etc/$file ]] || options+=(--ro-bind "$(readlink -f "/etc/$file")" "/etc/$file")
        done
        for variable in $(compgen -e | grep -iE '^((https?|no|all)_proxy|npm_config_(registry|cafile|proxy|https_proxy)|NODE_EXTRA_CA_CERTS|MAVEN_ARGS|SOURCE_DATE_EPOCH)$'); do
                options+=(--setenv "$variable" "${!variable}")
        done
        bwrap --unshare-all --share-net --die-with-parent --new-session --clearenv --bind "$work/tools" / --proc /proc --dev /dev \
                --tmpfs /tmp --bind "$work" "$work" --bind "$cache" "$cache" \
                --setenv PATH /usr/sbin:/usr/bin --setenv HOME "$work/home" --setenv LANG C.UTF-8 --setenv TZ UTC \
                "${options[@]}" "${tools_bind[@]}" --chdir "$dir" "$@"
}

# What postinst scripts would link: NAME=TARGET below usr/bin, where TARGET is there.
tools_alternatives() {
        local pair
        for pair in sh=dash awk=mawk cc=gcc c++=g++ python3=python3.11 node=nodejs java=../lib/jvm/java-17-openjdk-amd64/bin/java; do
                [[ -e $1/usr/bin/${pair%%=*} || -L $1/usr/bin/${pair%%=*} || ! -e $1/usr/bin/${pair#*=} ]] ||
                        ln -s "${pair#*=}" "$1/usr/bin/${pair%%=*}"
        done
}
