//! No harm: a target has one owner at a time, and nobody covers it but its standby.

use crate::invariants::windows::Windows;
use crate::oracle::Books;
use crate::story::Story;

pub(crate) fn faults(story: &Story, books: &Books) -> Vec<String> {
    let windows = Windows::of(story, books);
    let mut faults = Vec::new();
    for ((series, tick), readers) in &books.read {
        let mut lives: Vec<_> = readers.iter().map(|(life, _)| life).collect();
        lives.sort();
        lives.dedup();
        if lives.len() > 2 && !windows.meet(*tick) {
            faults.push(format!(
                "{series:?} at {tick} was read by more than two: {readers:?}"
            ));
        }
    }
    faults
}
