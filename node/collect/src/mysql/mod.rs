//! Connections to MySQL and MariaDB.

mod connect;
mod error;
mod text;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column, Connection, Executor, Row as _, SqlSafeStr, Statement as _, TypeInfo as _,
};

use self::error::{fault_of, refused};
use self::text::{bits, cell, column_type};
use crate::fault::{Fault, FaultKind};
use crate::reader::Reader;
use crate::session::{Connector, Described, Query, Refused, Session};
use crate::sqlquery::{Answer, Answered};
use crate::target::TargetSpec;

/// The most statements whose columns a session remembers.
const MOST_SHAPES: usize = 64;
/// The longest that a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// When the server started, in whole seconds since the Unix epoch.
const STARTED: &str = "SELECT CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED) AS started \
    FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'";
/// The same on MariaDB, where the table stands elsewhere.
const STARTED_MARIADB: &str = "SELECT CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED) AS started \
    FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'";

/// Opens connections to MySQL and MariaDB.
#[derive(Debug)]
pub(crate) struct Mysql;

/// One connection. Answers come as text, which is the same for all types and needs no prepared statement.
pub(crate) struct MysqlSession {
    connection: MySqlConnection,
    version: Version,
    timeout: Duration,
    /// How long the server itself lets a statement run, as it was told last.
    limit: Option<Duration>,
    /// The columns of each statement: an answer without rows does not tell them.
    described: HashMap<Arc<str>, Arc<Shape>>,
    /// When the server started, once that was asked.
    started: Option<Option<i64>>,
}

/// What a server says of a statement that it has prepared.
struct Shape {
    columns: Described,
    parameters: usize,
}

/// The version of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    /// 101106 is 10.11.6.
    number: u32,
    mariadb: bool,
}

impl Connector for Mysql {
    type Session = MysqlSession;

    async fn connect(&self, target: &TargetSpec, reader: &Reader, _: &str) -> Result<MysqlSession, Fault> {
        let timeout = reader.plan.timeout();
        let (connection, version) =
            within(timeout, Box::pin(connect::connect(&target.endpoint, reader))).await?;
        Ok(MysqlSession {
            connection,
            version,
            timeout,
            limit: None,
            described: HashMap::new(),
            started: None,
        })
    }
}

impl Session for MysqlSession {
    fn version(&self) -> u32 {
        self.version.number
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        within(query.timeout, self.answer(query)).await
    }

    async fn describe(&mut self, query: &Query<'_>) -> Result<Described, Refused> {
        let shape = within(query.timeout, self.shape(query.sql)).await?;
        if shape.parameters > usize::from(query.tracking.is_some()) {
            return Err(unknown_parameters(shape.parameters).into());
        }
        Ok(shape.columns)
    }

    async fn started(&mut self) -> Result<Option<i64>, Fault> {
        if let Some(known) = self.started {
            return Ok(known);
        }
        let sql = if self.version.mariadb {
            STARTED_MARIADB
        } else {
            STARTED
        };
        let row = within(self.timeout, async {
            let row = sqlx::raw_sql(sql).fetch_optional(&mut self.connection).await;
            row.map_err(|e| fault_of(&e))
        });
        let row: Option<MySqlRow> = match row.await {
            Ok(row) => row,
            // A sum without its start is better than none.
            Err(fault)
                if matches!(
                    fault.kind,
                    FaultKind::Grant | FaultKind::Query | FaultKind::Statement
                ) =>
            {
                None
            }
            Err(fault) => return Err(fault),
        };
        let text =
            row.and_then(|row| Some(String::from_utf8_lossy(row.try_get_unchecked(0).ok()?).into_owned()));
        let seconds = text.and_then(|text| text.trim().parse::<i64>().ok());
        let started = seconds.and_then(|seconds| seconds.checked_mul(1_000_000_000));
        self.started = Some(started);
        Ok(started)
    }

    async fn close(self) {
        // A goodbye that fails or takes too long changes nothing: the connection is gone either way.
        let _ = tokio::time::timeout(GOODBYE, self.connection.close()).await;
    }
}

impl MysqlSession {
    async fn answer(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        self.limit(query.timeout).await?;
        let shape = match self.described.get(query.sql) {
            Some(known) => Arc::clone(known),
            None => {
                let shape = Arc::new(self.shape(query.sql).await?);
                if self.described.len() >= MOST_SHAPES {
                    self.described.clear();
                }
                self.described.insert(Arc::clone(query.sql), Arc::clone(&shape));
                shape
            }
        };
        let mut answer = Answer::new(query, &shape.columns)?;
        let text = match (shape.parameters, query.tracking) {
            (0, _) => query.sql.to_string(),
            (1, Some(value)) => self.prepare(query.sql, value).await?,
            (parameters, _) => return Err(unknown_parameters(parameters).into()),
        };
        let mut rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await.map_err(|e| refused(&e))? {
            let row: MySqlRow = row;
            push(&mut answer, &row, &shape.columns)?;
        }
        Ok(answer.finish()?)
    }

