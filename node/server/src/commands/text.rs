//! Answers of a node as text: tables for people, times, and what is safe to print.

use std::fmt::Write as _;

use serde::Serialize;

use super::print;
use crate::cli::{Client, Output};

/// Prints an answer as it is wanted.
pub(super) fn show(
    client: &Client,
    json: &impl Serialize,
    table: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    match client.output {
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(json)?)),
        Output::Table => print(&table()),
    }
}

/// A time as RFC 3339; nothing for what is no time.
pub(super) fn time(time: &prost_types::Timestamp) -> Option<String> {
    let time = jiff::Timestamp::new(time.seconds, time.nanos).ok()?;
    Some(time.to_string())
}

/// The same to the second; nothing for nothing.
pub(super) fn to_the_second(at: Option<&prost_types::Timestamp>) -> String {
    let whole = at.map(|at| prost_types::Timestamp { nanos: 0, ..*at });
    whole.as_ref().and_then(time).unwrap_or_default()
}

/// A length of time in seconds, as the JSON of protobuf has it: `1.050s`.
pub(super) fn seconds(time: &prost_types::Duration) -> String {
    let millis = i128::from(time.seconds) * 1000 + i128::from(time.nanos / 1_000_000);
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}s", millis / 1000, millis % 1000)
}

/// Columns as wide as their widest cell, two spaces between them.
pub(super) fn aligned<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(dash(cell).chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let mut line = String::new();
        for (cell, width) in cells.into_iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(head);
    for row in rows {
        line(row.each_ref().map(|cell| dash(cell)));
    }
    text
}

/// What is empty is seen to be.
pub(super) fn dash(cell: &str) -> &str {
    if cell.is_empty() { "-" } else { cell }
}

/// A text of another program, without what would steer the terminal.
pub(super) fn plain(text: &str) -> String {
    let visible = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(visible).collect()
}
