//! The `csvlog` format, with the 23 to 26 columns of versions 9 to 18.

use std::borrow::Cow;

use super::entry::{Entry, message, some};
use super::reader::Unreadable;
use super::time::milliseconds;
use crate::quoted::doubled;

/// The columns that are looked at.
const TIME: usize = 0;
const USER: usize = 1;
const DATABASE: usize = 2;
const MESSAGE: usize = 13;
const QUERY_ID: usize = 25;
/// What every version has.
const COLUMNS: usize = 23;

/// The plan of a record, if it holds one.
pub(super) fn entry(record: &str) -> Result<Option<Entry<'_>>, Unreadable> {
    let mut entry = Entry::default();
    let mut message_text = None;
    let mut rest = Some(record.trim_end_matches(['\n', '\r']));
    let mut count = 0;
    while let Some(text) = rest {
        let (field, next) = field(text).ok_or(Unreadable)?;
        match count {
            TIME => entry.time_ms = milliseconds(&field).ok_or(Unreadable)?,
            USER => entry.user = some(field),
            DATABASE => entry.database = some(field),
            MESSAGE => message_text = Some(field),
            QUERY_ID => entry.query_id = field.parse().ok().filter(|id| *id != 0),
            _ => {}
        }
        rest = next;
        count += 1;
    }
    if count < COLUMNS {
        return Err(Unreadable);
    }
    let Some((duration_ms, plan)) = message_text.and_then(plan) else {
        return Ok(None);
    };
    entry.duration_ms = duration_ms;
    entry.plan = plan;
    Ok(Some(entry))
}

fn plan(text: Cow<'_, str>) -> Option<(f64, Cow<'_, str>)> {
    match text {
        Cow::Borrowed(text) => message(text).map(|(duration, plan)| (duration, Cow::Borrowed(plan))),
        Cow::Owned(text) => message(&text).map(|(duration, plan)| (duration, Cow::Owned(plan.to_owned()))),
    }
}

/// The first field of a text, and what follows its comma.
fn field(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return Some(match text.split_once(',') {
            Some((field, rest)) => (Cow::Borrowed(field), Some(rest)),
            None => (Cow::Borrowed(text), None),
        });
    };
    let (field, rest) = doubled(quoted)?;
    let next = if rest.is_empty() {
        None
    } else {
        Some(rest.strip_prefix(',')?)
    };
    Some((field, next))
}
