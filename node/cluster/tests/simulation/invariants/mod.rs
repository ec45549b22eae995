//! What must be true of every run, one file each.

pub(crate) mod chains;
pub(crate) mod epochs;
pub(crate) mod fenced;
pub(crate) mod gaps;
pub(crate) mod reasons;
pub(crate) mod sessions;
pub(crate) mod settled;
pub(crate) mod windows;

use ringwatch_frame::Tick;

use crate::oracle::Books;
use crate::story::Story;

/// All that is wrong with a run that ended at `end`, in which the pins were changed `pinned` times.
pub(crate) fn verdict(story: &Story, books: &Books, end: Tick, pinned: usize) -> Vec<String> {
    let mut faults = gaps::faults(story, books, end);
    faults.extend(chains::faults(story, books));
    faults.extend(sessions::faults(story, books));
    faults.extend(fenced::faults(story, books));
    faults.extend(epochs::faults(story, books));
    faults.extend(reasons::faults(books, pinned));
    faults.truncate(12);
    faults
}
