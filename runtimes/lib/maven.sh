# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Apache Maven from Maven Central, in maven/, with a repository of what a project without dependencies needs, so that
# "mvn package", "mvn exec:java" and tests work without network: all that building lib/maven/ fetches. maven.lock has each
# file with its SHA-256. Debian's Maven fetches the first one.

maven_version=3.9.6
maven_zip=org/apache/maven/apache-maven/$maven_version/apache-maven-$maven_version-bin.zip

# With the certificates of the host, which may know more than the runtime's.
maven_run() {
        local program=$1 repository=$2 trust=$work/trust.p12
        shift 2
        if [[ ! -e $trust ]]; then
                if [[ -r /etc/ssl/certs/ca-certificates.crt ]]; then
                        java_cacerts "$trust" /etc/ssl/certs/ca-certificates.crt
                else
                        cp "$jdk/lib/security/cacerts" "$trust"
                fi
        fi
        tools env JAVA_HOME="$jdk" MAVEN_OPTS="-Djavax.net.ssl.trustStore=$trust -Duser.home=$work/home" \
                "$program" --batch-mode --no-transfer-progress --quiet -Dmaven.repo.local="$repository" "$@" >&2
}

# What the lock is made of and, with a lock, where its files come from: a repository in $work/m2.
maven_fetch_all() {
        say "Fetching Maven and its plugins"
        [[ ! -f "$user_home"/.m2/settings.xml ]] || install -D -m 0600 "$user_home"/.m2/settings.xml "$work/home/.m2/settings.xml"
        mkdir -p "$work/maven-project"
        cp -r "$here/lib/maven/." "$work/maven-project/"
        (
                cd "$work/maven-project" &&
                        maven_run /usr/share/maven/bin/mvn "$work/m2-debian" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get \
                                -Dartifact="org.apache.maven:apache-maven:$maven_version:zip:bin" -Dtransitive=false &&
                        maven_unzip "$work/m2-debian/$maven_zip" "$work/maven-client" &&
                        mkdir -p "$(dirname "$work/m2/$maven_zip")" &&
                        cp "$work/m2-debian/$maven_zip" "$work/m2/$maven_zip" &&
                        maven_run "$work/maven-client/bin/mvn" "$work/m2" clean install &&
                        cd own && maven_run "$work/maven-client/bin/mvn" "$work/m2" compile &&
                        { maven_run "$work/maven-client/bin/mvn" "$work/m2" no-such-prefix:goal >/dev/null 2>&1 || :; }
        ) || die "Fetching Maven or its plugins failed."
        rm -rf "$work/m2/org/joblet"
}

# (The last call fails, after looking into each plugin for its prefix: a later one finds them here.)
# The JDK can unzip, but modes are lost.
maven_unzip() {
        local dir=$work/unzip-maven
        rm -rf "$dir"
        mkdir -p "$dir" "$2"
        cp "$1" "$dir/maven.zip"
        sandbox --work "$dir" jar --extract --file maven.zip || die "Unpacking Maven failed."
        cp -a "$dir/apache-maven-$maven_version/." "$2/"
        chmod 0755 "$2"/bin/mvn{,Debug,yjp}
        rm -rf "$dir"
}

lock_maven() {
        local part file
        tree=$work/tree/$language/$name
        mkdir -p "$tree"
        lock_read
        for part in $parts; do
                [[ $part != maven ]] || break
                "build_$part"
        done
        maven_fetch_all
        (
                cd "$work/m2" || exit
                printf '# Written by build --update-lock from lib/maven. Path in a repository, SHA-256.\n'
                find . -type f \( -name '*.jar' -o -name '*.pom' -o -name '*.zip' \) -printf '%P\n' | sort |
                        while read -r file; do printf '%s %s\n' "$file" "$(debs_digest "$file")"; done
        ) >"$recipe_dir/maven.lock"
}

