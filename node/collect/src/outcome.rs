//! What becomes of ticks.

use crate::ownership::Refusal;

/// What became of a tick: the label `outcome` of `ringwatch_ticks_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// Read, and its frame handed on.
    Collected,
    /// Another member owns the target.
    NotOwned,
    /// A breaker is open.
    BreakerOpen,
    /// The target's budget is used up.
    Budget,
    /// Such readings are switched off.
    SwitchedOff,
    /// No answer came in time.
    Timeout,
    /// The reading failed.
    Error,
    /// It could not be begun before the next tick, because readings before it took too long.
    Late,
    /// It could not be begun before the next tick, because this node had been paused and was not sure to own
    /// the target.
    Paused,
    /// Read in place of the owner, which did not.
    Covered,
    /// Another session held the target's lock until the next tick.
    Fenced,
    /// The standby has read it, or reads it.
    Superseded,
}

/// The words for what becomes of a tick: the values of the label `outcome` of `ringwatch_ticks_total`.
pub fn outcomes() -> impl Iterator<Item = &'static str> {
    Outcome::ALL.into_iter().map(Outcome::as_str)
}

impl Outcome {
    /// All of them.
    const ALL: [Self; 12] = [
        Self::Collected,
        Self::NotOwned,
        Self::BreakerOpen,
        Self::Budget,
        Self::SwitchedOff,
        Self::Timeout,
        Self::Error,
        Self::Late,
        Self::Paused,
        Self::Covered,
        Self::Fenced,
        Self::Superseded,
    ];

    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Collected => "collected",
            Self::NotOwned => "not_owned",
            Self::BreakerOpen => "breaker_open",
            Self::Budget => "budget",
            Self::SwitchedOff => "switched_off",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Late => "late",
            Self::Paused => "paused",
            Self::Covered => "covered",
            Self::Fenced => "fenced",
            Self::Superseded => "superseded",
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotOwned => Self::NotOwned,
            Refusal::BreakerOpen => Self::BreakerOpen,
            Refusal::Budget => Self::Budget,
            Refusal::SwitchedOff => Self::SwitchedOff,
            Refusal::Unsure => Self::Paused,
        }
    }
}
