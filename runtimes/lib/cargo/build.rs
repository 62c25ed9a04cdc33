// SPDX-License-Identifier: LGPL-2.1-or-later
use std::{env, process::Command};

fn main() {
    let out = env::var("OUT_DIR").unwrap();
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).args(args).status().unwrap().success())
    };
    run(
        "cc",
        &[
            "-O2",
            "-c",
            "src/answer.c",
            "-o",
            &format!("{out}/answer.o"),
        ],
    );
    run(
        "ar",
        &[
            "rcs",
            &format!("{out}/libcanswer.a"),
            &format!("{out}/answer.o"),
        ],
    );
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rerun-if-changed=src/answer.c");
}
