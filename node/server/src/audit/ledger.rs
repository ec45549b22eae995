//! The books of all streams, of the last hour and within a bound: pure.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::ops::Bound;

use ringwatch_frame::{StreamId, TargetId, Tick};

use super::line::{Entry, Line};
use super::record::{Edges, Sheet};
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
    /// Something before this may be missing: an earlier life ended without writing it down.
    whole: i64,
    /// When this life of the node began.
    began: i64,
    /// How often anything was written down.
    changes: u64,
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
    /// When it ended, in nanoseconds since the Unix epoch, by time; it may have begun anew since.
    pub(crate) closings: Vec<i64>,
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
            whole: now.unix_nanos(),
            began: now.unix_nanos(),
            changes: 0,
            swept: now.unix_nanos(),
            forgot: 0,
        }
    }

    /// The books of an earlier life, as far as they are not too old and not too much.
    pub(super) fn resumed(limit: usize, now: Tick, sheet: Sheet) -> Self {
        let mut ledger = Self::new(limit, now);
        let (instant, edges) = (now.unix_nanos(), sheet.edges);
        // Where the clock was set back, what lies ahead of it must not keep the books closed.
        ledger.since = edges.since.max(instant.saturating_sub(KEEP)).min(instant);
        if edges.ended {
            ledger.whole = edges.whole.min(instant);
        }
        let latest = instant.saturating_add(AHEAD);
        for account in sheet.accounts {
            let line = Line::resumed(account.step, account.closings, account.runs, latest);
            let lines = ledger.lines.entry(account.target).or_default();
            lines.insert(account.stream, line);
        }
        ledger.sweep(ledger.since);
        ledger.shrink(instant);
        ledger
    }

    /// Writes ticks down. Gives whether something had to be forgotten for it.
    pub(super) fn write(&mut self, target: &TargetId, stream: &StreamId, entry: Entry, now: Tick) -> bool {
        self.change(target, stream, entry.last, now, |line| line.write(entry))
    }

    /// As [`write`](Self::write), with all ticks since the last one that is known.
    pub(super) fn fill(&mut self, target: &TargetId, stream: &StreamId, entry: Entry, now: Tick) -> bool {
        let began = self.began;
        self.change(target, stream, entry.last, now, |line| line.fill(entry, began))
    }

    /// The stream begins after this tick, which was nobody's to read.
    pub(super) fn begin(&mut self, target: &TargetId, stream: &StreamId, before: i64, now: Tick) -> bool {
        self.change(target, stream, before, now, |line| line.begin(before))
    }

    /// The frame of a tick has ended.
    pub(super) fn ended(&mut self, target: &TargetId, stream: &StreamId, tick: Tick, end: End) {
        let line = self.lines.get_mut(target).and_then(|lines| lines.get_mut(stream));
        if let Some(line) = line {
            let before = line.len();
            line.ended(tick.unix_nanos(), end);
            self.changes += 1;
            self.runs = (self.runs + line.len()).saturating_sub(before);
        }
    }

    /// The stream is gone.
    pub(super) fn close(&mut self, target: &TargetId, stream: &StreamId, now: Tick) {
        let line = self.lines.get_mut(target).and_then(|lines| lines.get_mut(stream));
        if let Some(line) = line {
            line.close(now.unix_nanos());
            self.changes += 1;
        }
    }

    /// The streams are gone of targets that are not `configured`, which is sorted.
    pub(super) fn keep_open(&mut self, configured: &[TargetId], now: Tick) {
        let targets = self.lines.iter_mut();
        let gone = targets.filter(|(target, _)| configured.binary_search(target).is_err());
        let lines = gone.flat_map(|(_, lines)| lines.values_mut());
        for line in lines.filter(|line| !line.is_closed()) {
            line.close(now.unix_nanos());
            self.changes += 1;
        }
    }

    /// From when on they are whole.
    pub(super) fn whole(&self, now: Tick) -> i64 {
        self.whole.max(self.since(now))
    }

    /// How often anything was written down since the start.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// What the next life has to know beside the streams. `ended`: nothing will be written down any more.
    pub(super) fn edges(&self, now: Tick, ended: bool) -> Edges {
        Edges {
            since: self.since(now),
            whole: self.whole(now),
            ended,
        }
    }

    /// All that is known of the first target after this one.
    pub(super) fn after(&self, target: Option<&TargetId>, now: Tick) -> Option<(TargetId, Vec<Account>)> {
        let from = target.map_or(Bound::Unbounded, Bound::Excluded);
        let (target, lines) = self.lines.range::<TargetId, _>((from, Bound::Unbounded)).next()?;
        let accounts = of_target(target, lines, self.since(now), i64::MAX);
        Some((target.clone(), accounts.collect()))
    }

    /// Nothing before this is remembered.
    fn since(&self, now: Tick) -> i64 {
        self.since.max(now.unix_nanos().saturating_sub(KEEP))
    }

    /// What is known of the ticks from one instant up to and without another.
    pub(super) fn between(&self, from: i64, to: i64) -> Vec<Account> {
        let lines = self.lines.iter();
        lines
            .flat_map(|(target, lines)| of_target(target, lines, from, to))
            .collect()
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
            self.changes += 1;
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

/// What is known of the streams of one target in a range of time.
fn of_target(
    target: &TargetId,
    lines: &BTreeMap<StreamId, Line>,
    from: i64,
    to: i64,
) -> impl Iterator<Item = Account> {
    let lines = lines.iter().map(move |(stream, line)| Account {
        target: target.clone(),
        stream: stream.clone(),
        step: line.step,
        closings: line.closings(from.saturating_sub(line.step), to),
        runs: line.between(from, to),
    });
    lines.filter(|account| !account.runs.is_empty())
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
