//! What happened in all runs, so that a run in which nothing did is not taken for a good one.

use std::collections::BTreeMap;
use std::fmt;

use crate::world::World;

#[derive(Default)]
pub(crate) struct Figures {
    runs: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Figures {
    pub(crate) fn of(world: &World) -> Self {
        let books = world.oracle.books();
        let mut counts = books.counts.clone();
        let (calls, lost) = world.network.counts();
        counts.insert("calls", calls);
        counts.insert("lost calls", lost);
        counts.insert("acknowledged writes", books.acknowledged.len() as u64);
        counts.insert("terms with a leader", books.leaders.len() as u64);
        counts.insert("indexes compared", books.digests.len() as u64);
        Self { runs: 1, counts }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs", self.runs)?;
        self.counts
            .iter()
            .try_for_each(|(what, count)| write!(f, ", {count} {what}"))
    }
}
