//! Operators' actions: who did what, when and from where. The last of them are kept.

use ringwatch_proto::v1;
use v1::OperatorAction;

use super::{Context, Done, NODE_BYTES, Outcome, Refused, text};
use crate::machine::key::{Number, table::ACTIONS};
use crate::machine::{Ledger, Table, Touched};

/// How many actions are kept.
pub(crate) const KEPT: usize = 1_000;
/// The longest text of an action, in bytes.
const TEXT_BYTES: usize = 1_024;

/// The log of actions, by their number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actions {
    pub(crate) rows: Table<Number<ACTIONS>, OperatorAction>,
}

impl Actions {
    /// Whether this action is in the log, which means that it was done.
    pub(crate) fn contains(&self, action: Option<&OperatorAction>) -> bool {
        let Some(action) = action else {
            return false;
        };
        self.rows.iter().rev().any(|(_, known)| known.id == action.id)
    }

    /// Logs an action that changes nothing else here.
    pub(crate) fn act(
        &mut self,
        books: &mut Ledger,
        at: Context<'_>,
        command: &v1::OperatorActed,
    ) -> Outcome {
        let Some(action) = &command.action else {
            return Err(Refused::invalid("there is no action"));
        };
        check(Some(action))?;
        if self.contains(Some(action)) {
            return Ok(Done::UNCHANGED);
        }
        self.log(books, at, Some(action));
        Ok(Done::CHANGED)
    }

    /// Adds an action that was checked; nobody's is not noted.
    pub(crate) fn log(&mut self, books: &mut Ledger, at: Context<'_>, action: Option<&OperatorAction>) {
        let Some(action) = action else {
            return;
        };
        let last = self.rows.iter().next_back().map_or(0, |(key, _)| key.0);
        let mut action = action.clone();
        action.time_unix_nano = at.received(action.time_unix_nano);
        self.rows.put(books, Number(last.saturating_add(1)), action);
        while self.rows.len() > KEPT {
            let Some(first) = self.rows.iter().next().map(|(key, _)| *key) else {
                break;
            };
            self.rows.remove(books, &first);
        }
        books.touch(Touched::Actions);
    }
}

/// Refuses an action that cannot be logged.
pub(crate) fn check(action: Option<&OperatorAction>) -> Result<(), Refused> {
    let Some(action) = action else {
        return Ok(());
    };
    if action.id == 0 {
        return Err(Refused::invalid("an action has the id 0"));
    }
    text("the action's operator", &action.who, NODE_BYTES)?;
    text("the action's address", &action.from, NODE_BYTES)?;
    text("the action's node", &action.node, NODE_BYTES)?;
    text("the action", &action.what, TEXT_BYTES)
}

#[cfg(test)]
#[path = "actions_tests.rs"]
mod tests;
