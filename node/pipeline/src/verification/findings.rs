//! The latest findings.

use std::collections::{HashMap, VecDeque};

use ringwatch_frame::{FrameId, Tick};
use xxhash_rust::xxh3::xxh3_64;

use super::finding::{Check, Finding, FindingId};

/// What recurs within this time, in nanoseconds, is the same finding.
const SAME: i64 = 600 * 1_000_000_000;

/// A finding on its way into the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) subject: String,
    pub(super) message: String,
    pub(super) rows: u64,
    pub(super) score: f64,
    /// The thing, where it is known by more than its subject.
    pub(super) key: Option<u64>,
    pub(super) series: Option<u64>,
    pub(super) value: Option<String>,
}

/// The hash of the thing that a finding is about.
pub(super) fn key_of(id: &FrameId, check: Check, subject: &str) -> u64 {
    xxh3_64(format!("{}\0{}\0{check}\0{subject}", id.target, id.stream).as_bytes())
}

/// The latest findings, the oldest first.
#[derive(Debug)]
pub(super) struct Findings {
    limit: usize,
    list: VecDeque<Finding>,
    /// How many have been let go, so that places in the list can be told by numbers that stay.
    gone: u64,
    by_key: HashMap<u64, u64>,
}

impl Findings {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX).max(1),
            list: VecDeque::new(),
            gone: 0,
            by_key: HashMap::new(),
        }
    }

    /// Notes something; whether it is new. What was there a short time ago goes on.
    pub(super) fn note(&mut self, id: &FrameId, check: Check, draft: Draft) -> bool {
        let key = draft.key.unwrap_or_else(|| key_of(id, check, &draft.subject));
        if let Some(known) = self.get_mut(key)
            && known.ended.is_none()
            && id
                .tick
                .unix_nanos()
                .saturating_sub(known.last.unix_nanos())
                .saturating_abs()
                < SAME
        {
            known.last = known.last.max(id.tick);
            known.rows = known.rows.saturating_add(draft.rows);
            return false;
        }
        if self.list.len() >= self.limit
            && let Some(oldest) = self.list.pop_front()
        {
            if self.by_key.get(&oldest.key) == Some(&self.gone) {
                self.by_key.remove(&oldest.key);
            }
            self.gone += 1;
        }
        self.by_key.insert(key, self.gone + self.list.len() as u64);
        let with_tick = [key.to_le_bytes(), id.tick.unix_nanos().to_le_bytes()].concat();
        self.list.push_back(Finding {
            id: FindingId(xxh3_64(&with_tick)),
            check,
            target: id.target.clone(),
            stream: id.stream.clone(),
            subject: draft.subject,
            message: draft.message,
            at: id.tick,
            last: id.tick,
            ended: None,
            rows: draft.rows,
            score: draft.score,
            verdict: None,
            key,
            series: draft.series,
            value: draft.value,
        });
        true
    }

    /// Ends what is noted of a thing, if it is still there.
    pub(super) fn end(&mut self, key: u64, tick: Tick) {
        if let Some(known) = self.get_mut(key) {
            known.ended.get_or_insert(tick);
        }
    }

    /// Goes on with what is noted of a thing, if it is still there: it was so in one more row.
    pub(super) fn go_on(&mut self, key: u64, tick: Tick) {
        if let Some(known) = self.get_mut(key).filter(|known| known.ended.is_none()) {
            known.last = known.last.max(tick);
            known.rows = known.rows.saturating_add(1);
        }
    }

    /// The finding of this name.
    pub(super) fn find(&mut self, id: FindingId) -> Option<&mut Finding> {
        self.list.iter_mut().rev().find(|finding| finding.id == id)
    }

    /// The latest, the newest first.
    pub(super) fn latest(&self, limit: usize) -> Vec<Finding> {
        self.list.iter().rev().take(limit).cloned().collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    fn get_mut(&mut self, key: u64) -> Option<&mut Finding> {
        let number = self.by_key.get(&key)?.checked_sub(self.gone)?;
        self.list.get_mut(usize::try_from(number).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Epoch, StreamId, TargetId};

    use super::*;

    fn frame(second: i64) -> FrameId {
        FrameId {
            target: TargetId::new("postgresql", "db:5432"),
            stream: StreamId::of_server("postgresql.statements"),
            tick: Tick::from_unix_nanos(second * 1_000_000_000),
            epoch: Epoch(0),
        }
    }

    fn draft(subject: &str) -> Draft {
        Draft {
            subject: subject.to_owned(),
            rows: 2,
            ..Draft::default()
        }
    }

    #[test]
    fn what_recurs_soon_is_one_finding_and_what_recurs_late_is_another() {
        let mut findings = Findings::new(10);
        assert!(findings.note(&frame(0), Check::Range, draft("a")));
        assert!(!findings.note(&frame(30), Check::Range, draft("a")));
        assert!(findings.note(&frame(30), Check::Schema, draft("a")));
        assert!(findings.note(&frame(700), Check::Range, draft("a")));
        let latest = findings.latest(9);
        assert_eq!(
            latest.iter().map(|finding| finding.rows).collect::<Vec<_>>(),
            [2, 2, 4]
        );
        assert_ne!(latest[0].id, latest[2].id);
        let id: FindingId = latest[2].id.to_string().parse().unwrap();
        assert_eq!(findings.find(id).unwrap().at, frame(0).tick);
        for wrong in [
            "",
            "12",
            "zzzzzzzzzzzzzzzz",
            "00000000000000001",
            "+000000000000001",
        ] {
            assert!(wrong.parse::<FindingId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_latest_are_kept() {
        let mut findings = Findings::new(2);
        for (second, subject) in [(0, "a"), (1, "b"), (2, "c"), (3, "b"), (4, "a")] {
            findings.note(&frame(second), Check::Range, draft(subject));
        }
        let latest: Vec<_> = findings
            .latest(9)
            .into_iter()
            .map(|finding| finding.subject)
            .collect();
        assert_eq!(latest, ["a", "c"]);
        assert_eq!((findings.len(), findings.by_key.len()), (2, 2));
        findings.end(key_of(&frame(0), Check::Range, "c"), frame(9).tick);
        assert!(
            findings.note(&frame(10), Check::Range, draft("c")),
            "it had ended"
        );
    }
}
