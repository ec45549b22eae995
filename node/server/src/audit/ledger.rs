//! The books of all streams, of the last hour and within a bound: pure.

use std::collections::BTreeMap;
use std::mem::size_of;

use ringwatch_frame::{StreamId, TargetId, Tick};

use super::line::{Entry, Line};
use super::run::{End, Run};

/// How long ticks are remembered, in nanoseconds.
pub(super) const KEEP: i64 = 3600 * 1_000_000_000;
/// A tick that lies further ahead is no tick.
const AHEAD: i64 = 24 * KEEP;
/// What a stream takes beside its runs, in bytes: its names and its place.
const LINE: usize = 256;
/// How often all streams are looked through for what is too old, in nanoseconds.
const SWEEP: i64 = 60 * 1_000_000_000;

/// The books of a node.
#[derive(Debug)]
pub(super) struct Ledger {
    lines: BTreeMap<TargetId, BTreeMap<StreamId, Line>>,
    runs: usize,
    streams: usize,
    /// How much it may hold, in bytes.
    limit: usize,
    /// Nothing before this is remembered, because it began then or because there was too much.
    since: i64,
    swept: i64,
    /// How often it forgot what is not an hour old.
    pub(super) forgot: u64,
}

/// What is known of one stream in a range of time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) target: TargetId,
    pub(crate) stream: StreamId,
    /// Nanoseconds between two ticks; 0: not known.
    pub(crate) step: i64,
    /// When the stream ended here for good.
    pub(crate) closed: Option<i64>,
    pub(crate) runs: Vec<Run>,
}

impl Ledger {
    /// Empty books, which begin `now` and hold so many bytes at most.
    pub(super) fn new(limit: usize, now: Tick) -> Self {
        Self {
            lines: BTreeMap::new(),
            runs: 0,
            streams: 0,
            limit,
            since: now.unix_nanos(),
            swept: now.unix_nanos(),
            forgot: 0,
        }
    }

    /// Writes ticks down. Gives whether something had to be forgotten for it.
    pub(super) fn write(&mut self, target: &TargetId, stream: &StreamId, entry: Entry, now: Tick) -> bool {
        self.change(target, stream, entry.last, now, |line| line.write(entry))
    }

    /// As [`write`](Self::write), with all ticks since the last one that is known.
    pub(super) fn fill(&mut self, target: &TargetId, stream: &StreamId, entry: Entry, now: Tick) -> bool {
        self.change(target, stream, entry.last, now, |line| line.fill(entry))
    }

    /// The frame of a tick has ended.
    pub(super) fn ended(&mut self, target: &TargetId, stream: &StreamId, tick: Tick, end: End) {
        let line = self.lines.get_mut(target).and_then(|lines| lines.get_mut(stream));
        if let Some(line) = line {
            let before = line.len();
            line.ended(tick.unix_nanos(), end);
            self.runs = (self.runs + line.len()).saturating_sub(before);
        }
    }

    /// The stream is gone for good.
    pub(super) fn close(&mut self, target: &TargetId, stream: &StreamId, now: Tick) {
        let line = self.lines.get_mut(target).and_then(|lines| lines.get_mut(stream));
        if let Some(line) = line {
            line.closed = Some(now.unix_nanos());
        }
    }

    /// From when on they are whole.
    pub(super) fn since(&self, now: Tick) -> i64 {
        self.since.max(now.unix_nanos().saturating_sub(KEEP))
    }

    /// What is known of the ticks from one instant up to and without another.
    pub(super) fn between(&self, from: i64, to: i64) -> Vec<Account> {
        let lines = self.lines.iter().flat_map(|(target, lines)| {
            lines.iter().map(move |(stream, line)| Account {
                target: target.clone(),
                stream: stream.clone(),
                step: line.step,
                closed: line.closed,
                runs: line.between(from, to),
            })
        });
        lines.filter(|account| !account.runs.is_empty()).collect()
    }

    /// How much it holds, in bytes; about.
    pub(super) fn bytes(&self) -> usize {
        self.runs * size_of::<Run>() + self.streams * LINE
    }

