//! Plans without literals.

mod columns;
mod keys;
mod lists;
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
pub(super) use self::vocabulary::is_known;
use self::writers::{JsonWriter, XmlWriter, YamlWriter};
use super::detect::{self, Found, Json};
use super::json::Reader;
use super::xml::XmlReader;
use super::yaml::YamlReader;
use super::{Engine, Limits, Node, Plan, PlanError, frame, parse, text};
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
    scrub_with(text, limits, |_| ()).map(|(scrubbed, ())| scrubbed)
}

/// The same, and what `read` makes of the tree of the scrubbed plan, which so need not be read again.
///
/// # Errors
///
/// As [`scrub`].
pub fn scrub_with<T>(
    text: &str,
    limits: &Limits<'_>,
    read: impl FnOnce(&Plan<'_>) -> T,
) -> Result<(String, T), PlanError> {
    let plan = parse(text, limits)?;
    let mut scrubbed = written(text, super::fingerprint::dialect(plan.engine), limits)?;
    if let Some(query) = plan.query.as_deref().filter(|_| plan.engine == Engine::MySql) {
        let mut words = columns::named_by_literals(query);
        words.retain(|word| !vocabulary::is_known(word));
        for name in plan.nodes.iter().flat_map(names) {
            words.remove(name);
        }
        if !words.is_empty() {
            limits.check_time()?;
            scrubbed = columns::without_words(&scrubbed, &words);
        }
    }
    let what = "some of it cannot be told from its literals";
    let unlike = PlanError::Invalid { at: 0, what };
    let result = match parse(&scrubbed, limits) {
        Ok(again) if again.nodes.len() == plan.nodes.len() => read(&again),
        Err(PlanError::TimedOut) => return Err(PlanError::TimedOut),
        _ => return Err(unlike),
    };
    Ok((scrubbed, result))
}

/// The names that a node needs to be the same.
fn names<'p>(node: &'p Node<'_>) -> impl Iterator<Item = &'p str> {
    let names = [&node.relation, &node.schema, &node.alias, &node.index];
    names.into_iter().filter_map(|name| name.as_deref())
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
            rewrite(&mut reader, JsonWriter::default(), dialect, false, limits)
        }
        Found::Xml(at) => {
            let mut reader = XmlReader::new(&text, at, limits)?;
            rewrite(&mut reader, XmlWriter::default(), dialect, true, limits)
        }
        Found::Yaml(at) => {
            let mut reader = YamlReader::new(&text, at, limits)?;
            rewrite(&mut reader, YamlWriter::default(), dialect, false, limits)
        }
        Found::Tree(at) => tree::scrub(&text, at, limits),
    }
    .map(Some)
}
