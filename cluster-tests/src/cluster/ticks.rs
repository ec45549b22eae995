//! The ticks that the receiver holds, whoever collected them.

use std::collections::{BTreeMap, BTreeSet};

use crate::sink::Ledger;

/// A second, in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// The event of the activity stream.
pub const ACTIVITY: &str = "db.server.query_sample";

/// The event of the statements stream.
pub const STATEMENTS: &str = "db.server.top_query";

/// The ticks of an event of a target. Every tick must have a record for this to be all of them: a session that is
/// never idle sees to that for the activity stream.
pub fn of_event(ledger: &Ledger, target: &str, event: &str) -> BTreeSet<u64> {
    ledger.of_event(target, event).map(|record| record.time).collect()
}

/// The ticks that are missing between the first and the last of these.
pub fn holes(ticks: &BTreeSet<u64>, interval: u64) -> Vec<u64> {
    let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else {
        return Vec::new();
    };
    let mut holes = Vec::new();
    let mut tick = *first;
    while tick < *last {
        tick += interval;
        if !ticks.contains(&tick) {
            holes.push(tick);
        }
    }
    holes
}

/// The ticks of the metric streams of a target by phase, which is another one for each stream.
pub fn of_metrics(ledger: &Ledger, target: &str, interval: u64) -> BTreeMap<u64, BTreeSet<u64>> {
    let mut streams: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    let series = ledger.series.iter().filter(|(id, _)| id.target == target);
    for time in series.flat_map(|(_, series)| series.points.keys()) {
        streams.entry(time % interval).or_default().insert(*time);
    }
    streams
}

/// What is missing of these targets: of the activity stream each second, and of metrics each `metrics` nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Ticks of the activity stream by target; targets that lack none are left out.
    pub activity: BTreeMap<String, Vec<u64>>,
    /// Ticks of metric streams by target; targets that lack none are left out.
    pub metrics: BTreeMap<String, Vec<u64>>,
}

impl Missing {
    /// Looks at the targets.
    pub fn of(ledger: &Ledger, targets: &[String], metrics: u64) -> Self {
        let mut missing = Self::default();
        for target in targets {
            let activity = holes(&of_event(ledger, target, ACTIVITY), SECOND);
            if !activity.is_empty() {
                missing.activity.insert(target.clone(), activity);
            }
            let streams = of_metrics(ledger, target, metrics);
            let ticks: Vec<u64> = streams.values().flat_map(|ticks| holes(ticks, metrics)).collect();
            if !ticks.is_empty() {
                missing.metrics.insert(target.clone(), ticks);
            }
        }
        missing
    }

    /// How many ticks of the activity stream.
    pub fn activity_count(&self) -> usize {
        self.activity.values().map(Vec::len).sum()
    }

    /// How many ticks of metric streams.
    pub fn metrics_count(&self) -> usize {
        self.metrics.values().map(Vec::len).sum()
    }
}

/// The calls of the statements of a target whose text begins so, each record once.
pub fn calls(ledger: &Ledger, target: &str, text: &str) -> i64 {
    let of_target = ledger.statements.iter().filter(|((t, _), _)| t == target);
    of_target
        .filter(|(_, sum)| sum.text.starts_with(text))
        .map(|(_, sum)| sum.calls)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_between_the_first_and_the_last() {
        let table: [(&[u64], &[u64]); 4] = [
            (&[], &[]),
            (&[13], &[]),
            (&[13, 23, 33], &[]),
            (&[13, 43, 53], &[23, 33]),
        ];
        for (ticks, wanted) in table {
            assert_eq!(holes(&ticks.iter().copied().collect(), 10), wanted, "{ticks:?}");
        }
    }
}