    /// Prepares the statement under a name, and gives what executes it with `value`. Neither the statement nor the
    /// value is written into SQL as it is: both go as the hexadecimal digits of their bytes.
    async fn prepare(&mut self, sql: &str, value: Option<&str>) -> Result<String, Refused> {
        let value = value.map_or_else(|| "NULL".to_owned(), literal);
        for statement in [
            format!("SET @ringwatch_sql = {}, @ringwatch_last = {value}", literal(sql)),
            "PREPARE ringwatch FROM @ringwatch_sql".to_owned(),
        ] {
            let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut self.connection);
            done.await.map_err(|e| refused(&e))?;
        }
        Ok("EXECUTE ringwatch USING @ringwatch_last".to_owned())
    }

    /// Executes a statement as it is.
    #[cfg(test)]
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<(), Fault> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection);
        done.await.map(drop).map_err(|e| fault_of(&e))
    }

    /// What the statement yields and takes, without executing it.
    async fn shape(&mut self, sql: &Arc<str>) -> Result<Shape, Refused> {
        let text = AssertSqlSafe(Arc::clone(sql)).into_sql_str();
        let statement = (&mut self.connection).prepare(text).await;
        let statement: sqlx::mysql::MySqlStatement = statement.map_err(|e| refused(&e))?;
        let parameters = statement.parameters();
        Ok(Shape {
            columns: statement.columns().iter().map(column_type).collect(),
            parameters: parameters.map_or(0, |known| known.either(<[_]>::len, |count| count)),
        })
    }

    /// Tells the server how long a statement may run: a little less than this side waits, so that the answer tells why.
    async fn limit(&mut self, timeout: Duration) -> Result<(), Refused> {
        if self.limit == Some(timeout) {
            return Ok(());
        }
        let limit = (timeout * 9 / 10).max(Duration::from_millis(10));
        let sql = if self.version.mariadb {
            format!("SET SESSION max_statement_time = {}", limit.as_secs_f64())
        } else {
            format!("SET SESSION max_execution_time = {}", limit.as_millis())
        };
        let set = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection);
        set.await.map_err(|e| refused(&e))?;
        self.limit = Some(timeout);
        Ok(())
    }
}

fn unknown_parameters(count: usize) -> Fault {
    let message =
        format!("the statement has {count} parameters; there is only one `?`, with `tracking_column`");
    Fault::new(FaultKind::Query, &message)
}

fn push(answer: &mut Answer, row: &MySqlRow, described: &Described) -> Result<(), Refused> {
    let names = row.columns().iter().map(Column::name);
    if !names.eq(described.iter().map(|(name, _)| name.as_str())) {
        // It was prepared before a table was changed.
        return Err(Fault::new(FaultKind::Stale, "the statement's columns have changed").into());
    }
    let mut texts = Vec::with_capacity(described.len());
    for column in row.columns() {
        let bytes: Option<&[u8]> = row.try_get_unchecked(column.ordinal()).map_err(|e| refused(&e))?;
        let is_bits = column.type_info().name() == "BIT";
        texts.push(bytes.map(|bytes| {
            if is_bits {
                bits(bytes)
            } else {
                String::from_utf8_lossy(bytes)
            }
        }));
    }
    let cells: Vec<_> = texts
        .iter()
        .zip(described)
        .map(|(text, (_, kind))| cell(text.as_deref(), *kind))
        .collect();
    Ok(answer.push(&cells)?)
}

/// `text` as a literal that needs no escaping, whatever the session's SQL mode.
fn literal(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() * 2 + 32);
    out.push_str("CONVERT(x'");
    for byte in text.bytes() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out.push_str("' USING utf8mb4)");
    out
}

/// What comes of `work`, unless it takes longer than `deadline`.
async fn within<T, E: From<Fault>>(
    deadline: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| {
        let message = format!("no answer within {deadline:?}");
        Err(Fault::new(FaultKind::Deadline, &message).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_holds_any_text_and_no_quote_of_it() {
        assert_eq!(literal("a'b"), "CONVERT(x'612762' USING utf8mb4)");
        assert_eq!(literal(""), "CONVERT(x'' USING utf8mb4)");
        assert_eq!(literal("\u{e9}"), "CONVERT(x'c3a9' USING utf8mb4)");
    }
}
