//! The book of one stream: pure.

use std::collections::VecDeque;

use super::run::{End, Run, What};

/// The most ticks that are written down at once: those of an hour at the shortest interval.
const MOST: u32 = 36_000;
/// The most ends of a stream that are remembered.
const MOST_CLOSINGS: usize = 64;

/// What became of the ticks of one stream.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// By time; none lies within another.
    runs: VecDeque<Run>,
    /// The stream's interval in nanoseconds, as it was told last; 0: not known.
    pub(super) step: i64,
    /// When nothing more of it was to be read: its database was dropped, or its target is configured no more. By time; it
    /// may have begun anew since.
    closings: VecDeque<i64>,
    /// After this tick it began, as its owner told.
    began: Option<i64>,
}

/// Ticks that end alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The last of them.
    pub(super) last: i64,
    /// How many.
    pub(super) count: u32,
    /// Nanoseconds between two; 0: not known.
    pub(super) step: i64,
    pub(super) what: What,
    pub(super) end: End,
    pub(super) epoch: u64,
}

impl Line {
    /// What an earlier life of the node wrote down, without ticks after `latest`. What was on its way then has
    /// nobody here any more who would say how it ends.
    pub(super) fn resumed(step: i64, closings: Vec<i64>, runs: Vec<Run>, latest: i64) -> Self {
        let mut line = Self {
            runs: VecDeque::with_capacity(runs.len()),
            step: step.max(0),
            closings: closings
                .into_iter()
                .filter(|closing| *closing <= latest)
                .collect(),
            began: None,
        };
        for mut run in runs {
            let is_one = run.count == 1 && run.step >= 0 || run.count > 1 && run.step > 0;
            let follows = line.runs.back().is_none_or(|back| back.last() < run.first);
            if !is_one || !follows || run.last() > latest {
                continue;
            }
            if run.end == End::Pending {
                run.end = End::Unknown;
            }
            line.push(run);
        }
        line
    }

    /// How many runs it has.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// It begins after this tick. Of one that is known here, and has not ended, the ticks in between were due.
    pub(super) fn begin(&mut self, before: i64) {
        if self.runs.is_empty() || self.is_closed() {
            self.began = Some(before);
        }
    }

    /// Nothing more is read of it from this instant on.
    pub(super) fn close(&mut self, now: i64) {
        if self.is_closed() {
            return;
        }
        if self.closings.back().is_none_or(|last| *last < now) {
            self.closings.push_back(now);
        }
        if self.closings.len() > MOST_CLOSINGS {
            self.closings.pop_front();
        }
    }

    /// Whether it ended, and nothing was read of it since.
    pub(super) fn is_closed(&self) -> bool {
        let last = self.runs.back().map_or(i64::MIN, Run::last);
        self.closings.back().is_some_and(|closing| *closing >= last)
    }

    /// When it ended in a range of time, this first instant and the last one included.
    pub(super) fn closings(&self, from: i64, to: i64) -> Vec<i64> {
        let within = |closing: &&i64| (from..=to).contains(*closing);
        self.closings.iter().filter(within).copied().collect()
    }

    /// Writes ticks down. What is known of one already is kept, as far as it says more.
    pub(super) fn write(&mut self, entry: Entry) {
        if entry.step > 0 {
            self.step = entry.step;
        }
        let count = if self.step > 0 {
            entry.count.clamp(1, MOST)
        } else {
            1
        };
        let first = entry
            .last
            .saturating_sub(self.step.saturating_mul(i64::from(count) - 1));
        if self.runs.back().is_none_or(|run| run.last() < first) {
            self.push(Run {
                first,
                step: self.step,
                count,
                what: entry.what,
                end: entry.end,
                epoch: entry.epoch,
            });
            return;
        }
        for place in 0..count {
            let tick = first.saturating_add(self.step.saturating_mul(i64::from(place)));
            self.write_one(tick, entry);
        }
    }

