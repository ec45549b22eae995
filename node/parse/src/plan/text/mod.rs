//! PostgreSQL's plans as text, of any version and with any of EXPLAIN's options.
//!
//! The text is made for people: what a node is is written in words, its place is its indentation, and what is
//! zero is left out. The tree is that of the JSON of the same plan as far as the text tells.

mod begin;
mod finish;
mod header;
mod kind;
mod lines;
mod names;
mod properties;
mod read;
mod scrub;
mod statement;
mod whole;
mod wrapped;

#[cfg(test)]
mod tests;

pub(super) use self::scrub::scrub_text;
use super::{Degraded, Limits, Plan, PlanError};

/// What hosting companies put at the end of what they cut off.
const CUT: [&str; 2] = [
    "[Your log message was truncated]",
    "[Your log message was truncated",
];

/// Reads a plan in PostgreSQL's text format.
///
/// Lines that a terminal broke are put together again. What is around the plan, and all plans but the first,
/// are left out and make it [`Degraded::Invalid`]; a plan that is cut off is [`Degraded::Truncated`].
///
/// # Errors
///
///
/// As [`Limits`] say, and [`PlanError::NotAPlan`] where no line is a node.
pub(super) fn parse_text<'a>(text: &'a str, limits: &Limits<'_>) -> Result<Plan<'a>, PlanError> {
    limits.check_size(text)?;
    let trimmed = text.trim_end();
    let cut = CUT.iter().find_map(|mark| trimmed.strip_suffix(mark));
    let text = cut.map_or(trimmed, str::trim_end);
    let begin = begin::find(text, limits)?.ok_or(PlanError::NotAPlan)?;
    let mut plan = match read::read(text, &begin, limits, false)? {
        read::Outcome::Plan(plan) => *plan,
        read::Outcome::Wrapped => {
            let joined = wrapped::join(text, &begin, limits)?;
            let rest = begin::Begin {
                root: 0,
                quotes: lines::Quotes::None,
                ..begin
            };
            match read::read(&joined, &rest, limits, true)? {
                read::Outcome::Plan(plan) => plan.into_owned(),
                read::Outcome::Wrapped => return Err(PlanError::NotAPlan),
            }
        }
    };
    if cut.is_some() {
        plan.degraded = Some(Degraded::Truncated);
    } else if begin.preceded {
        plan.degraded.get_or_insert(Degraded::Invalid);
    }
    Ok(plan)
}
