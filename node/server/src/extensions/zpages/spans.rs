//! What is known of spans: by name, how many are open, how long those that ended took, and a few of each
//! kind.
//!
//! Names are those of the program's own spans, so there are as many as it has; of each a fixed number is
//! kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_frame::Tick;
use tokio::time::Instant;

/// So many of each kind are kept, the latest.
const SAMPLES: usize = 8;
/// So many open ones can be shown.
const OPEN: usize = 32;
/// From here on a span is in the next bucket.
pub(super) const BOUNDS: [Duration; 8] = [
    Duration::from_micros(10),
    Duration::from_micros(100),
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(100),
];
/// How many buckets that makes.
pub(super) const BUCKETS: usize = BOUNDS.len() + 1;

/// A span that ended, or one that is open and took so long until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) began: Tick,
    pub(super) took: Duration,
    /// Its fields as text.
    pub(super) fields: String,
    /// What was said in it as a warning or an error, at last.
    pub(super) fault: Option<String>,
}

/// Which spans of a name are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Running,
    /// Those that ended, by how long they took.
    Took(usize),
    Faulty,
}

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) name: &'static str,
    pub(super) running: u64,
    pub(super) took: [u64; BUCKETS],
    pub(super) faulty: u64,
}

/// The table of all spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpanTable(Arc<Mutex<BTreeMap<&'static str, Family>>>);

#[derive(Debug, Default)]
struct Family {
    running: u64,
    open: BTreeMap<u64, Open>,
    took: [Bucket; BUCKETS],
    faulty: Bucket,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    began: Tick,
    fields: String,
}

#[derive(Debug, Default)]
struct Bucket {
    count: u64,
    latest: VecDeque<Sample>,
}

impl Bucket {
    fn add(&mut self, sample: Sample) {
        self.count += 1;
        if self.latest.len() >= SAMPLES {
            self.latest.pop_front();
        }
        self.latest.push_back(sample);
    }
}

impl SpanTable {
    /// A span began.
    pub(super) fn opened(&self, name: &'static str, id: u64, since: Instant, began: Tick, fields: &str) {
        self.with(|families| {
            let family = families.entry(name).or_default();
            family.running += 1;
            if family.open.len() < OPEN {
                let fields = fields.to_owned();
                family.open.insert(id, Open { since, began, fields });
            }
        });
    }

    /// A span ended.
    pub(super) fn closed(&self, name: &'static str, id: u64, sample: Sample) {
        self.with(|families| {
            let family = families.entry(name).or_default();
            family.running = family.running.saturating_sub(1);
            family.open.remove(&id);
            if sample.fault.is_some() {
                family.faulty.add(sample.clone());
            }
            let bucket = bucket_of(sample.took);
            if let Some(bucket) = family.took.get_mut(bucket) {
                bucket.add(sample);
            }
        });
    }

    /// All names.
    pub(super) fn summary(&self) -> Vec<Summary> {
        let line = |(name, family): (&&'static str, &Family)| Summary {
            name,
            running: family.running,
            took: std::array::from_fn(|at| family.took.get(at).map_or(0, |bucket| bucket.count)),
            faulty: family.faulty.count,
        };
        self.with(|families| families.iter().map(line).collect())
    }

    /// Those that are kept of a kind, the latest first. `None`: nothing has this name.
    pub(super) fn samples(&self, name: &str, kind: Kind) -> Option<Vec<Sample>> {
        let latest = |bucket: &Bucket| bucket.latest.iter().rev().cloned().collect();
        self.with(|families| {
            let family = families.get(name)?;
            Some(match kind {
                Kind::Running => family.open.values().rev().map(Open::sample).collect(),
                Kind::Took(at) => latest(family.took.get(at)?),
                Kind::Faulty => latest(&family.faulty),
            })
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<&'static str, Family>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Open {
    fn sample(&self) -> Sample {
        Sample {
            began: self.began,
            took: self.since.elapsed(),
            fields: self.fields.clone(),
            fault: None,
        }
    }
}

/// The bucket of what took so long.
pub(super) fn bucket_of(took: Duration) -> usize {
    BOUNDS.iter().take_while(|bound| took >= **bound).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(millis: u64, fault: Option<&str>) -> Sample {
        Sample {
            began: Tick::from_unix_nanos(i64::try_from(millis).unwrap()),
            took: Duration::from_millis(millis),
            fields: String::new(),
            fault: fault.map(Into::into),
        }
    }

    #[test]
    fn a_bucket_begins_at_its_bound() {
        for (micros, bucket) in [
            (0, 0),
            (9, 0),
            (10, 1),
            (999, 2),
            (1_000, 3),
            (99_999_999, 7),
            (100_000_000, 8),
        ] {
            assert_eq!(bucket_of(Duration::from_micros(micros)), bucket, "{micros}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fixed_number_is_kept_and_all_are_counted() {
        let table = SpanTable::default();
        let now = Instant::now();
        for id in 0..1000 {
            table.opened("tick", id, now, Tick::from_unix_nanos(0), "target=a");
        }
        tokio::time::advance(Duration::from_secs(3)).await;
        let running = table.samples("tick", Kind::Running).unwrap();
        assert_eq!((running.len(), running[0].took), (OPEN, Duration::from_secs(3)));
        for id in 0..999 {
            table.closed("tick", id, sample(20 + id % 2, (id == 5).then_some("no answer")));
        }
        let summary = table.summary();
        assert_eq!(
            (summary[0].running, summary[0].took[4], summary[0].faulty),
            (1, 999, 1)
        );
        assert_eq!(table.samples("tick", Kind::Took(4)).unwrap().len(), SAMPLES);
        assert_eq!(
            table.samples("tick", Kind::Faulty).unwrap(),
            [sample(21, Some("no answer"))]
        );
        assert!(table.samples("tick", Kind::Running).unwrap().len() <= 1);
        assert_eq!(table.samples("tock", Kind::Running), None);
        assert_eq!(table.samples("tick", Kind::Took(BUCKETS)), None);
    }
}
