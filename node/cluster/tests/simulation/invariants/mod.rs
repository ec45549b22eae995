//! What must be true of every run, one file each.

pub(crate) mod chains;
pub(crate) mod fenced;
pub(crate) mod gaps;
pub(crate) mod reasons;
pub(crate) mod settled;

use ringwatch_frame::Tick;

use crate::oracle::Books;
use crate::story::Story;

/// All that is wrong with a run that ended at `end`.
pub(crate) fn verdict(story: &Story, books: &Books, end: Tick) -> Vec<String> {
    let mut faults = gaps::faults(story, books, end);
    faults.extend(chains::faults(story, books));
    faults.extend(fenced::faults(story, books));
    faults.extend(reasons::faults(books));
    faults.truncate(12);
    faults
}
