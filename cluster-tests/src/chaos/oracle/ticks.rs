//! The receiver's side: every tick of every stream of every target once, and as one reading.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::cluster::ticks::{ACTIVITY, SECOND, holes};
use crate::sink::Ledger;

/// A time in which ticks may be missing, in nanoseconds since 1970: nobody could reach the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excuse {
    /// From this tick on.
    pub from: u64,
    /// To this one.
    pub to: u64,
}

impl Excuse {
    fn holds(self, tick: u64) -> bool {
        (self.from..=self.to).contains(&tick)
    }
}

/// What the receiver's books say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// Ticks of the activity stream that came.
    pub activity: u64,
    /// Those that did not, by target; without those that are excused.
    pub missing: BTreeMap<String, Vec<u64>>,
    /// Ticks of streams of metrics that did not come, by target; without those that are excused.
    pub missing_metrics: BTreeMap<String, BTreeSet<u64>>,
    /// Missing ticks that are excused.
    pub excused: u64,
    /// Points and records that came again byte for byte.
    pub repeats: u64,
    /// The ticks of which something came again, byte for byte or not.
    pub repeated_ticks: u64,
    /// The requests of which something came again.
    pub repeated_requests: u64,
    /// Points and records that tell of a tick otherwise than what came first: two readings of one tick.
    pub conflicts: u64,
    /// The first of these, in words.
    pub contradictions: Vec<String>,
}

impl Ticks {
    /// Looks at the activity of each second of these targets, and at all metrics.
    pub fn of(ledger: &Ledger, targets: &[String], excuses: &[Excuse]) -> Self {
        let excused = |tick: u64| excuses.iter().any(|excuse| excuse.holds(tick));
        let mut all = Self {
            conflicts: ledger.conflicts(),
            contradictions: ledger.repeats.contradictions.clone(),
            repeated_ticks: ledger.repeats.ticks.len() as u64,
            repeated_requests: ledger.repeats.requests.len() as u64,
            ..Self::default()
        };
        all.repeats = ledger.doubles() - ledger.series.values().map(|s| s.conflicts).sum::<u64>();
        for target in targets {
            let key = (target.clone(), ACTIVITY.to_owned());
            let Some(came) = ledger.event_times.get(&key) else {
                all.missing.insert(target.clone(), vec![0]);
                continue;
            };
            all.activity += came.len() as u64;
            let (forgiven, missing): (Vec<u64>, Vec<u64>) =
                holes(came, SECOND).into_iter().partition(|tick| excused(*tick));
            all.excused += forgiven.len() as u64;
            if !missing.is_empty() {
                all.missing.insert(target.clone(), missing);
            }
        }
        all.look_at_metrics(ledger, excused);
        all
    }

    fn look_at_metrics(&mut self, ledger: &Ledger, excused: impl Fn(u64) -> bool) {
        let mut forgiven = BTreeSet::new();
        for gap in ledger.gaps() {
            let mut tick = gap.from + gap.interval;
            while tick < gap.to {
                if excused(tick) {
                    forgiven.insert((gap.series.target.clone(), tick));
                } else {
                    let of_target = self.missing_metrics.entry(gap.series.target.clone());
                    of_target.or_default().insert(tick);
                }
                tick += gap.interval;
            }
        }
        self.excused += forgiven.len() as u64;
    }

    /// Missing ticks of the activity stream.
    pub fn missing_count(&self) -> usize {
        self.missing.values().map(Vec::len).sum()
    }

    /// Missing ticks of streams of metrics.
    pub fn missing_metrics_count(&self) -> usize {
        self.missing_metrics.values().map(BTreeSet::len).sum()
    }

    /// Whether no tick is missing.
    pub fn complete(&self) -> bool {
        self.missing.is_empty() && self.missing_metrics.is_empty()
    }

    /// Refuses two readings of one tick, and repeats of more than `most` requests.
    ///
    /// # Errors
    /// There are.
    pub fn ensure_single(&self, most: u64) -> Result<()> {
        ensure!(
            self.conflicts == 0,
            "{} points or records say of a tick what another one said otherwise, the first: {:?}",
            self.conflicts,
            self.contradictions
        );
        ensure!(
            self.repeated_requests <= most,
            "of {} requests something came twice, of at most {most} it may: {} points or records of {} ticks",
            self.repeated_requests,
            self.repeats,
            self.repeated_ticks
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Memory;

    #[test]
    fn holes_are_missing_unless_they_are_excused() {
        let mut ledger = Ledger::new(Memory::OF_A_TEST);
        let key = ("x:1".to_owned(), ACTIVITY.to_owned());
        let came = [1, 2, 5, 6, 8].map(|n| n * SECOND);
        ledger.event_times.insert(key, came.into());
        let targets = ["x:1".to_owned()];
        let ticks = Ticks::of(&ledger, &targets, &[]);
        assert_eq!(
            ticks.missing,
            [("x:1".to_owned(), [3, 4, 7].map(|n| n * SECOND).to_vec())].into()
        );
        let excuse = Excuse {
            from: 3 * SECOND,
            to: 4 * SECOND,
        };
        let ticks = Ticks::of(&ledger, &targets, &[excuse]);
        assert_eq!((ticks.missing_count(), ticks.excused, ticks.activity), (1, 2, 5));
        assert!(!ticks.complete());
        assert!(!Ticks::of(&ledger, &["y:1".to_owned()], &[]).complete());
    }
}
