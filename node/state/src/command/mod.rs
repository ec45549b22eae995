//! The typed commands of the group, one file each: what it does to its table, and its bounds.
//!
//! A command may come twice, because a proposal whose answer was lost is sent again: what is there already is
//! answered as unchanged. What is refused changes nothing.

pub(crate) mod actions;
pub(crate) mod breakers;
pub(crate) mod dataset;
pub(crate) mod sampler;
pub(crate) mod views;
pub(crate) mod weights;

pub use dataset::DataSet;
pub use sampler::{SeenStatements, block::SeenStatement};

use ringwatch_proto::v1;
use v1::{StateOutcome, StateRefusal};

/// The longest name of a breaker, sampler, pipeline, rule, receiver or flag, in bytes.
pub const NAME_BYTES: usize = 128;
/// The longest id of a node, in bytes.
pub const NODE_BYTES: usize = 256;
/// The longest id of a target, in bytes.
pub const TARGET_BYTES: usize = 640;
/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 86_400 * 1_000_000_000;
/// After this long without a word, closed circuits, rates and weights are forgotten, in nanoseconds.
pub const UNTOUCHED: i64 = 7 * DAY;

/// What a command may know of the entry that brought it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The machine's time: that of the entry, never before that of an earlier one.
    pub(crate) now: i64,
    pub(crate) node: &'a str,
    pub(crate) generation: u64,
    /// The number of the view under which it was proposed.
    pub(crate) view: u64,
    /// The number of the present view; 0: there is none.
    pub(crate) number: u64,
}

impl Context<'_> {
    /// Refuses what was proposed under another view than the present one.
    pub(crate) fn fenced(&self) -> Result<(), Refused> {
        if self.view == self.number {
            return Ok(());
        }
        let (view, number) = (self.view, self.number);
        let message = if view < number {
            format!("view {view} is older than {number}")
        } else {
            format!("view {view} is not known, the present one is {number}")
        };
        Err(Refused::new(StateRefusal::OldView, message).at(number))
    }

    /// When a word was received: now, unless it comes from a back-up that knows when it was.
    pub(crate) fn received(&self, said: i64) -> i64 {
        if said > 0 { said.min(self.now) } else { self.now }
    }
}

/// A command was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) changed: bool,
    pub(crate) version: u64,
}

impl Done {
    pub(crate) const CHANGED: Self = Self {
        changed: true,
        version: 0,
    };
    pub(crate) const UNCHANGED: Self = Self {
        changed: false,
        version: 0,
    };

    pub(crate) fn of(changed: bool) -> Self {
        Self { changed, version: 0 }
    }

    pub(crate) fn at(self, version: u64) -> Self {
        Self { version, ..self }
    }
}

/// A command was refused and changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    refusal: StateRefusal,
    message: String,
    version: u64,
}

impl Refused {
    pub(crate) fn new(refusal: StateRefusal, message: impl Into<String>) -> Self {
        Self {
            refusal,
            message: message.into(),
            version: 0,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StateRefusal::Invalid, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(StateRefusal::Limit, message)
    }

    pub(crate) fn at(self, version: u64) -> Self {
        Self { version, ..self }
    }
}

pub(crate) type Outcome = Result<Done, Refused>;

/// The answer that travels back to who proposed.
pub(crate) fn answer(outcome: Outcome) -> v1::StateAnswer {
    match outcome {
        Ok(done) => v1::StateAnswer {
            outcome: if done.changed {
                StateOutcome::Done
            } else {
                StateOutcome::Unchanged
            }
            .into(),
            version: done.version,
            ..v1::StateAnswer::default()
        },
        Err(refused) => v1::StateAnswer {
            outcome: StateOutcome::Refused.into(),
            refusal: refused.refusal.into(),
            message: refused.message,
            version: refused.version,
        },
    }
}

/// Checks a text that becomes part of a key or a record.
pub(crate) fn text(what: &str, text: &str, most: usize) -> Result<(), Refused> {
    if text.len() > most {
        return Err(Refused::invalid(format!("{what} is longer than {most} bytes")));
    }
    if text.contains('\0') {
        return Err(Refused::invalid(format!("{what} contains a zero byte")));
    }
    Ok(())
}

/// Checks a text that must not be empty.
pub(crate) fn name(what: &str, name: &str, most: usize) -> Result<(), Refused> {
    if name.is_empty() {
        return Err(Refused::invalid(format!("{what} is empty")));
    }
    text(what, name, most)
}

/// A number with six decimal places, between 0 and `most`. What is kept is short and survives being read as
/// text.
pub(crate) fn number(what: &str, number: f64, most: f64) -> Result<f64, Refused> {
    if !(0.0..=most).contains(&number) {
        return Err(Refused::invalid(format!("{what} is not between 0 and {most}")));
    }
    let rounded = (number * 1e6).round() / 1e6;
    // Adding zero takes the sign off a negative zero.
    Ok(rounded + 0.0)
}
