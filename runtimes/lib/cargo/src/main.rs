// SPDX-License-Identifier: LGPL-2.1-or-later
use derive::Named;

#[derive(Named)]
struct Answer;

#[link(name = "canswer", kind = "static")]
extern "C" {
    fn c_answer() -> i32;
}

fn answer() -> i32 {
    std::thread::spawn(|| (1..=6).map(|n| n * 2).sum())
        .join()
        .unwrap()
}

fn main() {
    let from_c = unsafe { c_answer() };
    println!(
        "answer: {}, from C: {}, derived: {}",
        answer(),
        from_c,
        Answer::NAME
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn answers() {
        assert_eq!(super::answer(), 42);
    }
}
