//! How an entry changes the state.

use prost::Message;
use ringwatch_proto::v1;
use v1::state_command::Kind;

use super::Machine;
use super::applied::{Applied, Unknown};
use super::key::{Only, table};
use crate::command::dataset::Command;
use crate::command::{Context, Outcome, Refused, answer};

/// The format of commands that this program knows.
pub const FORMAT: u32 = 0;
/// How many records one entry looks at for what has expired.
const EXPIRY_BUDGET: usize = 256;
/// The tables in which records expire, in order.
const EXPIRING: [u8; 5] = [
    table::BREAKERS,
    table::SEEN,
    table::RATES,
    table::CAPS,
    table::WEIGHTS,
];

/// Reads an entry as it is in the log.
///
/// # Errors
/// If it is none. It was written by a member, so that says that its program is newer, or that the log is
/// damaged.
pub fn decode(bytes: &[u8]) -> Result<v1::StateEntry, Unknown> {
    v1::StateEntry::decode(bytes).map_err(|error| Unknown::Unreadable(error.to_string()))
}

impl Machine {
    /// Applies one entry: all of its commands in order, each for itself, and then looks at some records
    /// whether they have expired.
    ///
    /// # Errors
    /// If anything in it is not known to this program. Then nothing was applied, and the node cannot go on.
    pub fn apply(&mut self, entry: &v1::StateEntry) -> Result<Applied, Unknown> {
        check_known(entry)?;
        let now = entry.time_unix_nano.max(self.time());
        let mut answers = Vec::with_capacity(entry.commands.len());
        for command in &entry.commands {
            let at = Context {
                now,
                node: &entry.node,
                generation: entry.generation,
                view: entry.view,
                number: self.views.number(),
            };
            answers.push(answer(self.carry_out(at, command)));
        }
        self.expire(now);
        let (changes, touched) = self.books.take();
        Ok(Applied {
            answers,
            changes,
            touched,
        })
    }

    fn carry_out(&mut self, at: Context<'_>, command: &v1::StateCommand) -> Outcome {
        let books = &mut self.books;
        let data = match &command.kind {
            Some(Kind::BreakerChanged(command)) => return self.breakers.change(books, at, command),
            Some(Kind::SamplerSeen(command)) => return self.seen.see(books, at, command),
            Some(Kind::SamplerRates(command)) => return self.rates.set(books, at, command),
            Some(Kind::SamplerCaps(command)) => return self.caps.set(books, at, command),
            Some(Kind::ViewProposed(command)) => return self.views.propose(books, at, command),
            Some(Kind::Weights(command)) => return self.weights.set(books, at, command),
            Some(Kind::OperatorActed(command)) => return self.actions.act(books, at, command),
            Some(Kind::DataRestored(command)) => return self.data.restore(books, command),
            Some(Kind::TargetAdded(command)) => Command::TargetAdded(command),
            Some(Kind::TargetRemoved(command)) => Command::TargetRemoved(command),
            Some(Kind::LimitSet(command)) => Command::LimitSet(command),
            Some(Kind::FlagSet(command)) => Command::FlagSet(command),
            Some(Kind::SamplerRateSet(command)) => Command::SamplerRateSet(command),
            Some(Kind::Rollback(command)) => Command::Rollback(command),
            None => return Err(Refused::invalid("there is no command")),
        };
        self.data.change(books, &mut self.actions, at, data)
    }

    /// Looks at the records that follow those it looked at last, at most at as many as the budget allows,
    /// and once at each.
    fn expire(&mut self, now: i64) {
        let cursor = self.head.get(&Only).map(|head| head.expiry_cursor.clone());
        let cursor = cursor.unwrap_or_default();
        let first = cursor.first().copied().unwrap_or(0);
        let mut budget = EXPIRY_BUDGET;
        let mut next = Vec::new();
        for table in EXPIRING.into_iter().filter(|table| *table >= first) {
            if budget == 0 {
                next = vec![table];
                break;
            }
            let (books, after, left) = (&mut self.books, cursor.as_slice(), &mut budget);
            let stopped = match table {
                table::BREAKERS => self.breakers.expire(books, now, after, left),
                table::SEEN => self.seen.expire(books, now, after, left),
                table::RATES => self.rates.expire(books, now, after, left),
                table::CAPS => self.caps.expire(books, now, after, left),
                _ => self.weights.expire(books, now, after, left),
            };
            if let Some(stopped) = stopped {
                next = stopped;
                break;
            }
        }
        let head = v1::MachineRecord {
            time_unix_nano: now,
            expiry_cursor: next,
        };
        self.head.put(&mut self.books, Only, head);
    }
}

/// Refuses an entry with anything that this program does not know. Skipped silently, it would make this
/// node's state another one than that of the others.
pub(crate) fn check_known(entry: &v1::StateEntry) -> Result<(), Unknown> {
    if entry.requires > FORMAT {
        return Err(Unknown::Format {
            needed: entry.requires,
            known: FORMAT,
        });
    }
    for command in &entry.commands {
        let what = match &command.kind {
            None => Some("command"),
            Some(Kind::BreakerChanged(changed)) => {
                let state = changed.record.as_ref().map_or(0, |record| record.state);
                v1::BreakerState::try_from(state)
                    .is_err()
                    .then_some("state of a circuit")
            }
            Some(Kind::ViewProposed(proposed)) => {
                let mut pins = proposed.view.iter().flat_map(|view| &view.pins);
                let is_unknown = pins.any(|pin| v1::PinnedBy::try_from(pin.by).is_err());
                is_unknown.then_some("kind of pin")
            }
            Some(Kind::DataRestored(restored)) => {
                let inverse = restored.revisions.iter().flat_map(|revision| &revision.inverse);
                let mut items = restored.items.iter().chain(inverse);
                items
                    .any(|item| item.item.is_none())
                    .then_some("part of the data set")
            }
            Some(_) => None,
        };
        if let Some(what) = what {
            return Err(Unknown::Command { what });
        }
    }
    Ok(())
}
