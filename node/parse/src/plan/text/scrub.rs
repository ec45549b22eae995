//! PostgreSQL's text without literals.
//!
//! Lines are written anew from what was understood of them, and what was not understood is left out. So no
//! part of a literal that looks like a line of a plan gets through.

use super::super::scrub::{Meaning, expression, hide, is_figures, is_known, meaning};
use super::super::{Degraded, Limits, Plan, PlanError};
use super::begin::{Begin, PATIENCE};
use super::header::{FIGURES, header};
use super::lines::{Line, Lines, Quotes};
use super::names::{figure, find_unquoted, key_and_value, unknown_kind};
use super::read::{Outcome, is_count, is_label, is_target, read};
use super::statement::Outside;
use super::{CUT, begin, wrapped};
use crate::sql::Dialect;

/// Writes a plan in PostgreSQL's text format anew, without its literals. What is around the plan, and all
/// plans but the first, are left out.
///
/// # Errors
///
/// As [`super::parse_text`]; and [`PlanError::Invalid`] where it cannot be told where the statement before
/// the plan ends.
pub(in super::super) fn scrub_text(text: &str, limits: &Limits<'_>) -> Result<String, PlanError> {
    limits.check_size(text)?;
    let trimmed = text.trim_end();
    let cut = CUT.iter().find_map(|mark| trimmed.strip_suffix(mark));
    let text = cut.map_or(trimmed, str::trim_end);
    let begin = begin::find(text, limits)?.ok_or(PlanError::NotAPlan)?;
    let mut out = statement(text, &begin)?;
    match read(text, &begin, limits, false)? {
        Outcome::Plan(plan) => lines(&mut out, text, &begin, is_invalid(&plan), limits)?,
        Outcome::Wrapped => {
            let joined = wrapped::join(text, &begin, limits)?;
            let rest = Begin {
                root: 0,
                quotes: Quotes::None,
                ..begin
            };
            let strict = match read(&joined, &rest, limits, true)? {
                Outcome::Plan(plan) => is_invalid(&plan),
                Outcome::Wrapped => true,
            };
            lines(&mut out, &joined, &rest, strict, limits)?;
        }
    }
    if let Some(mark) = cut.and(CUT.first()) {
        out.push_str(mark);
        out.push('\n');
    }
    Ok(out)
}

/// Whether what looks like a key of the plan may be a part of a literal.
fn is_invalid(plan: &Plan<'_>) -> bool {
    plan.degraded == Some(Degraded::Invalid)
}

/// The statement, as a line; its parameters are left out.
fn statement(text: &str, begin: &Begin<'_>) -> Result<String, PlanError> {
    const KEY: &str = "Query Text:";
    let Some(query) = begin.query else {
        return Ok(String::new());
    };
    let before = text.get(..begin.root).unwrap_or_default();
    let all = before.split_once(KEY).map_or(before, |(_, all)| all);
    let mut outside = Outside::default();
    all.lines().for_each(|line| outside.read(line));
    if !outside.is_outside() {
        let what = "the statement before the plan has no end";
        return Err(PlanError::Invalid { at: 0, what });
    }
    Ok(format!("{KEY} {}\n", expression(Dialect::PostgreSql, query)))
}

/// Writes the lines of the plan. `strict` leaves out those whose keys are not known.
fn lines(
    out: &mut String,
    text: &str,
    begin: &Begin<'_>,
    strict: bool,
    limits: &Limits<'_>,
) -> Result<(), PlanError> {
    let mut column = None;
    for (count, line) in Lines::new(text, begin.root, begin.quotes).enumerate() {
        if count % PATIENCE == PATIENCE - 1 {
            limits.check_time()?;
        }
        if line.text.is_empty() || is_count(line.text) {
            continue;
        }
        let root = *column.get_or_insert(line.column);
        let is_first = count == 0;
        let said = if is_first || line.text.starts_with("->") {
            Some(node(line.text))
        } else if line.column > root {
            detail(&line, strict)
        } else if key_and_value(line.text).is_some() {
            property(line.text, strict)
        } else if header(line.text).figures {
            break;
        } else {
            None
        };
        // What was hidden may leave a space at the end, which is none of a line that is read.
        if let Some(said) = said.as_deref().map(str::trim_end).filter(|said| !said.is_empty()) {
            out.extend(std::iter::repeat_n(' ', line.column));
            out.push_str(said);
            out.push('\n');
            limits.check_written(out.len())?;
        }
        // What follows is the rest of a literal, until nobody knows where.
        if line.open {
            break;
        }
    }
    Ok(())
}

