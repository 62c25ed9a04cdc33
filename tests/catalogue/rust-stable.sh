#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Rust with Cargo, in a root of its own.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_rust_here() {
        assert_absent rustc cargo rustfmt librustc_driver
}

test_installed_and_listed() {
        assert_life rust:stable 1.85.1
}

test_passes_its_test() {
        passes_its_test 'rustc 1\.85\.1' 'cargo 1\.85\.' 'compiled and run by Rust'
}

test_cargo_run_and_build() {
        assert_match "$(example rust-stable/Cargo.toml 2>/dev/null)" $'^ +3 the\n +2 dog\n'
        rnx run --runtime=rust-stable --upload=Cargo.toml --upload=src/ --download=target/debug/words cargo build
        assert_eq "$(echo 'b a b' | rnx run --runtime=rust-stable --upload=words ./words)" $'   2 b\n   1 a'
}

test_cargo_tools() {
        assert_exit 0 in_job --upload=Cargo.toml --upload=src/ 'cargo fmt --check && cargo clippy --offline -- -D warnings && cargo test --offline'
        assert_match "$output" 'test result: ok\.'
}

test_it_sees_nothing_of_the_host() {
        assert_sees_nothing_of_the_host
}

test_output_survives_a_timeout() {
        as_user alice tee epoch.rs <<<'fn main() { println!("epoch 1"); std::thread::sleep(std::time::Duration::from_secs(600)); }' >/dev/null
        assert_prints_at_once --upload=epoch.rs sh -c 'rustc epoch.rs && exec ./epoch'
}

test_lines_of_the_guide_of_runtimes() {
        assert_guide_works
}

test_removed() {
        assert_removed rust:stable
}

run_tests "$@"
