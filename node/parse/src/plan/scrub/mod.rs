//! Plans without literals.

mod keys;
mod operation;
mod structured;
#[cfg(test)]
mod tests;
mod tree;
mod vocabulary;
mod writers;

use std::borrow::Cow;

pub(super) use self::keys::{Meaning, expression, hide, is_figures, is_literal, meaning};
use self::structured::rewrite;
use self::writers::{JsonWriter, XmlWriter, YamlWriter};
use super::detect::{self, Found, Json};
use super::json::Reader;
use super::xml::XmlReader;
use super::yaml::YamlReader;
use super::{Limits, PlanError, frame, parse, text};
use crate::sql::Dialect;

/// The plan in its own format, with `?` for every literal in its expressions, statements and settings. It
/// reads as the same tree: types, relations, indexes, costs, rows and all that was measured stay. Doing it
/// again changes nothing.
///
/// Names stay, and so do `NULL`, `true` and `false`. Frames, white space and what is around the plan do not;
/// of what is not valid only what can be told for certain does. A text whose key is not known is hidden
/// whole.
///
/// # Errors
///
/// As [`parse`]: what cannot be read cannot be scrubbed, and must not leave.
pub fn scrub(text: &str, limits: &Limits<'_>) -> Result<String, PlanError> {
    let plan = parse(text, limits)?;
    let scrubbed = written(text, super::fingerprint::dialect(plan.engine), limits)?;
    let nodes = parse(&scrubbed, limits).map(|plan| plan.nodes.len());
    if nodes != Ok(plan.nodes.len()) {
        let what = "some of it cannot be told from its literals";
        return Err(PlanError::Invalid { at: 0, what });
    }
    Ok(scrubbed)
}

fn written(text: &str, dialect: Dialect, limits: &Limits<'_>) -> Result<String, PlanError> {
    if let Some(found) = detect::begins(text)
        && let Some(plan) = write(text, found, dialect, limits)?
    {
        return Ok(plan);
    }
    match frame::strip(text, limits)? {
        Some(inner) => unframed(&inner, dialect, limits),
        None => unframed(text, dialect, limits),
    }
}

/// Writes a plan without a frame, as [`parse`] reads it.
fn unframed(text: &str, dialect: Dialect, limits: &Limits<'_>) -> Result<String, PlanError> {
    for found in [detect::begins(text), detect::within(text)].into_iter().flatten() {
        if let Some(plan) = write(text, found, dialect, limits)? {
            return Ok(plan);
        }
    }
    text::scrub_text(text, limits)
}

/// Writes what was found; `None` where it is not what it looked like.
fn write(
    text: &str,
    found: Found,
    dialect: Dialect,
    limits: &Limits<'_>,
) -> Result<Option<String>, PlanError> {
    let mut text: Cow<'_, str> = Cow::Borrowed(text);
    let mut found = found;
    // A plan may be a text in JSON; it is looked into once.
    if let Found::Json(at) = found {
        match detect::json(&text, at, limits)? {
            None => return Ok(None),
            Some(Json::Within(inner)) => {
                let inner = inner.into_owned();
                match detect::begins(&inner) {
                    None => return text::scrub_text(&inner, limits).map(Some),
                    Some(begins) => found = begins,
                }
                text = Cow::Owned(inner);
            }
            Some(_) => {}
        }
    }
    match found {
        Found::Json(at) => {
            let mut reader = Reader::new(&text, at, limits)?;
            rewrite(&mut reader, JsonWriter::default(), dialect, false)
        }
        Found::Xml(at) => {
            let mut reader = XmlReader::new(&text, at, limits)?;
            rewrite(&mut reader, XmlWriter::default(), dialect, true)
        }
        Found::Yaml(at) => {
            let mut reader = YamlReader::new(&text, at, limits)?;
            rewrite(&mut reader, YamlWriter::default(), dialect, false)
        }
        Found::Tree(at) => tree::scrub(&text, at, limits),
    }
    .map(Some)
}
