# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# A JDK out of Debian's packages, as a directory of its own: jdk/, with links to its programs in bin/. Recipe: java (its
# major version). On the host's /usr the libraries that it needs are beside its own in jdk/lib; in a root of its own they
# are that root's.

lock_java() { debs_lock; }

build_java() {
        local packages=${root:-$work/root} jvm link target
        jdk=$tree/jdk
        [[ $base == self ]] || debs_unpack debs "$packages"
        say "Assembling JDK $java"
        jvm=$packages/usr/lib/jvm/java-$java-openjdk-amd64
        mkdir -p "$tree/bin" "$tree/maven"
        cp -a "$jvm" "$jdk"
        rm -rf "$jdk"/{docs,man,lib/src.zip,lib/jar.binfmt} "$jdk"/lib/*-default
        # What Debian keeps in /etc comes back to where the JDK wants it.
        find "$jdk" -type l | sort | while read -r link; do
                target=$(readlink "$link")
                case $target in
                /etc/java-*)
                        rm "$link"
                        [[ ! -e $packages$target ]] || cp -a "$packages$target" "$link"
                        ;;
                esac
        done
        if [[ ! -s $jdk/lib/jvm.cfg ]]; then cp "$jvm/lib/jvm.cfg-default" "$jdk/lib/jvm.cfg"; fi
        rm -f "$jdk/lib/security/cacerts" "$jdk/lib/security/blocked.certs.link"
        if [[ $base == self ]]; then
                rm -rf "$root"/usr/lib/jvm "$root"/etc/java* "$root"/etc/.java "$root"/usr/share/{java,binfmts,gdb,maven-repo}
        else
                libs_dir=$jdk/lib libs_from=$work/root
                # It needs libstdc++ and has no RPATH; the others look beside themselves.
                # shellcheck disable=SC2016
                elf_rpath "$jdk/lib/server/libjvm.so" '$ORIGIN/..'
                elf_own='^libjvm\.so$'
                elf_close
        fi
        for link in "$jdk"/bin/*; do ln -s "../jdk/bin/${link##*/}" "$tree/bin/${link##*/}"; done
        # The class data archives hold the time of this.
        touch -d "@$SOURCE_DATE_EPOCH" "$jdk/lib/modules"
        java_cacerts "$jdk/lib/security/cacerts" "$packages"/usr/share/ca-certificates/mozilla/*.crt
        [[ -e $jdk/lib/server/classes.jsa ]] || java_dump
}

# java_cacerts OUT PEM...: a trust store.
java_cacerts() {
        local out=$1 certificates=$work/certificates
        shift
        rm -rf "$certificates"
        mkdir "$certificates"
        cp -L "$here/lib/CaCerts.java" "$@" "$certificates/"
        (cd "$certificates" && sandbox --work "$certificates" sh -c 'exec java CaCerts.java out "$@"' - "${@##*/}") >&2 ||
                die "Making a trust store failed."
        install -m 0644 "$certificates/out" "$out"
}

# The JDK's own default archives, as its makers would ship them.
java_dump() {
        mkdir "$work/cds"
        sandbox --bind "$jdk/lib/server" /usr/local/jdk/lib/server sh -c 'java -Xshare:dump && java -Xshare:dump -XX:-UseCompressedOops' \
                >"$work/cds/log" 2>&1 || { cat "$work/cds/log" >&2 && die "Making the class data archives failed."; }
}

test_java() {
        say "Using the JDK"
        mkdir "$work/test-java"
        cp "$here/lib/JavaTest.java" "$work/test-java/"
        # shellcheck disable=SC2016
        sandbox --work "$work/test-java" sh -ec '
                java -Xshare:on -XX:-UseCompressedOops -version
                java -Xshare:on -version 2>&1 | grep -F "\"'"$version"'\""
                javac -Xlint:all JavaTest.java
                java -Xshare:on -Djava.awt.headless=true JavaTest '"$java $base"'
                jar --create --file t.jar --main-class JavaTest *.class
                java -jar t.jar '"$java $base"'
                echo "System.out.println(6 * 7)" | jshell -s - | grep -qx 42
                javap -p JavaTest.class | grep -q main
                # With the libstdc++ of the runtime, which its libjvm.so does not know; the host may have none.
                jlink --add-modules java.base --output image && LD_LIBRARY_PATH=$JAVA_HOME/lib image/bin/java --list-modules
        ' >&2 || die "The JDK of $name does not work."
}
