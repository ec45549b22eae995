//! What the books of all nodes say together: pure.
//!
//! Each tick counts once, whoever wrote something of it down. A reading goes before a miss, one that was delivered
//! before one that was not, and what a node did before what it heard.

use std::collections::{BTreeMap, BTreeSet};

use ringwatch_proto::v1;
use ringwatch_proto::v1::{FrameEnd, TickOutcome};

use super::findings::{FINDINGS, Finding, What};
use crate::grpc::nanos;

const SECOND: i64 = 1_000_000_000;
/// Ticks at the end of the range of which nothing is known yet may be under way for so long.
const UNDER_WAY: i64 = 30 * SECOND;

/// Ticks by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// All of them.
    pub(super) due: u64,
    /// Read by their owner.
    pub(super) collected: u64,
    /// Read by their standby.
    pub(super) covered: u64,
    /// Not read, by reason.
    pub(super) missed: BTreeMap<String, u64>,
    /// Of no node that was asked, though ticks before and after them are.
    pub(super) unknown: u64,
    /// Read, and delivered at least once.
    pub(super) delivered: u64,
    /// Read, and dropped, by reason.
    pub(super) dropped: BTreeMap<String, u64>,
    /// Read, and on their way.
    pub(super) in_flight: u64,
    /// Read, and ended at a node whose books are gone, or with a life of it that ended without a word.
    pub(super) elsewhere: u64,
    /// Delivered more than once.
    pub(super) double: u64,
}

impl Totals {
    /// How many were not read.
    pub(super) fn missed(&self) -> u64 {
        self.missed.values().sum()
    }

    /// How many were read and dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Whether every tick is accounted for, and none was delivered twice.
    pub(super) fn balance(&self) -> bool {
        let ends = self.delivered + self.dropped() + self.in_flight + self.elsewhere;
        let known = self.collected + self.covered + self.missed();
        self.double == 0 && self.due == known && self.collected + self.covered == ends
    }

    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.collected += other.collected;
        self.covered += other.covered;
        self.unknown += other.unknown;
        self.delivered += other.delivered;
        self.in_flight += other.in_flight;
        self.elsewhere += other.elsewhere;
        self.double += other.double;
        for (sum, part) in [
            (&mut self.missed, &other.missed),
            (&mut self.dropped, &other.dropped),
        ] {
            for (reason, count) in part {
                *sum.entry(reason.clone()).or_default() += count;
            }
        }
    }
}

/// What all books say together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) totals: Totals,
    pub(super) targets: BTreeMap<String, Totals>,
    /// What does not balance, no more than [`FINDINGS`] of it.
    pub(super) findings: Vec<Finding>,
}

/// Settles the `books` of nodes for the ticks before `to`. Of targets that are not `configured` any more nothing
/// is due after their last tick.
pub(super) fn settle(books: &[v1::AuditResponse], to: i64, configured: &BTreeSet<String>) -> Account {
    let mut streams: BTreeMap<(&str, &str, &str), Vec<&v1::StreamAccount>> = BTreeMap::new();
    for stream in books.iter().flat_map(|book| &book.streams) {
        let name = (&*stream.target_id, &*stream.stream, &*stream.database);
        streams.entry(name).or_default().push(stream);
    }
    // Where the clocks differ, what the slowest node cannot know yet is not due.
    let clocks = books.iter().filter_map(|book| nanos(book.now.as_ref()?));
    let until = clocks.min().map_or(to, |now| now.min(to));
    let mut account = Account::default();
    for ((target, name, database), parts) in streams {
        let until = Some(until).filter(|_| configured.contains(target));
        let (totals, found) = stream(&parts, until);
        let room = FINDINGS.saturating_sub(account.findings.len());
        let found = found.into_iter().take(room).map(|(what, tick, count)| Finding {
            target: target.to_owned(),
            stream: name.to_owned(),
            database: database.to_owned(),
            what,
            tick,
            count,
        });
        account.findings.extend(found);
        account.totals.add(&totals);
        account.targets.entry(target.to_owned()).or_default().add(&totals);
    }
    account
}

/// What one node wrote down of one tick.
#[derive(Clone, Copy)]
struct Note<'a> {
    tick: i64,
    /// The distance to the next tick; 0: not known.
    step: i64,
    run: &'a v1::TickRun,
}

/// What does not balance, from which tick on, and how many ticks of it.
type Found = (What, i64, u64);

