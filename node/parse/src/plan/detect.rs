//! Which format a text has, and where in it the plan begins.

use std::borrow::Cow;

use super::json::{Kind, Reader};
use super::{Limits, PlanError};

/// A format, and the byte where the plan begins. What is none of these may be PostgreSQL's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// JSON of any engine.
    Json(usize),
    /// PostgreSQL's XML.
    Xml(usize),
    /// PostgreSQL's YAML.
    Yaml(usize),
    /// MySQL's TREE.
    Tree(usize),
}

/// Whose JSON it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json<'a> {
    /// PostgreSQL's; `bare` is whether the first object is a node itself.
    PostgreSql { bare: bool },
    /// MySQL's first version or MariaDB's: blocks of tables.
    Blocks,
    /// MySQL's second version: iterators and their inputs.
    Iterators,
    /// A text that is a plan, as clients write rows as JSON.
    Within(Cow<'a, str>),
}

/// The format of a text that is a plan from its begin.
pub(super) fn begins(text: &str) -> Option<Found> {
    let plan = text.trim_start();
    let at = text.len() - plan.len();
    let first = plan.lines().next().unwrap_or_default().trim_end();
    if plan.starts_with(['{', '[']) {
        // A client's mark for a line break in a cell, or a line break that it has escaped.
        let framed =
            first.ends_with(['+', '\u{21b5}']) || plan.get(1..).is_some_and(|rest| rest.starts_with("\\n"));
        return (!framed).then_some(Found::Json(at));
    }
    if plan.starts_with("<explain") || plan.starts_with("<?xml") {
        return (!first.ends_with(['+', '\u{21b5}'])).then_some(Found::Xml(at));
    }
    if is_tree(plan) && !is_escaped_tree(plan) {
        return Some(Found::Tree(at));
    }
    let yaml = ["- Plan:", "Plan:", "- Query Text:", "Query Text:"];
    if yaml.iter().any(|begin| plan.starts_with(begin)) && !first.ends_with(['+', '\u{21b5}']) {
        return yaml_at(text).map(Found::Yaml);
    }
    None
}

/// The format of a text that has a plan in it, behind what a log has before it.
pub(super) fn within(text: &str) -> Option<Found> {
    const KEYS: [&str; 5] = [
        "\"Plan\"",
        "\"Query Text\"",
        "\"query_block\"",
        "\"query_plan\"",
        "\"Node Type\"",
    ];
    let key = KEYS.iter().filter_map(|key| text.find(key)).min();
    let before = key.and_then(|key| text.get(..key));
    if let Some(object) = before.and_then(|before| before.rfind('{')) {
        let before = text.get(..object).unwrap_or_default().trim_end();
        let array = before.strip_suffix('[').map(str::len);
        return Some(Found::Json(array.unwrap_or(object)));
    }
    if let Some(at) = text.find("<explain") {
        return Some(Found::Xml(at));
    }
    yaml_at(text).map(Found::Yaml)
}

/// Whether a text is MySQL's TREE: PostgreSQL has two blanks behind an arrow.
pub(super) fn is_tree(text: &str) -> bool {
    text.strip_prefix("-> ")
        .is_some_and(|rest| !rest.starts_with(' '))
}

/// Whether it is a TREE whose line breaks a client has escaped. MySQL itself escapes those in literals.
pub(super) fn is_escaped_tree(text: &str) -> bool {
    let text = text.trim_end_matches('\n');
    if !is_tree(text) || text.contains('\n') {
        return false;
    }
    let steps = |rest: &str| rest.trim_start_matches(' ').starts_with("-> ");
    // As many quotes as end all literals are before a break that is none of a literal's.
    let (mut quotes, mut done) = (0_usize, 0);
    let is_break = |(at, mark): (usize, &str)| {
        quotes += text.get(done..at).map_or(0, |part| part.matches('\'').count());
        done = at;
        quotes.is_multiple_of(2) && text.get(at + mark.len()..).is_some_and(steps)
    };
    text.trim_end_matches(['"', ' ', '|']).ends_with("\\n") || text.match_indices("\\n").any(is_break)
}

/// The begin of the first line of a YAML plan.
fn yaml_at(text: &str) -> Option<usize> {
    if !text.contains("Node Type: ") {
        return None;
    }
    let mut at = 0;
    let mut first = None;
    for line in text.split_inclusive('\n') {
        let said = line.trim();
        let said = said.strip_prefix("- ").unwrap_or(said);
        let is_begin = said == "Plan:" || said.starts_with("Query Text: \"");
        let here = first.or(if is_begin { Some(at) } else { None });
        if said == "Plan:" {
            return here;
        }
        first = here;
        at += line.len();
    }
    None
}

/// How deep the keys that tell an engine may be.
const DEEPEST: usize = 5;

/// Whose JSON begins at `from`, by the first key that tells; `None` where none does.
pub(super) fn json<'a>(
    text: &'a str,
    from: usize,
    limits: &Limits<'_>,
) -> Result<Option<Json<'a>>, PlanError> {
    let mut reader = Reader::new(text, from, limits)?;
    let mut key = "";
    while let Some(token) = reader.next()? {
        let object = token.kind == Kind::Object;
        match (key, token.kind) {
            (_, Kind::Key) => {
                key = token.raw;
                if matches!(key, "Node Type" | "Plans") {
                    return Ok(Some(Json::PostgreSql { bare: true }));
                }
                if key == "operation" || key == "inputs" {
                    return Ok(Some(Json::Iterators));
                }
                continue;
            }
            ("Plan", Kind::Object) => return Ok(Some(Json::PostgreSql { bare: false })),
            ("query_block" | "query_optimization", Kind::Object) => return Ok(Some(Json::Blocks)),
            ("QUERY PLAN" | "EXPLAIN" | "query_plan" | "plan", Kind::Text) => {
                return Ok(Some(Json::Within(token.text())));
            }
            ("JIT" | "Planning" | "Settings" | "Triggers", _) => reader.skip(&token)?,
            _ if reader.depth() > DEEPEST => reader.skip(&token)?,
            _ => {}
        }
        if !object {
            key = "";
        }
    }
    Ok(None)
}
