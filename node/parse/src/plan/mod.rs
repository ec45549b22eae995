//! Execution plans: what every engine writes, in each of its formats, to one tree, and what the tree says.
//!
//! Reading is iterative: neither depth nor size of a plan can exhaust the stack, and [`Limits`] hold before
//! memory is spent and in the middle of a text.

mod answer;
mod detect;
mod draw;
mod facts;
mod fingerprint;
mod frame;
mod grow;
mod insights;
pub mod json;
mod limits;
mod mysql;
mod owned;
mod postgres;
mod scrub;
mod shape;
mod source;
mod text;
mod tree;
mod xml;
mod yaml;

pub use answer::json;
pub use draw::draw;
pub use facts::{Attributes, Facts, Joins, Scans, facts};
pub use fingerprint::fingerprint;
pub use insights::{Insight, Severity, Thresholds};
pub use limits::{Limits, PlanError};
pub use scrub::{scrub, scrub_with};
pub use shape::Share;
pub use tree::{Degraded, Engine, Format, Node, Plan, Property};

use detect::{Found, Json};

/// Reads a plan of any engine in any of its formats.
///
/// Around it there may be what psql and mysql draw around a cell, what a log has before it, and the quotes
/// of CSV. Of several plans the first is read; of values with the same key the first is taken.
///
/// # Errors
///
/// What exceeds the limits is refused, a long text before it is looked at; and what is no plan. A plan that
/// is cut off or damaged is read as far as it goes, see [`Plan::degraded`].
pub fn parse<'a>(text: &'a str, limits: &Limits<'_>) -> Result<Plan<'a>, PlanError> {
    limits.check_size(text)?;
    limits.check_time()?;
    let text = text.trim_start_matches('\u{feff}');
    if let Some(found) = detect::begins(text)
        && let Some(plan) = read(text, found, limits)?
    {
        return Ok(plan);
    }
    // What looks like a frame may be a line of a statement before the plan.
    if let Some(inner) = frame::strip(text, limits)? {
        match unframed(&inner, limits) {
            Err(PlanError::NotAPlan) => {}
            read => return read.map(Plan::into_owned),
        }
    }
    unframed(text, limits)
}

/// Reads a plan without a frame; there may be other text before it.
fn unframed<'a>(text: &'a str, limits: &Limits<'_>) -> Result<Plan<'a>, PlanError> {
    for found in [detect::begins(text), detect::within(text)].into_iter().flatten() {
        if let Some(plan) = read(text, found, limits)? {
            return Ok(plan);
        }
    }
    text::parse_text(text, limits)
}

/// Reads what was found; `None` where it is not what it looked like.
fn read<'a>(text: &'a str, found: Found, limits: &Limits<'_>) -> Result<Option<Plan<'a>>, PlanError> {
    match found {
        Found::Json(at) => match detect::json(text, at, limits)? {
            Some(Json::Within(inner)) => within(&inner, limits).map(Some),
            Some(whose) => read_json(text, at, &whose, limits).map(Some),
            None => Ok(None),
        },
        Found::Xml(at) => {
            let mut reader = xml::XmlReader::new(text, at, limits)?;
            postgres::read(&mut reader, Format::Xml, false, limits).map(Some)
        }
        Found::Yaml(at) => {
            let mut reader = yaml::YamlReader::new(text, at, limits)?;
            postgres::read(&mut reader, Format::Yaml, false, limits).map(Some)
        }
        Found::Tree(at) => mysql::read_tree(text, at, limits).map(Some),
    }
}

fn read_json<'a>(
    text: &'a str,
    at: usize,
    whose: &Json<'_>,
    limits: &Limits<'_>,
) -> Result<Plan<'a>, PlanError> {
    let mut reader = json::Reader::new(text, at, limits)?;
    match whose {
        Json::PostgreSql { bare } => postgres::read(&mut reader, Format::Json, *bare, limits),
        Json::Blocks => mysql::read_blocks(&mut reader, limits),
        Json::Iterators => mysql::read_iterators(&mut reader, limits),
        Json::Within(_) => Err(PlanError::NotAPlan),
    }
}

/// Reads a plan that was a text in JSON. It is not looked into another time, so that this ends.
fn within(inner: &str, limits: &Limits<'_>) -> Result<Plan<'static>, PlanError> {
    let found = detect::begins(inner);
    let Some(Found::Json(at)) = found else {
        let plan = found
            .map(|found| read(inner, found, limits))
            .transpose()?
            .flatten();
        return plan
            .map_or_else(|| text::parse_text(inner, limits), Ok)
            .map(Plan::into_owned);
    };
    let whose = detect::json(inner, at, limits)?.ok_or(PlanError::NotAPlan)?;
    read_json(inner, at, &whose, limits).map(Plan::into_owned)
}
