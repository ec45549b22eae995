//! The state of `performance_schema`, which the catalogue's streams read.

use futures::TryStreamExt;
use sqlx::AssertSqlSafe;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::Version;
use super::error::fault_of_catalogue;
use super::rows::texts;
use crate::fault::{Fault, FaultKind};
use crate::session::Extension;

/// Its name, which the catalogue's streams require as if it were an extension.
const NAME: &str = "performance_schema";
/// The texts of statements as they were sent, which streams of plans require.
const TEXTS: &str = "performance_schema.events_statements";
/// Whether it is on.
const ON: &str = "/* ringwatch */ SELECT @@performance_schema AS ringwatch_reads";
/// Whether it counts statements.
const COUNTS: &str = "/* ringwatch */ SELECT ringwatch_reads.ENABLED FROM performance_schema.setup_consumers \
    ringwatch_reads WHERE ringwatch_reads.NAME = 'statements_digest'";

/// Whether it keeps what was executed last.
const KEEPS: &str = "/* ringwatch */ SELECT ringwatch_reads.ENABLED FROM performance_schema.setup_consumers \
    ringwatch_reads WHERE ringwatch_reads.NAME = 'events_statements_current'";

/// The first version of MySQL that keeps an example of each statement that it counts.
const EXAMPLES_FROM: u32 = 80_003;
/// Where the examples stand.
const EXAMPLES: &str = "(select concat(ringwatch_reads.DIGEST, '/', coalesce(ringwatch_reads.SCHEMA_NAME, '')) as `key`, \
    ringwatch_reads.QUERY_SAMPLE_TEXT as query, ringwatch_reads.SCHEMA_NAME as place \
    from performance_schema.events_statements_summary_by_digest ringwatch_reads)";
/// Where there are none: one of what was executed last, a whole one if there is.
const EXECUTED: &str = "(select concat(ringwatch_reads.DIGEST, '/', coalesce(ringwatch_reads.CURRENT_SCHEMA, '')) as `key`, \
    coalesce(max(case when right(ringwatch_reads.SQL_TEXT, 3) <> '...' then ringwatch_reads.SQL_TEXT end), \
    max(ringwatch_reads.SQL_TEXT)) as query, max(ringwatch_reads.CURRENT_SCHEMA) as place from (\
    select DIGEST, CURRENT_SCHEMA, SQL_TEXT from performance_schema.events_statements_history_long union all \
    select DIGEST, CURRENT_SCHEMA, SQL_TEXT from performance_schema.events_statements_history union all \
    select DIGEST, CURRENT_SCHEMA, SQL_TEXT from performance_schema.events_statements_current) ringwatch_reads \
    where ringwatch_reads.DIGEST is not null and ringwatch_reads.SQL_TEXT is not null \
    group by ringwatch_reads.DIGEST, coalesce(ringwatch_reads.CURRENT_SCHEMA, ''))";

/// `performance_schema` as an extension of the server's own version, when it is on and counts statements. In place of
/// its schema, that of the texts is where they stand, which is not the same on all servers.
pub(super) async fn extension(
    connection: &mut MySqlConnection,
    version: Version,
    name: &str,
) -> Result<Option<Extension>, Fault> {
    if ![NAME, TEXTS].contains(&name) {
        return Ok(None);
    }
    if first(connection, ON).await?.as_deref() != Some("1") {
        return Err(Fault::new(
            FaultKind::NotLoaded,
            "the server's performance_schema is off, so that it does not count statements",
        ));
    }
    if first(connection, COUNTS).await?.as_deref() != Some("YES") {
        return Err(Fault::new(
            FaultKind::Absent,
            "the consumer `statements_digest` of performance_schema is off, so that statements are not counted",
        ));
    }
    let examples = !version.mariadb && version.number >= EXAMPLES_FROM;
    if name == TEXTS && !examples && first(connection, KEEPS).await?.as_deref() != Some("YES") {
        return Err(Fault::new(
            FaultKind::Absent,
            "the consumers `events_statements_current` and `events_statements_history_long` of performance_schema \
             are off, so that there is no text to explain",
        ));
    }
    let schema = match (name, examples) {
        (TEXTS, true) => EXAMPLES,
        (TEXTS, false) => EXECUTED,
        _ => NAME,
    };
    Ok(Some(Extension {
        version: dotted(version.number),
        schema: schema.to_owned(),
    }))
}

/// The first value of the answer.
async fn first(connection: &mut MySqlConnection, sql: &'static str) -> Result<Option<String>, Fault> {
    let mut found = None;
    for row in rows(connection, sql.to_owned()).await? {
        found = found.or_else(|| row.into_iter().next().flatten());
    }
    Ok(found)
}

/// All rows of a small answer.
pub(super) async fn rows(
    connection: &mut MySqlConnection,
    sql: String,
) -> Result<Vec<Vec<Option<String>>>, Fault> {
    let mut out = Vec::new();
    let mut stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
    while let Some(row) = stream.try_next().await.map_err(|e| fault_of_catalogue(&e))? {
        let row: MySqlRow = row;
        let texts = texts(&row)?.into_iter();
        out.push(texts.map(|text| text.map(std::borrow::Cow::into_owned)).collect());
    }
    Ok(out)
}

/// A version as people write it: 101106 is 10.11.6.
pub(crate) fn dotted(version: u32) -> String {
    format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_written_as_people_do() {
        for (number, expected) in [(101_106, "10.11.6"), (80_036, "8.0.36"), (90_700, "9.7.0")] {
            assert_eq!(dotted(number), expected);
        }
    }
}