    /// The ticks after the last one that is known, up to and including the one of `entry`, are as it says. None
    /// before `floor` is: nobody listened then.
    pub(super) fn fill(&mut self, entry: Entry, floor: i64) {
        let written = self.runs.back().map(Run::last);
        let known = written.max(self.closings.back().copied()).max(self.began);
        let since = known.map_or(0, |known| entry.last.saturating_sub(known.max(floor)));
        let count = if self.step > 0 { since / self.step } else { 1 };
        let count = u32::try_from(count).unwrap_or(1).max(1);
        self.write(Entry { count, ..entry });
    }

    /// The frame of a tick has ended. Nothing happens where the tick is not known any more.
    pub(super) fn ended(&mut self, tick: i64, end: End) {
        if let Some((at, place)) = self.find(tick) {
            self.change(at, place, |run| run.end = run.end.and(end));
        }
    }

    /// Forgets what lies before the instant.
    pub(super) fn cut(&mut self, horizon: i64) {
        self.closings.retain(|closing| *closing >= horizon);
        while let Some(front) = self.runs.front_mut().filter(|run| run.first < horizon) {
            let (_, rest) = front.split(front.before(horizon));
            match rest {
                Some(rest) => {
                    *front = rest;
                    return;
                }
                None => drop(self.runs.pop_front()),
            }
        }
    }

    /// The ticks from one instant up to and without another.
    pub(super) fn between(&self, from: i64, to: i64) -> Vec<Run> {
        let runs = self.runs.iter().filter_map(|run| {
            let (rest, _) = run.split(run.before(to));
            let (_, rest) = rest?.split(run.before(from));
            rest
        });
        runs.collect()
    }

    fn push(&mut self, run: Run) {
        match self.runs.back_mut() {
            Some(back) => match back.joined(&run) {
                Some(joined) => *back = joined,
                None => self.runs.push_back(run),
            },
            None => self.runs.push_back(run),
        }
    }

    fn write_one(&mut self, tick: i64, entry: Entry) {
        if let Some((at, place)) = self.find(tick) {
            let step = self.step;
            self.change(at, place, |run| {
                let what = run.what.or(entry.what);
                if what != run.what {
                    run.what = what;
                    run.epoch = entry.epoch;
                }
                run.end = run.end.and(entry.end);
                run.step = if run.count == 1 { step } else { run.step };
            });
            return;
        }
        let at = self.runs.partition_point(|run| run.first <= tick);
        // Where it falls between two ticks of a run, that one is parted.
        if let Some(before) = at.checked_sub(1).and_then(|before| self.runs.get_mut(before))
            && before.last() > tick
        {
            let (head, tail) = before.split(before.before(tick));
            if let (Some(head), Some(tail)) = (head, tail) {
                *before = head;
                self.runs.insert(at, tail);
            }
        }
        let run = Run::one(tick, self.step, entry.what, entry.end, entry.epoch);
        self.runs.insert(at, run);
        self.join(at);
    }

    /// The run with this tick, and how many ticks of it lie before.
    fn find(&self, tick: i64) -> Option<(usize, u32)> {
        let at = self
            .runs
            .partition_point(|run| run.first <= tick)
            .checked_sub(1)?;
        let place = self.runs.get(at)?.place(tick)?;
        Some((at, place))
    }

    /// Changes one tick of the run at `at`.
    fn change(&mut self, at: usize, place: u32, change: impl FnOnce(&mut Run)) {
        let Some(run) = self.runs.get(at).copied() else {
            return;
        };
        let (before, rest) = run.split(place);
        let Some((Some(mut one), after)) = rest.map(|rest| rest.split(1)) else {
            return;
        };
        let was = one;
        change(&mut one);
        if was == one {
            return;
        }
        let mut middle = at;
        if let Some(slot) = self.runs.get_mut(at) {
            *slot = one;
        }
        if let Some(before) = before {
            self.runs.insert(at, before);
            middle += 1;
        }
        if let Some(after) = after {
            self.runs.insert(middle + 1, after);
        }
        self.join(middle);
    }

    /// Joins the run at `at` with its neighbours, where they go on alike.
    fn join(&mut self, at: usize) {
        for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            let pair = self.runs.get(left).zip(self.runs.get(left + 1));
            if let Some(joined) = pair.and_then(|(left, right)| left.joined(right)) {
                self.runs.remove(left + 1);
                if let Some(slot) = self.runs.get_mut(left) {
                    *slot = joined;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
