//! Views: the leader numbers them, one after the other.

use ringwatch_proto::v1;
use v1::{PinnedBy, StateRefusal, ViewRecord};

use super::{Context, Done, NAME_BYTES, NODE_BYTES, Outcome, Refused, TARGET_BYTES, name, text};
use crate::machine::key::{Only, table::VIEW};
use crate::machine::{Ledger, Table, Touched};

/// How many members a view has at most.
pub(crate) const MEMBERS: usize = 1_000;
/// How many pins a view has at most.
pub(crate) const PINS: usize = 10_000;

/// The present view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Views {
    pub(crate) rows: Table<Only<VIEW>, ViewRecord>,
}

impl Views {
    pub(crate) fn present(&self) -> Option<&ViewRecord> {
        self.rows.get(&Only)
    }

    /// The present number; 0 where there is no view.
    pub(crate) fn number(&self) -> u64 {
        self.present().map_or(0, |view| view.number)
    }

    /// Numbers the next view. The first one may begin with any number, so that a restored group goes on
    /// counting.
    pub(crate) fn propose(
        &mut self,
        books: &mut Ledger,
        at: Context<'_>,
        command: &v1::ViewProposed,
    ) -> Outcome {
        let Some(view) = &command.view else {
            return Err(Refused::invalid("there is no view"));
        };
        check(view)?;
        let present = self.number();
        if self.present() == Some(view) {
            return Ok(Done::UNCHANGED.at(present));
        }
        let is_next = view.number == present.saturating_add(1) || (present == 0 && view.number > 0);
        if !is_next {
            let message = format!("view {} does not follow {present}", view.number);
            return Err(Refused::new(StateRefusal::Version, message).at(present));
        }
        debug_assert_eq!(at.number, present);
        self.rows.put(books, Only, view.clone());
        books.touch(Touched::View { number: view.number });
        Ok(Done::CHANGED.at(view.number))
    }
}

fn check(view: &ViewRecord) -> Result<(), Refused> {
    if view.members.len() > MEMBERS {
        return Err(Refused::limit(format!("a view has at most {MEMBERS} members")));
    }
    if view.pins.len() > PINS {
        return Err(Refused::limit(format!("a view has at most {PINS} pins")));
    }
    text("the view's reason", &view.reason, 4 * NAME_BYTES)?;
    for member in &view.members {
        name("the member's id", &member.node, NODE_BYTES)?;
    }
    for pin in &view.pins {
        name("the pinned target's id", &pin.target, TARGET_BYTES)?;
        name("the pin's node", &pin.node, NODE_BYTES)?;
        if pin.by() == PinnedBy::Unspecified {
            return Err(Refused::invalid("a pin does not say what made it"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
