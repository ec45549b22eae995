//! Connections to MySQL and MariaDB.

mod advice;
mod arguments;
mod connect;
mod error;
mod lock;
mod others;
mod plans;
mod query;
mod rows;
mod schema;
mod text;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Connection, Row as _};

pub(crate) use self::advice::advice_of_mysql;
use self::arguments::with_arguments;
use self::error::{fault_of, fault_of_catalogue};
use self::query::unknown_parameters;
use self::rows::Rows;
pub(crate) use self::schema::dotted;
use crate::deadline::within;
use crate::fault::{Fault, FaultKind};
use crate::fence::{Lock, Locked};
use crate::names::{Names, Station};
use crate::reader::Reader;
use crate::session::{
    Activity, Connector, Described, Explain, Explained, Extension, LastQuestion, NoPlan, Query, Question,
    Refused, Session, Whose,
};
use crate::sqlquery::Answered;
use crate::target::TargetSpec;

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
pub(crate) struct Mysql {
    names: Names,
}

impl Mysql {
    /// Opens them for the node that these names are of.
    pub(crate) fn new(names: Names) -> Self {
        Self { names }
    }
}

/// One connection. Answers come as text, which is the same for all types and needs no prepared statement.
pub(crate) struct MysqlSession {
    connection: MySqlConnection,
    version: Version,
    timeout: Duration,
    /// How long the server itself lets a statement run, as it was told last.
    limit: Option<Duration>,
    /// The node whose session it is, if it is one's, and the names that tell it.
    node: Option<String>,
    names: Vec<String>,
    /// Whether the statements' instruments may be asked.
    has_events: bool,
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

    async fn connect(
        &self,
        target: &TargetSpec,
        (reader, _): (&Reader, &str),
        station: Station,
    ) -> Result<MysqlSession, Fault> {
        let timeout = reader.plan.timeout();
        let (connection, version) =
            within(timeout, Box::pin(connect::connect(&target.endpoint, reader))).await?;
        let node = self.names.node();
        let mut session = MysqlSession {
            connection,
            version,
            timeout,
            limit: None,
            node: node.map(str::to_owned),
            names: node.map_or_else(Vec::new, |node| others::names(self.names.lock(&target.id), node)),
            has_events: true,
            described: HashMap::new(),
            started: None,
        };
        if station == Station::Lane {
            session.take_name().await?;
        }
        Ok(session)
    }
}

impl Session for MysqlSession {
    fn version(&self) -> u32 {
        self.version.number
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        let timeout = self.timeout;
        within(timeout, async {
            self.limit(timeout).await?;
            ask(&mut self.connection, question).await
        })
        .await
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        let extension = schema::extension(&mut self.connection, self.version, name);
        within(self.timeout, extension).await
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        within(query.timeout, self.answer(query)).await
    }

    async fn explain(&mut self, explain: &Explain<'_>) -> Result<Explained, NoPlan> {
        within(self.timeout, plans::explain(self, explain)).await
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

    async fn activity(&mut self, whose: &Whose<'_>) -> Result<Activity, Fault> {
        self.activity_of(whose).await
    }

    async fn enlist(&mut self) -> Result<(), Fault> {
        self.take_name().await
    }

    async fn lock(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        self.take(lock).await
    }

    async fn holder(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        self.look(lock).await
    }

    async fn stamp(&mut self, lock: &Lock) -> Result<(), Fault> {
        self.write_epoch(lock).await
    }

    async fn end_lanes(&mut self, whose: &Whose<'_>) -> Result<Vec<LastQuestion>, Fault> {
        self.kill_lanes(whose).await
    }

    async fn end_session(&mut self, session: i64) -> Result<(), Fault> {
        self.kill(session).await
    }

    async fn close(self) {
        // A goodbye that fails or takes too long changes nothing: the connection is gone either way.
        let _ = tokio::time::timeout(GOODBYE, self.connection.close()).await;
    }
}

impl MysqlSession {
    /// Executes a statement as it is.
    #[cfg(test)]
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<(), Fault> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection);
        done.await.map(drop).map_err(|e| fault_of(&e))
    }

    /// Tells the server how long a statement may run: a little less than this side waits, so that the answer tells why.
    async fn limit(&mut self, timeout: Duration) -> Result<(), Fault> {
        if self.limit == Some(timeout) {
            return Ok(());
        }
        let limit = (timeout * 9 / 10).max(Duration::from_millis(10));
        let sql = if self.version.mariadb {
            format!(
                "/* ringwatch */ SET @ringwatch_reads = 1, SESSION max_statement_time = {}",
                limit.as_secs_f64()
            )
        } else {
            format!(
                "/* ringwatch */ SET @ringwatch_reads = 1, SESSION max_execution_time = {}",
                limit.as_millis()
            )
        };
        let set = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection);
        set.await.map_err(|e| fault_of(&e))?;
        self.limit = Some(timeout);
        Ok(())
    }
}

/// The answer to a question of the catalogue, as it streams in.
async fn ask(connection: &mut MySqlConnection, question: &Question<'_>) -> Result<RecordBatch, Fault> {
    let sql = with_arguments(question.sql, question.args);
    let mut rows = Rows::new(question.columns);
    let mut stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
    while let Some(row) = stream.try_next().await.map_err(|e| fault_of_catalogue(&e))? {
        let row: MySqlRow = row;
        rows.push(&row)?;
    }
    rows.finish()
}
