//! What a sweep over many seeds shows beside that nothing is wrong.

use std::fmt;
use std::time::Duration;

use ringwatch_frame::Tick;

use crate::collector::schedule;
use crate::oracle::{Books, shifted};
use crate::story::{Fault, Kind, Story};

#[derive(Debug, Default)]
pub(crate) struct Figures {
    runs: usize,
    faults: usize,
    frames: usize,
    /// Frames that arrived once more, the same row for row.
    again: usize,
    moves: usize,
    /// Targets that were claimed, and the longest time that one was claimed without the group.
    claims: usize,
    without: Duration,
    /// Views in which the pins changed.
    pinned: usize,
    /// From a kill until the next reading of a target that it hit.
    silences: Vec<Duration>,
    /// Ticks that are missing in runs with kills, by the interval of their stream.
    missed: [usize; 3],
    /// Ticks that were covered, each with how late.
    covered: Vec<Duration>,
}

impl Figures {
    pub(crate) fn of(story: &Story, books: &Books, pinned: usize) -> Self {
        let mut figures = Self {
            runs: 1,
            faults: books.happened.len(),
            claims: books.claims.len(),
            without: books
                .claims
                .iter()
                .map(|claim| claim.without)
                .max()
                .unwrap_or_default(),
            pinned,
            covered: books.covered.iter().map(|(_, _, late)| *late).collect(),
            moves: books.moves.values().map(|moves| moves.len() - 1).sum(),
            ..Self::default()
        };
        for (series, ticks) in &books.delivered {
            let schedule = schedule(&series.0, &series.1);
            figures.frames += ticks.len();
            figures.again += ticks.values().map(|frames| frames.len() - 1).sum::<usize>();
            let ticks: Vec<_> = ticks.keys().collect();
            let between = |pair: &[&Tick]| usize::try_from(schedule.between(*pair[0], *pair[1])).unwrap() - 1;
            let missed: usize = ticks.windows(2).map(between).sum();
            let nth = match schedule.interval().as_secs() {
                1 => 0,
                2 => 1,
                _ => 2,
            };
            if story.kind == Kind::Kills {
                figures.missed[nth] += missed;
            }
        }
        for kill in books
            .happened
            .iter()
            .filter(|h| matches!(h.fault, Fault::Kill(..)))
        {
            for target in kill.held.iter().filter(|_| story.kind == Kind::Kills) {
                let next = books
                    .issued
                    .iter()
                    .find(|i| i.series.0 == *target && i.at > kill.at);
                figures
                    .silences
                    .extend(next.map(|next| shifted(kill.at, 0).lateness(next.at)));
            }
        }
        figures
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.faults += other.faults;
        self.frames += other.frames;
        self.again += other.again;
        self.moves += other.moves;
        self.claims += other.claims;
        self.without = self.without.max(other.without);
        self.pinned += other.pinned;
        self.covered.extend(other.covered);
        self.covered.sort_unstable();
        self.silences.extend(other.silences);
        self.silences.sort_unstable();
        for (mine, other) in self.missed.iter_mut().zip(other.missed) {
            *mine += other;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            faults,
            frames,
            again,
            moves,
            claims,
            without,
            pinned,
            silences,
            missed,
            covered,
        } = self;
        write!(
            f,
            "{runs} runs, {faults} faults, {moves} moves, {frames} ticks, {again} frames twice"
        )?;
        write!(
            f,
            "; {claims} claims, the longest without the group for {without:?}; pins changed {pinned} times"
        )?;
        let (half, most) = (silences.get(silences.len() / 2), silences.last());
        write!(
            f,
            "; targets hit by a kill: {}, missed ticks of 1, 2 and 10 s: {missed:?}",
            silences.len()
        )?;
        write!(
            f,
            ", silent for {:?} (p50), {:?} (max)",
            half.unwrap_or(&Duration::ZERO),
            most.unwrap_or(&Duration::ZERO)
        )?;
        let part = |of: usize| covered.get(covered.len() * of / 100).or_else(|| covered.last());
        write!(
            f,
            "; {} ticks covered, late by {:?} (p50), {:?} (p99), {:?} (max)",
            covered.len(),
            part(50).unwrap_or(&Duration::ZERO),
            part(99).unwrap_or(&Duration::ZERO),
            covered.last().unwrap_or(&Duration::ZERO)
        )
    }
}
