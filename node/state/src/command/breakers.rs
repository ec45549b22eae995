//! Circuits: the owner of a target tells each change of its circuit.

use ringwatch_proto::v1;
use v1::{BreakerRecord, BreakerState, StateRefusal};

use super::{
    Context, DAY, Done, NAME_BYTES, NODE_BYTES, Outcome, Refused, TARGET_BYTES, UNTOUCHED, name, number, text,
};
use crate::machine::key::{Names, Pair, table::BREAKERS};
use crate::machine::{Ledger, Table, Touched};

/// How many targets of one breaker are remembered.
pub(crate) const TARGETS: usize = 10_000;
/// How many breakers there are at most.
pub(crate) const NAMES: usize = 64;
/// How many streams of a target may be learnt.
pub(crate) const LEARNT: usize = 64;
/// The longest typical time in milliseconds: eleven days.
const LONGEST_MS: f64 = 1e9;

/// The circuits by breaker and target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakers {
    pub(crate) rows: Table<Pair<BREAKERS>, BreakerRecord>,
}

impl Breakers {
    pub(crate) fn get(&self, breaker: &str, target: &str) -> Option<&BreakerRecord> {
        self.rows.get(&Pair(Names::new(breaker, target)))
    }

    pub(crate) fn change(
        &mut self,
        books: &mut Ledger,
        at: Context<'_>,
        command: &v1::BreakerChanged,
    ) -> Outcome {
        at.fenced()?;
        name("the breaker's name", &command.breaker, NAME_BYTES)?;
        name("the target's id", &command.target, TARGET_BYTES)?;
        let Some(record) = &command.record else {
            return Err(Refused::invalid("there is no record of the circuit"));
        };
        let mut record = accepted(record, at)?;
        let key = Pair(Names::new(command.breaker.as_str(), command.target.as_str()));
        let known = self.rows.get(&key);
        if let Some(known) = known.filter(|known| known.owner == record.owner) {
            // Said late, it does not make the owner's place among others an earlier one.
            record.view = record.view.max(known.view);
        }
        match known {
            Some(known) if is_same(known, &record) && !is_late(known, at) => return Ok(Done::UNCHANGED),
            Some(known) => in_order(known, &record)?,
            None => self.make_room(books, &command.breaker)?,
        }
        self.rows.put(books, key, record);
        books.touch(Touched::Breaker {
            breaker: command.breaker.clone(),
            target: command.target.clone(),
        });
        Ok(Done::CHANGED)
    }

    /// Room for one more circuit: the one that has been closed and untouched for longest goes.
    fn make_room(&mut self, books: &mut Ledger, breaker: &str) -> Result<(), Refused> {
        let first = Pair(Names::new(breaker, ""));
        let mine = || {
            let rows = self.rows.range(&first..);
            rows.take_while(|(key, _)| key.0.first() == breaker)
        };
        let count = mine().count();
        if count == 0 && self.names() >= NAMES {
            return Err(Refused::limit(format!("there are {NAMES} breakers already")));
        }
        if count < TARGETS {
            return Ok(());
        }
        let closed = mine().filter(|(_, record)| record.state() == BreakerState::Closed);
        let oldest = closed.min_by_key(|(_, record)| record.received_unix_nano);
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
            let message = format!("breaker `{breaker}` has {TARGETS} targets already, and none is closed");
            return Err(Refused::limit(message));
        };
        self.forget(books, &oldest);
        Ok(())
    }

    fn names(&self) -> usize {
        let mut names = 0;
        let mut last = None;
        for (key, _) in self.rows.iter() {
            if last != Some(key.0.first()) {
                names += 1;
                last = Some(key.0.first());
            }
        }
        names
    }

    /// Forgets closed circuits that nobody spoke of for a week, going on after `after` and looking at
    /// `budget` records at most. Gives where to go on, or `None` at the end.
    pub(crate) fn expire(
        &mut self,
        books: &mut Ledger,
        now: i64,
        after: &[u8],
        budget: &mut usize,
    ) -> Option<Vec<u8>> {
        let limit = now.saturating_sub(UNTOUCHED);
        let is_old = |record: &BreakerRecord| {
            record.state() == BreakerState::Closed && record.received_unix_nano < limit
        };
        let (old, next) = self.rows.look_for(after, budget, is_old);
        for key in old {
            self.forget(books, &key);
        }
        next
    }

    fn forget(&mut self, books: &mut Ledger, key: &Pair<BREAKERS>) {
        self.rows.remove(books, key);
        books.touch(Touched::Breaker {
            breaker: key.0.first().to_owned(),
            target: key.0.second().to_owned(),
        });
    }
}

/// The record as it is kept.
fn accepted(record: &BreakerRecord, at: Context<'_>) -> Result<BreakerRecord, Refused> {
    if record.state() == BreakerState::Unspecified {
        return Err(Refused::invalid("the circuit has no state"));
    }
    text("the circuit's reason", &record.reason, NAME_BYTES)?;
    text("the circuit's owner", &record.owner, NODE_BYTES)?;
    if record.learnt.len() > LEARNT {
        return Err(Refused::limit(format!("more than {LEARNT} streams are learnt")));
    }
    let mut record = record.clone();
    for learnt in &mut record.learnt {
        name("the stream's name", &learnt.stream, NAME_BYTES)?;
        learnt.typical_ms = number("the typical time", learnt.typical_ms, LONGEST_MS)?;
        learnt.deviation_ms = number("the deviation", learnt.deviation_ms, LONGEST_MS)?;
    }
    if record.owner.is_empty() {
        at.node.clone_into(&mut record.owner);
    }
    if record.generation == 0 {
        record.generation = at.generation;
    }
    // A back-up may be of a group that had counted further.
    record.view = record.view.min(at.number);
    record.received_unix_nano = at.received(record.received_unix_nano);
    Ok(record)
}

/// Whether this is what is known, but for when it was received.
fn is_same(known: &BreakerRecord, said: &BreakerRecord) -> bool {
    let mut said = said.clone();
    said.received_unix_nano = known.received_unix_nano;
    *known == said
}

/// Whether the same word again shows that somebody still cares for the circuit.
fn is_late(known: &BreakerRecord, at: Context<'_>) -> bool {
    let is_closed = known.state() == BreakerState::Closed;
    is_closed && known.received_unix_nano < at.now.saturating_sub(DAY)
}

/// The order of one owner's words is (generation, seq). Their view is no part of it: an owner that lags
/// behind, or that sends a word again under a later view, says it under the view it knew.
///
/// Generations of different nodes say nothing of each other, so between owners the later view counts, and
/// two that both think they own the target under one view cannot close what the other one opened.
fn in_order(known: &BreakerRecord, said: &BreakerRecord) -> Result<(), Refused> {
    let order = |record: &BreakerRecord| (record.generation, record.seq);
    let goes_back = if known.owner == said.owner {
        order(said) < order(known)
    } else if known.view == said.view {
        known.state() == BreakerState::Open && said.state() != BreakerState::Open
    } else {
        said.view < known.view
    };
    if goes_back {
        let message = format!(
            "a later word is known: number {} of {} in its life {}, under view {}",
            known.seq, known.owner, known.generation, known.view
        );
        return Err(Refused::new(StateRefusal::Stale, message));
    }
    Ok(())
}

#[cfg(test)]
#[path = "breakers_tests.rs"]
mod tests;
