//! Epochs only rise: from one reading of a lane to the next, and from one tick of a stream to the next, whoever read it.
//! Two lanes of a process may have asked for theirs just before and just after it rose. And nothing is claimed without the
//! group, but for the seconds that an election takes.
//!
//! Where the network is cut a target may have two owners, one of them under an old number.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::oracle::Books;
use crate::story::{Kind, Story};

/// So long nodes claim after the group was lost.
const GRACE: Duration = Duration::from_secs(5);
/// What a look at the group may be late.
const LATE: Duration = Duration::from_millis(100);

pub(crate) fn faults(story: &Story, books: &Books) -> Vec<String> {
    let mut faults = Vec::new();
    let mut last: BTreeMap<_, u64> = BTreeMap::new();
    for issued in &books.issued {
        let before = last
            .insert((&issued.by, &issued.series), issued.epoch)
            .unwrap_or(0);
        if issued.epoch < before || issued.epoch == 0 {
            faults.push(format!("the epoch falls from {before}: {issued:?}"));
        }
    }
    if !matches!(story.kind, Kind::Everything | Kind::Cuts) {
        for (series, ticks) in &books.delivered {
            let epochs = ticks
                .iter()
                .flat_map(|(tick, frames)| frames.iter().map(move |frame| (frame.epoch, tick)));
            let epochs: Vec<_> = epochs.collect();
            let falls = epochs.windows(2).filter(|pair| pair[1].0 < pair[0].0);
            faults.extend(falls.map(|pair| format!("{series:?}: the epoch falls: {pair:?}")));
        }
    }
    let alone = books.claims.iter().filter(|claim| claim.without > GRACE + LATE);
    faults.extend(alone.map(|claim| format!("claimed without the group: {claim:?}")));
    faults
}