    fn change(
        &mut self,
        target: &TargetId,
        stream: &StreamId,
        tick: i64,
        now: Tick,
        change: impl FnOnce(&mut Line),
    ) -> bool {
        let instant = now.unix_nanos();
        let horizon = self.since(now);
        if tick < horizon || tick > instant.saturating_add(AHEAD) {
            return false;
        }
        if !self.lines.contains_key(target) {
            self.lines.insert(target.clone(), BTreeMap::new());
        }
        let Some(lines) = self.lines.get_mut(target) else {
            return false;
        };
        if !lines.contains_key(stream) {
            lines.insert(stream.clone(), Line::default());
            self.streams += 1;
        }
        if let Some(line) = lines.get_mut(stream) {
            let before = line.len();
            line.cut(horizon);
            change(line);
            self.runs = (self.runs + line.len()).saturating_sub(before);
        }
        if instant.saturating_sub(self.swept) >= SWEEP {
            self.swept = instant;
            self.sweep(horizon);
        }
        self.shrink(instant)
    }

    /// Forgets the oldest quarter of the time until it fits.
    fn shrink(&mut self, now: i64) -> bool {
        if self.bytes() <= self.limit {
            return false;
        }
        let mut span = now.saturating_sub(self.since).clamp(1, KEEP);
        while self.bytes() > self.limit && span > 4 {
            span = span / 4 * 3;
            self.since = now.saturating_sub(span);
            self.sweep(self.since);
        }
        // What is left lies ahead of our clock.
        if self.bytes() > self.limit {
            self.lines.clear();
            (self.runs, self.streams) = (0, 0);
        }
        self.forgot += 1;
        true
    }

    fn sweep(&mut self, horizon: i64) {
        let (mut runs, mut streams) = (0, 0);
        for lines in self.lines.values_mut() {
            lines.retain(|_, line| {
                line.cut(horizon);
                line.len() > 0
            });
            streams += lines.len();
            runs += lines.values().map(Line::len).sum::<usize>();
        }
        self.lines.retain(|_, lines| !lines.is_empty());
        (self.runs, self.streams) = (runs, streams);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::run::What;

    const SECOND: i64 = 1_000_000_000;
    const START: i64 = 1_000_000 * SECOND;

    fn at(seconds: i64) -> Tick {
        Tick::from_unix_nanos(START + seconds * SECOND)
    }

    fn entry(seconds: i64, epoch: u64) -> Entry {
        Entry {
            last: at(seconds).unix_nanos(),
            count: 1,
            step: SECOND,
            what: What::Collected,
            end: End::Pending,
            epoch,
        }
    }

    #[test]
    fn an_hour_is_kept_and_streams_that_are_gone_go_with_it() {
        let mut ledger = Ledger::new(1 << 20, at(0));
        let (a, b) = (TargetId::from_name("a"), TargetId::from_name("b"));
        let stream = StreamId::of_server("s");
        ledger.write(&b, &stream, entry(1, 1), at(1));
        ledger.ended(&b, &stream, at(1), End::Delivered);
        ledger.close(&b, &stream, at(2));
        let first = ledger.between(at(0).unix_nanos(), at(9).unix_nanos());
        assert_eq!((first.len(), first[0].closed), (1, Some(at(2).unix_nanos())));
        for second in 1..=4000 {
            ledger.write(&a, &stream, entry(second, 1), at(second));
        }
        let all = ledger.between(i64::MIN, i64::MAX);
        assert_eq!(all.len(), 1, "nothing is left of the other");
        assert_eq!(all[0].runs.iter().map(|run| run.count).sum::<u32>(), 3601);
        assert_eq!(ledger.since(at(4000)), at(400).unix_nanos());
        assert!(!ledger.write(&a, &stream, entry(10, 1), at(4000)), "too old");
        assert!(
            !ledger.write(&a, &stream, entry(1_000_000, 1), at(4000)),
            "no tick"
        );
        assert_eq!(ledger.between(i64::MIN, i64::MAX), all);
    }

    #[test]
    fn what_is_too_much_is_forgotten_from_the_oldest_on_and_said() {
        let limit = 100 * size_of::<Run>() + LINE;
        let mut ledger = Ledger::new(limit, at(0));
        let (target, stream) = (TargetId::from_name("a"), StreamId::of_server("s"));
        for second in 1..=1000_i64 {
            // No two alike, so that each is a run.
            let epoch = second.unsigned_abs();
            ledger.write(&target, &stream, entry(second, epoch), at(second));
            assert!(ledger.bytes() <= limit, "{second}");
        }
        let kept = ledger.between(i64::MIN, i64::MAX);
        let runs = &kept[0].runs;
        assert!(runs.len() > 50, "{}", runs.len());
        assert_eq!(runs.last().map(|run| run.first), Some(at(1000).unix_nanos()));
        assert!(runs[0].first >= ledger.since(at(1000)));
        assert!(ledger.forgot > 0 && ledger.since(at(1000)) > at(0).unix_nanos());
    }
}
