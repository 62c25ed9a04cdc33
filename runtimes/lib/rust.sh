# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC1007,SC2015,SC2030,SC2031,SC2034,SC2154
#
# Debian's Rust and GCC in a root of their own (root.sh).

lock_rust() { debs_lock; }

build_rust() {
        local pair
        say "Assembling Rust"
        for pair in cc=gcc c89=gcc c99=gcc; do
                [[ -e $root/usr/bin/${pair%%=*} ]] || ln -s "${pair#*=}" "$root/usr/bin/${pair%%=*}"
        done
        rm -rf "$root"/usr/share/{gcc,gdb,rustc/doc} "$root"/usr/lib/bfd-plugins
}

test_rust() {
        say "Building with Cargo"
        mkdir "$work/test-rust"
        cp -r "$here/lib/cargo/." "$work/test-rust/"
        sandbox --work "$work/test-rust" sh -ec '
                rustc --version | grep -F "rustc '"$version"' "
                cargo build --offline --release
                test "$(target/release/answer)" = "answer: 42, from C: 42, derived: Answer"
                cargo test --offline --quiet
                cargo clippy --offline --quiet
                cargo fmt --check
                cargo init --offline --quiet fresh
                cd fresh && cargo run --offline --quiet
        ' >&2 || die "Rust of $name does not work."
}
