//! What a server was asked, and by whom: read from its own log.

use anyhow::{Context, Result};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// One question, as the server wrote it down when it began to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The server's process that answered.
    pub backend: u32,
    /// What its session is called.
    pub application: String,
    /// Who asked.
    pub role: String,
    /// In which database.
    pub database: String,
    /// The first line of its text.
    pub text: String,
}

/// Reads the questions out of a log that was written with `log_statement=all` and the harness's line prefix. Lines
/// that are none are passed over.
pub fn read(log: &str) -> Vec<Question> {
    log.lines().filter_map(question).collect()
}

/// The time now, in milliseconds since 1970, as the server's log has it.
pub fn now() -> i64 {
    ringwatch_frame::Clock::system().now().unix_nanos() / 1_000_000
}

/// `2026-01-31 12:00:00.123 UTC [99] app=x user=u db=d LOG:  statement: select 1`, or `execute NAME: ...`.
fn question(line: &str) -> Option<Question> {
    let (head, words) = line.split_once("LOG:  ")?;
    let text = match words.strip_prefix("statement: ") {
        Some(text) => text,
        None => words.strip_prefix("execute ")?.split_once(": ")?.1,
    };
    let (time, rest) = head.split_once(" UTC [")?;
    let (backend, rest) = rest.split_once("] app=")?;
    let (application, rest) = rest.rsplit_once(" user=")?;
    let (role, database) = rest.trim_end().split_once(" db=")?;
    Some(Question {
        at: millis(time).ok()?,
        backend: backend.parse().ok()?,
        application: application.to_owned(),
        role: role.to_owned(),
        database: database.to_owned(),
        text: text.to_owned(),
    })
}

fn millis(time: &str) -> Result<i64> {
    let civil: DateTime = time.parse().with_context(|| format!("odd time {time}"))?;
    Ok(civil.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_from_other_lines() {
        let log = "\
1970-01-01 00:00:01.250 UTC [7] app=ringwatch user=watch_a db=postgres LOG:  execute sqlx_s_1: /* one */ select 1
\tselect 2
1970-01-01 00:00:02.000 UTC [8] app=a user=b user=root db=shop LOG:  statement: select 'LOG:  execute x: y'
1970-01-01 00:00:03.000 UTC [7] app=ringwatch user=watch_a db=postgres LOG:  disconnection: session time
1970-01-01 00:00:04.000 UTC [9] app=[unknown] user=[unknown] db=[unknown] LOG:  connection received: host=127.0.0.1
";
        let question = |at, backend, [application, role]: [&str; 2], database: &str, text: &str| Question {
            at,
            backend,
            application: application.into(),
            role: role.into(),
            database: database.into(),
            text: text.into(),
        };
        assert_eq!(
            read(log),
            [
                question(
                    1_250,
                    7,
                    ["ringwatch", "watch_a"],
                    "postgres",
                    "/* one */ select 1"
                ),
                question(
                    2_000,
                    8,
                    ["a user=b", "root"],
                    "shop",
                    "select 'LOG:  execute x: y'"
                ),
            ]
        );
    }
}
