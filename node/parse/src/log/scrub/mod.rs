//! Log messages without what they tell of data.
//!
//! PostgreSQL quotes data in its messages: the statement, its parameters, the row that broke a constraint,
//! the input that could not be parsed. Where a message is of a known form, that part is hidden and the rest
//! stays. Of any other message quoted texts and numbers are hidden, unless the word before a quoted name says
//! that it is one.

mod hide;
mod known;
mod rows;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::plan;
use crate::sql::{Dialect, obfuscate};

use hide::{Numbers, hide};

/// What stands for all that is hidden.
const HIDDEN: &str = "?";

/// The message without literals, data and parameters; as it is where it holds none. Doing it again changes
/// nothing.
///
/// What the message is is told from its text: it may also be a detail, a context, a hint or a statement.
/// Where the level is known, [`scrub_line`] is surer.
pub fn scrub_message(message: &str) -> Cow<'_, str> {
    let mut scrubbed = String::with_capacity(message.len());
    if let Some(split) = message
        .starts_with("duration: ")
        .then(|| message.split_once(" ms  plan:"))
        .flatten()
    {
        explained(split, &mut scrubbed);
        return same_or(message, scrubbed);
    }
    for segment in segments(message) {
        if !scrubbed.is_empty() {
            scrubbed.push('\n');
        }
        scrub_segment(segment, &mut scrubbed);
    }
    same_or(message, scrubbed)
}

/// The same of a line of this level (`LOG`, `ERROR`, `DETAIL`, `STATEMENT`, ...): statements and queries are
/// SQL, whatever they look like.
pub fn scrub_line<'a>(level: &str, message: &'a str) -> Cow<'a, str> {
    if !matches!(level, "STATEMENT" | "QUERY") {
        return scrub_message(message);
    }
    same_or(message, sql(message))
}

fn same_or(message: &str, scrubbed: String) -> Cow<'_, str> {
    if scrubbed == message {
        Cow::Borrowed(message)
    } else {
        Cow::Owned(scrubbed)
    }
}

/// `duration: 1.5 ms  plan:` and the plan, of which only what can be scrubbed is shown.
fn explained((head, plan): (&str, &str), out: &mut String) {
    hide(head, Numbers::Kept, out);
    out.push_str(" ms  plan:");
    match plan::scrub(plan.trim_matches('\n'), &plan::Limits::default()) {
        Ok(plan) => {
            out.push('\n');
            out.push_str(plan.trim_end());
        }
        Err(_) => {
            out.push(' ');
            out.push_str(HIDDEN);
        }
    }
}

/// SQL without literals; nothing of what is none.
fn sql(text: &str) -> String {
    obfuscate(Dialect::PostgreSql, text).unwrap_or_else(|_| HIDDEN.to_owned())
}

/// A message's parts: contexts and the statements of a deadlock stand below each other.
fn segments(message: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(message);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|text| text.find('\n')) {
            from += at + 1;
            let next = text.get(from..).unwrap_or_default();
            if known::begins_segment(next) {
                rest = Some(next);
                return text.get(..from - 1);
            }
        }
        Some(text)
    })
}

fn scrub_segment(text: &str, out: &mut String) {
    let (text, place) = known::split_place(text);
    scrub_part(text, out);
    out.push_str(place);
}

fn scrub_part(text: &str, out: &mut String) {
    if timed(text, out)
        || logged(text, out)
        || wrapped(text, out)
        || rows::scrub(text, out)
        || setting(text, out)
    {
        return;
    }
    if known::is_harmless(text) {
        hide(text, Numbers::Kept, out);
    } else if known::begins_statement(text) && !text.contains(": \"") {
        out.push_str(&sql(text));
    } else {
        hide(text, Numbers::Hidden, out);
    }
}

/// `duration: 1.5 ms  statement: SELECT 1`.
fn timed(text: &str, out: &mut String) -> bool {
    let Some((time, rest)) = text
        .strip_prefix("duration: ")
        .and_then(|rest| rest.split_once(" ms"))
    else {
        return false;
    };
    if time.parse::<f64>().is_err() {
        return false;
    }
    out.push_str("duration: ");
    out.push_str(time);
    out.push_str(" ms");
    let body = rest.trim_start();
    if body.is_empty() {
        return true;
    }
    out.push_str("  ");
    if !logged(body, out) {
        hide(body, Numbers::Hidden, out);
    }
    true
}

/// `statement: SELECT 1`, `execute S_1: SELECT 1`.
fn logged(text: &str, out: &mut String) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '<' | '>' | '/' | ' ' | '-' | '.');
    let Some((head, statement)) = text.split_once(": ") else {
        return false;
    };
    let word = head.split(' ').next().unwrap_or_default();
    if word == "AUDIT" {
        return audited(statement, out);
    }
    let is_logged = matches!(
        word,
        "statement" | "execute" | "bind" | "parse" | "prepare" | "fetch"
    );
    if !is_logged || !head.chars().all(is_name) {
        return false;
    }
    out.push_str(head);
    out.push_str(": ");
    out.push_str(&sql(statement));
    true
}

/// What pgaudit writes: class, two numbers, command and object, then the statement and its parameters.
fn audited(text: &str, out: &mut String) -> bool {
    let mut fields = text.splitn(7, ',');
    out.push_str("AUDIT: ");
    for field in fields.by_ref().take(6) {
        let is_plain = field
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '.'));
        out.push_str(if is_plain { field } else { HIDDEN });
        out.push(',');
    }
    out.push_str(HIDDEN);
    true
}

/// SQL behind words or within quotes: `SQL statement "SELECT 1"`, `Process 7: SELECT 1`.
fn wrapped(text: &str, out: &mut String) -> bool {
    let Some(head) = known::before_statement(text) else {
        return false;
    };
    let rest = text.get(head.len()..).unwrap_or_default();
    out.push_str(head);
    if !head.ends_with('"') {
        out.push_str(&sql(rest));
        return true;
    }
    let (statement, tail) = rest.rsplit_once('"').unwrap_or((rest, ""));
    out.push_str(&sql(statement));
    out.push('"');
    hide(tail, Numbers::Hidden, out);
    true
}

/// `parameter "work_mem" changed to "4MB"`: a number or a switch is no secret, a connection string is one.
fn setting(text: &str, out: &mut String) -> bool {
    let Some((name, value)) = text
        .strip_prefix("parameter \"")
        .and_then(|rest| rest.split_once("\" changed to \""))
    else {
        return false;
    };
    let value = value.strip_suffix('"').unwrap_or(value);
    let is_name = name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let is_number = value.starts_with(|c: char| c.is_ascii_digit())
        && value.len() <= 12
        && value
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len()
            <= 3;
    let is_plain = is_number || matches!(value, "on" | "off" | "true" | "false" | "none" | "all");
    out.push_str("parameter \"");
    out.push_str(if is_name { name } else { HIDDEN });
    out.push_str("\" changed to \"");
    out.push_str(if is_plain { value } else { HIDDEN });
    out.push('"');
    true
}
