//! The last word of a node: its books, as it closed them.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The message of the line that holds them.
const MESSAGE: &str = "the books are closed";

/// What was read over the node's life, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct LastBooks {
    /// Rows read from databases.
    #[serde(rename = "collected_rows")]
    pub collected: u64,
    /// Copies made for further pipelines and exporters.
    #[serde(rename = "copied_rows")]
    pub copied: u64,
    /// Rows delivered.
    #[serde(rename = "delivered_rows")]
    pub delivered: u64,
    /// Rows lost for any reason.
    #[serde(rename = "dropped_rows")]
    pub dropped: u64,
    /// Those of them of whose ticks another node's reading counts.
    #[serde(rename = "superseded_rows", default)]
    pub superseded: u64,
    balanced: bool,
}

impl LastBooks {
    /// Rows lost: dropped for any reason but that another node's reading of the tick counts.
    pub fn lost(&self) -> u64 {
        self.dropped.saturating_sub(self.superseded)
    }

    /// Finds them in the log of a node that has ended.
    ///
    /// # Errors
    /// They are not there, lack a figure, or do not balance.
    pub fn read(log: &str) -> Result<Self> {
        let line = log.lines().rev().find(|line| line.contains(MESSAGE));
        let line = line.with_context(|| format!("the node ended without the words {MESSAGE:?}"))?;
        let books: Self = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let (into, out) = (books.collected + books.copied, books.delivered + books.dropped);
        ensure!(
            books.balanced && into == out,
            "the last books do not balance: {books:?}"
        );
        Ok(books)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(collected: u64, delivered: u64, dropped: u64, balanced: bool) -> String {
        format!(
            r#"{{"level":"INFO","msg":"{MESSAGE}","collected_rows":{collected},"copied_rows":2,"delivered_rows":{delivered},"dropped_rows":{dropped},"balanced":{balanced}}}"#
        )
    }

    #[test]
    fn balance() {
        let table = [
            (line(10, 9, 3, true), Some((9, 3))),
            (line(0, 2, 0, true), Some((2, 0))),
            (line(10, 9, 2, true), None),
            (line(10, 9, 3, false), None),
            (r#"{"msg":"stopped"}"#.into(), None),
            (format!(r#"{{"msg":"{MESSAGE}","collected_rows":1}}"#), None),
        ];
        for (line, wanted) in table {
            let log = format!("no JSON\n{line}\n{{\"msg\":\"stopped\"}}\n");
            let read = LastBooks::read(&log).map(|books| (books.delivered, books.dropped));
            assert_eq!(read.ok(), wanted, "{line}");
        }
    }
}
