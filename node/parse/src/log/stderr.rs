//! The `stderr` format.

use std::borrow::Cow;

use super::entry::{Entry, message};
use super::prefix::Prefix;

/// The plan of a record, if it holds one.
pub(super) fn entry<'a>(record: &'a str, prefix: &Prefix) -> Option<Entry<'a>> {
    const MESSAGE: &str = ":  duration: ";
    let head = record.split('\n').next()?;
    let at = head.rfind(MESSAGE)? + ":  ".len();
    let before = record.get(..at)?;
    let (duration_ms, plan) = message(record.get(at..)?)?;
    let mut entry = prefix.read(before);
    entry.duration_ms = duration_ms;
    entry.plan = untabbed(plan);
    Some(entry)
}

/// Continuation lines begin with a tab of the log's own.
fn untabbed(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        out.push_str(line.strip_prefix('\t').unwrap_or(line));
    }
    Cow::Owned(out)
}
