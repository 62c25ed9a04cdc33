# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Debian's Go as a GOROOT of its own, in go/. Recipe: go (such as 1.22). The toolchain is statically linked, as is what it
# builds. The standard library is there compiled, too: otherwise each job would compile it first.

lock_golang() { debs_lock; }

build_golang() {
        local packages=$work/root part
        debs_unpack debs "$packages"
        say "Assembling Go $go"
        mkdir -p "$tree/bin" "$tree/go/pkg"
        for part in bin VERSION go.env; do
                [[ ! -e $packages/usr/lib/go-$go/$part ]] || cp -aL "$packages/usr/lib/go-$go/$part" "$tree/go/"
        done
        for part in src lib misc; do
                [[ ! -e $packages/usr/share/go-$go/$part ]] || cp -a "$packages/usr/share/go-$go/$part" "$tree/go/"
        done
        cp -aL "$packages/usr/lib/go-$go/pkg/tool" "$tree/go/pkg/"
        cp -a "$packages/usr/share/go-$go/pkg/include" "$tree/go/pkg/"
        find "$tree/go/src" -depth \( -name testdata -o -name '*_test.go' \) -exec rm -rf {} +
        for part in go gofmt; do ln -s "../go/bin/$part" "$tree/bin/$part"; done
        say "Compiling the standard library"
        sandbox --bind "$tree/go/pkg" /usr/local/go/pkg env GODEBUG=installgoroot=all go install std ||
                die "Compiling the standard library failed."
}

test_golang() {
        say "Building with Go"
        mkdir "$work/test-go"
        cp -r "$here/lib/gotest/." "$work/test-go/"
        sandbox --work "$work/test-go" sh -ec '
                test "$(go env GOVERSION)" = go'"$version"'
                go vet ./...
                go build -o answer .
                test "$(./answer)" = "answer: 42"
                test "$(du -sm ~/.cache/go-build | cut -f1)" -lt 20
                go test ./...
                gofmt -l . | ( ! grep . )
        ' >&2 || die "Go of $name does not work."
}