/// One stream. `until`: ticks are due up to there; `None`: up to the last one that is known.
fn stream(parts: &[&v1::StreamAccount], until: Option<i64>) -> (Totals, Vec<Found>) {
    let (mut totals, mut found) = (Totals::default(), Vec::new());
    let mut notes: Vec<Note<'_>> = parts.iter().flat_map(|part| notes_of(part)).collect();
    notes.sort_by_key(|note| note.tick);
    let interval = parts.iter().map(|part| part.interval).max().unwrap_or(0);
    let step_of = |of: &[Note<'_>]| {
        let known = of.iter().map(|note| note.step).max().unwrap_or(0);
        if known > 0 { known } else { interval }
    };
    // Nodes do not end a stream at the same instant: what is not after it by more than an interval was the last of it.
    let ends = |from: i64, to: i64| {
        let mut closings = parts.iter().flat_map(|part| &part.closings);
        closings.any(|closing| closing.saturating_add(interval) >= from && *closing < to)
    };
    let mut before: Option<(i64, i64)> = None;
    for of in notes.chunk_by(|a, b| a.tick == b.tick) {
        let (tick, step) = (of.first().map_or(0, |note| note.tick), step_of(of));
        if let Some((last, last_step)) = before.filter(|(last, _)| !ends(*last, tick)) {
            let step = step.max(last_step);
            let unknown = between(tick.saturating_sub(last), step);
            nobodys(last.saturating_add(step), unknown, &mut totals, &mut found);
        }
        before = Some((tick, step));
        one(of, &mut totals, &mut found);
    }
    let open = before.filter(|(last, _)| !ends(*last, i64::MAX));
    if let (Some((last, step)), Some(until)) = (open, until) {
        let silent = until.saturating_sub(last);
        if silent > UNDER_WAY.max(step.saturating_mul(2)) {
            nobodys(
                last.saturating_add(step),
                between(silent, step),
                &mut totals,
                &mut found,
            );
        }
    }
    totals.due = totals.collected + totals.covered + totals.missed() + totals.unknown;
    (totals, found)
}

/// From `first` on, `count` ticks are in nobody's books.
fn nobodys(first: i64, count: u64, totals: &mut Totals, found: &mut Vec<Found>) {
    totals.unknown += count;
    if count > 0 {
        found.push((What::Unaccounted, first, count));
    }
}

fn notes_of(part: &v1::StreamAccount) -> impl Iterator<Item = Note<'_>> {
    part.runs.iter().flat_map(|run| {
        let step = if run.step > 0 { run.step } else { part.interval };
        (0..i64::from(run.count)).map(move |place| Note {
            tick: run.first.saturating_add(run.step.saturating_mul(place)),
            step,
            run,
        })
    })
}

/// How many ticks lie between two that are so far from each other.
fn between(distance: i64, step: i64) -> u64 {
    if step <= 0 {
        return 0;
    }
    // Rounded: a tick that is a little beside its place is the tick.
    let steps = distance.saturating_add(step / 2) / step;
    u64::try_from(steps - 1).unwrap_or(0)
}

/// Counts one tick, of which these notes were made.
fn one(notes: &[Note<'_>], totals: &mut Totals, found: &mut Vec<Found>) {
    let deliveries: u32 = notes
        .iter()
        .map(|note| match note.run.end() {
            FrameEnd::Delivered => 1,
            FrameEnd::DeliveredTwice => 2,
            _ => 0,
        })
        .sum();
    let Some(note) = notes.iter().max_by_key(|note| weight(note.run)) else {
        return;
    };
    let (run, tick) = (note.run, note.tick);
    if deliveries > 1 {
        totals.double += 1;
        found.push((What::Double, tick, 1));
    }
    match run.outcome() {
        _ if is_superseded(run) => {
            // The reading that took its place is in nobody's books.
            return nobodys(tick, 1, totals, found);
        }
        TickOutcome::Covered => totals.covered += 1,
        TickOutcome::Missed => return count(&mut totals.missed, &run.missed),
        TickOutcome::HeardMissed if notes.iter().any(|note| is_superseded(note.run)) => {
            return count(&mut totals.missed, "superseded");
        }
        TickOutcome::HeardMissed => return count(&mut totals.missed, "told_by_owner"),
        _ => totals.collected += 1,
    }
    match run.end() {
        FrameEnd::Delivered | FrameEnd::DeliveredTwice => totals.delivered += 1,
        FrameEnd::Dropped => count(&mut totals.dropped, &run.dropped),
        // No process has it any more: it is not on its way.
        FrameEnd::Elsewhere | FrameEnd::Unspecified => totals.elsewhere += 1,
        FrameEnd::Pending => totals.in_flight += 1,
    }
}

fn count(reasons: &mut BTreeMap<String, u64>, reason: &str) {
    *reasons.entry(reason.to_owned()).or_default() += 1;
}

/// Whether another reading took its place.
fn is_superseded(run: &v1::TickRun) -> bool {
    run.outcome() == TickOutcome::Superseded
        || (run.end() == FrameEnd::Dropped && run.dropped == "superseded")
}

/// How much a note says: the one that says most counts.
fn weight(run: &v1::TickRun) -> (u8, u8, u8) {
    if is_superseded(run) {
        return (0, 0, 0);
    }
    let read = match run.outcome() {
        TickOutcome::Collected
        | TickOutcome::Covered
        | TickOutcome::Inherited
        | TickOutcome::HeardCollected => 2,
        _ => 1,
    };
    let ended = match run.end() {
        FrameEnd::Delivered | FrameEnd::DeliveredTwice => 4,
        FrameEnd::Dropped => 3,
        FrameEnd::Elsewhere => 2,
        FrameEnd::Pending => 1,
        FrameEnd::Unspecified => 0,
    };
    let first_hand = match run.outcome() {
        TickOutcome::Unspecified | TickOutcome::HeardCollected | TickOutcome::HeardMissed => 0,
        // That the target was another's says less than why the other missed it.
        TickOutcome::Missed if run.missed == "not_owned" => 0,
        TickOutcome::Inherited => 1,
        _ => 2,
    };
    (read, ended, first_hand)
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