/// A line below a node.
fn detail(line: &Line<'_>, strict: bool) -> Option<String> {
    // First, because it does not depend on what is hidden in the value.
    if key_and_value(line.text).is_some() {
        return property(line.text, strict);
    }
    if is_label(line.text) {
        return Some(label(line.text));
    }
    is_target(line.text).then(|| expression(Dialect::PostgreSql, line.text))
}

/// `CTE w`, `SubPlan 1`, `InitPlan 1 (returns $0)`.
fn label(text: &str) -> String {
    if text
        .chars()
        .all(|c| c.is_alphanumeric() || " _$(),.-".contains(c))
    {
        return text.to_owned();
    }
    let end = text.find(' ').unwrap_or(text.len());
    let (kind, name) = text.split_at_checked(end).unwrap_or((text, ""));
    format!("{kind} {}", expression(Dialect::PostgreSql, name))
}

/// The first line of a node: its arrow, what it is, and those of its figures that are some.
fn node(text: &str) -> String {
    let (arrow, text) = match text.strip_prefix("->") {
        Some(rest) => ("->  ", rest.trim_start()),
        None => ("", text),
    };
    let split = find_unquoted(text, &FIGURES).unwrap_or(text.len());
    let (name, mut rest) = text.split_at_checked(split).unwrap_or((text, ""));
    let known = header(text);
    let hidden = expression(Dialect::PostgreSql, name.trim());
    let end = find_unquoted(&hidden, &[" using ", " on "]).unwrap_or(hidden.len());
    let name = match hidden.get(..end).map(unknown_kind) {
        _ if matches!(name.trim(), "" | "???") || hidden.is_empty() => "???",
        Some("???") | None if hidden == "?" || !(known.known || known.figures) => "???",
        _ => &hidden,
    };
    let mut line = format!("{arrow}{name}");
    let mut space = "  ";
    while let Some(at) = rest.find('(') {
        let group = rest.get(at + 1..).unwrap_or_default();
        let (inner, end, next) = match group.split_once(')') {
            Some((inner, next)) => (inner, ")", next),
            // Half of a number is another number; its place is kept, so that what is before it stays whole.
            None => (group.rsplit_once(' ').map_or("", |(whole, _)| whole), " ?", ""),
        };
        if is_group(inner) {
            line.push_str(&format!("{space}({inner}{end}"));
            space = " ";
        }
        rest = next;
    }
    line
}

/// Whether it is `cost=0.00..8.27 rows=1 width=4` or its like.
fn is_group(group: &str) -> bool {
    let is_item = |item: &str| match item.split_once('=') {
        Some((key, value)) => {
            matches!(key, "cost" | "rows" | "width" | "time" | "loops")
                && !value.is_empty()
                && value.bytes().all(|b| b.is_ascii_digit() || b".N".contains(&b))
        }
        // A number that a terminal has broken.
        None => {
            matches!(item, "actual" | "never" | "executed")
                || item.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        }
    };
    !group.trim().is_empty() && group.split_whitespace().all(is_item)
}

/// `Key: value`.
fn property(text: &str, strict: bool) -> Option<String> {
    let (key, value) = key_and_value(text)?;
    if strict && !is_known(key.trim_end_matches(|c: char| c.is_ascii_digit())) {
        return None;
    }
    if key.starts_with("Trigger ") {
        let key = expression(Dialect::PostgreSql, key);
        return Some(format!("{key}: {}", if is_figures(value) { value } else { "?" }));
    }
    let value = match meaning(key) {
        _ if value.is_empty() => return Some(format!("{key}:")),
        // Each has its value in quotes, and is told by them.
        _ if key == "Settings" => expression(Dialect::PostgreSql, value)
            .replace("= ?", "= '?'")
            .into(),
        Meaning::Unknown if figure(value).is_some() || matches!(value, "true" | "false") => value.into(),
        // Names are in quotes here where they need them.
        Meaning::Name | Meaning::Operation if !is_figures(value) => {
            expression(Dialect::PostgreSql, value).into()
        }
        Meaning::Name if matches!(key, "Sort Method" | "Storage") => value.into(),
        _ => hide(Dialect::PostgreSql, key, value),
    };
    // Nothing of it may be left.
    match value.trim() {
        "" => Some(format!("{key}:")),
        value => Some(format!("{key}: {value}")),
    }
}
