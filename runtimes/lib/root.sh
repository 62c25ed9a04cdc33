# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# A root of the runtime's own (base: self in runtime.yml) out of Debian packages, for what is newer than the oldest host's
# C library or needs a compiler. Packages are unpacked, their scripts never run; what those would have made and a job needs
# is made here. Joblet mounts the rest into it, which is why it has those empty directories.

root_debs="
        base-files bash ca-certificates coreutils dash debianutils diffutils findutils grep gzip hostname libc-bin mawk
        netbase sed tar tzdata
"
# What a job has no use for but dependencies name.
root_leave="debconf dpkg perl-base"

lock_root() {
        debs_whole+=" $root_debs"
        debs_leave+=" $root_leave"
        debs_lock
}

build_root() {
        local target
        root=$tree/root
        mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
        ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
        debs_unpack debs "$root"
        say "Assembling the root"
        while read -r target; do mkdir -p "$root$target"; done < <(sed -n 's|^ *target: *"\(/[^"]*\)".*|\1|p' "$recipe_dir/runtime.yml")
        (
                cd "$root" || exit
                rm -rf usr/share/{doc,man,info,lintian,bug,doc-base,locale,menu,applications,pixmaps,bash-completion} \
                        usr/share/{zsh,icons,metainfo,mime,initramfs-tools} usr/lib/{systemd,tmpfiles.d,sysusers.d,udev} \
                        usr/games var/lib var/cache var/backups var/mail var/spool var/log boot home media mnt root etc/init.d \
                        etc/cron* etc/default etc/systemd etc/apt etc/dpkg etc/kernel etc/skel etc/update-motd.d etc/issue* \
                        etc/logrotate.d etc/selinux
                mkdir -p dev proc sys run root tmp var/tmp var/lib var/cache var/log work volumes opt srv etc usr/local/bin
                [[ -e var/run ]] || ln -s ../run var/run
                [[ -e usr/bin/awk ]] || ln -s mawk usr/bin/awk
                [[ -e usr/bin/sh ]] || ln -s dash usr/bin/sh
                [[ -e usr/bin/which ]] || ln -s which.debianutils usr/bin/which
                # The job's own are bound over the first two.
                printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' >etc/passwd
                printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group
                printf '127.0.0.1 localhost\n::1 localhost\n' >etc/hosts
                : >etc/resolv.conf
                printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n' >etc/nsswitch.conf
                ln -sf ../usr/share/zoneinfo/Etc/UTC etc/localtime
                printf 'Etc/UTC\n' >etc/timezone
                mkdir -p etc/ssl/certs
                cat usr/share/ca-certificates/mozilla/*.crt >etc/ssl/certs/ca-certificates.crt
                mkdir -p usr/lib/ssl
                ln -sfn /etc/ssl/certs usr/lib/ssl/certs
                ln -sfn /etc/ssl/certs/ca-certificates.crt usr/lib/ssl/cert.pem
        )
}

test_root() {
        # shellcheck disable=SC2016
        sandbox sh -c 'set -e; echo a b | awk "{ print \$2 }" | grep -qx b; [ "$(id -un)" = job ]; [ "$(date +%Z)" = UTC ]
                openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt /usr/share/ca-certificates/mozilla/ISRG_Root_X1.crt
                touch /tmp/x /var/tmp/x /work/x; ! touch /usr/x 2>/dev/null' >&2 || die "The root of $name does not work."
}

# After all parts: the cache of libraries; nothing may want a library that is not there.
root_close() {
        local file soname target missing=0
        sandbox --write /usr/sbin/ldconfig || die "ldconfig failed."
        rm -rf "$root/var/cache/ldconfig"
        find "$tree" -name '*.so*' -printf '%f\n' | sort -u >"$work/sonames"
        while read -r file; do
                for soname in $(elf_needed "$file"); do
                        grep -qxF "$soname" "$work/sonames" && continue
                        warn "${file#"$tree"/} needs $soname"
                        missing=1
                done
        done < <(elf_files)
        ((!missing)) || die "The root of $name lacks libraries; the recipe must name their packages."
        # Absolute links are right in the job; what leads nowhere even there is left over from a package's scripts.
        find "$root" -type l -printf '%P\n' | while read -r file; do
                target=$(readlink "$root/$file")
                case $target in /proc/* | /dev/* | /run/*) continue ;; /*) target=$root$target ;; *) target=$root/$(dirname "$file")/$target ;; esac
                [[ -e $target || -L $target ]] || rm "$root/$file"
        done
}
