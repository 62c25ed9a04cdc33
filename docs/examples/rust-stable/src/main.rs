use std::collections::BTreeMap;
use std::io::{self, Read};

/// Counts words of the standard input, most frequent first.
fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    if text.is_empty() {
        text = "the quick brown fox jumps over the lazy dog, and the dog sleeps on".into();
    }
    let mut counts = BTreeMap::new();
    for word in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
    {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(word, n)| (std::cmp::Reverse(*n), word.clone()));
    for (word, n) in counts.iter().take(3) {
        println!("{n:4} {word}");
    }
    Ok(())
}
