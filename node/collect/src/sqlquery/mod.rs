//! Statements of the user: what is asked, and what becomes of the answer.

mod answer;
mod columns;
mod hidden;
mod look;
mod mapping;
mod missing;
mod plan;
mod project;
mod reading;
#[cfg(test)]
pub(crate) mod tests;
mod values;
mod whole_row;

pub(crate) use self::answer::{Answer, Answered};
pub(crate) use self::look::look;
pub(crate) use self::mapping::Mapping;
pub use self::plan::{PlannedQuery, SqlPlan};
pub(crate) use self::reading::{QueryMemory, ask_user, tracking_batch};

pub(crate) use self::values::instant;

/// The column that holds the server's start, added where a sum counts from it.
pub(crate) const STARTED: &str = "ringwatch_started";