build_maven() {
        local lock=$recipe_dir/maven.lock file digest missing=0
        [[ -f $lock ]] || die "$lock is missing; make it with --update-lock."
        mkdir -p "$cache/maven" "$tree/maven/repository"
        while read -r file digest; do
                [[ -f $cache/maven/$digest && $(debs_digest "$cache/maven/$digest") == "$digest" ]] || missing=1
        done < <(grep -v '^#' "$lock")
        if ((missing)); then
                maven_fetch_all
                while read -r file digest; do
                        [[ -f $work/m2/$file ]] || die "Maven did not fetch $file."
                        [[ $(debs_digest "$work/m2/$file") == "$digest" ]] || die "$file is not the file of the lock (SHA-256 differs)."
                        cp "$work/m2/$file" "$cache/maven/.$digest.$$"
                        mv "$cache/maven/.$digest.$$" "$cache/maven/$digest"
                done < <(grep -v '^#' "$lock")
                rm -rf "$work/m2" "$work/m2-debian" "$work/maven-client"
        fi
        say "Assembling Maven $maven_version"
        while read -r file digest; do
                if [[ $file == "$maven_zip" ]]; then
                        maven_unzip "$cache/maven/$digest" "$tree/maven"
                        note_package maven org.apache.maven:apache-maven "$maven_version" Apache-2.0 "sha256 $digest"
                else
                        install -D -m 0644 "$cache/maven/$digest" "$tree/maven/repository/$file"
                fi
        done < <(grep -v '^#' "$lock")
        # Only this system's; the rest is for others.
        find "$tree/maven/lib/jansi-native" -mindepth 1 -maxdepth 1 ! -name Linux -exec rm -rf {} +
        find "$tree/maven/lib/jansi-native/Linux" -mindepth 1 -maxdepth 1 ! -name x86_64 -exec rm -rf {} + 2>/dev/null || :
        ln -s ../maven/bin/mvn "$tree/bin/mvn"
        ln -s ../maven/bin/mvnDebug "$tree/bin/mvnDebug"
        while read -r file digest; do
                [[ $file == *.jar ]] || continue
                maven_note "$file" "$digest"
        done < <(grep -v '^#' "$lock")
        maven_prefix org/codehaus/mojo exec exec-maven-plugin
        maven_prefix org/apache/maven/plugins shade maven-shade-plugin
}

# maven_note PATH DIGEST: group/artifact/version/file.
maven_note() {
        local pom=${1%/*} group artifact version licence= parent i
        version=${pom##*/} pom=${pom%/*} artifact=${pom##*/} group=${pom%/*}
        parent=$tree/maven/repository/$group/$artifact/$version/$artifact-$version.pom
        for ((i = 0; i < 6; i++)); do
                [[ -f $parent ]] || break
                licence=$(tr -d '\r\n' <"$parent" | sed -n 's|.*<licenses>\(.*\)</licenses>.*|\1|p' | { grep -o '<name>[^<]*' || :; } |
                        sed 's/^<name> *//; s/ *$//; s/  */ /g' | paste -sd';' | sed 's/;/; /g')
                [[ -z $licence ]] || break
                parent=$(tr -d '\r\n' <"$parent" | sed -n 's|.*<parent>\(.*\)</parent>.*|\1|p' | awk '
                        function text(tag, s) { s = $0; if (!match(s, "<" tag ">[^<]*")) return ""; s = substr(s, RSTART, RLENGTH); sub(/^[^>]*> */, "", s); sub(/ *$/, "", s); return s }
                        { g = text("groupId"); gsub(/\./, "/", g); print g "/" text("artifactId") "/" text("version") "/" text("artifactId") "-" text("version") ".pom" }')
                parent=$tree/maven/repository/$parent
        done
        note_package maven "${group//\//.}:$artifact" "$version" "${licence:-see its jar}" "sha256 $2"
}

# maven_prefix GROUP PREFIX ARTIFACT: "mvn PREFIX:goal" finds the plugin, in the version that is here, without network.
maven_prefix() {
        local dir=$tree/maven/repository/$1 version stamp
        version=$(basename "$dir/$3"/[0-9]*)
        stamp=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S)
        printf '<metadata>\n  <plugins>\n    <plugin>\n      <name>%s</name>\n      <prefix>%s</prefix>\n      <artifactId>%s</artifactId>\n    </plugin>\n  </plugins>\n</metadata>\n' \
                "$3" "$2" "$3" >"$dir/maven-metadata-central.xml"
        printf '<metadata>\n  <groupId>%s</groupId>\n  <artifactId>%s</artifactId>\n  <versioning>\n    <latest>%s</latest>\n    <release>%s</release>\n    <versions>\n      <version>%s</version>\n    </versions>\n    <lastUpdated>%s</lastUpdated>\n  </versioning>\n</metadata>\n' \
                "${1//\//.}" "$3" "$version" "$version" "$version" "$stamp" >"$dir/$3/maven-metadata-central.xml"
}

test_maven() {
        say "Building projects with Maven, without network"
        mkdir "$work/test-maven"
        cp -r "$here/lib/maven/." "$work/test-maven/"
        sandbox --work "$work/test-maven" sh -ec '
                mvn --version
                mvn -B clean install
                java -cp plain/target/classes Main | grep -qx "answer: 42"
                cd own
                mvn -B compile exec:java | tee log
                grep -x "answer: 42" log
        ' >"$work/test-maven.log" 2>&1 || { cat "$work/test-maven.log" >&2 && die "Maven of $name does not work without network."; }
        grep -E 'Apache Maven|WARN' "$work/test-maven.log" >&2 || :
}
