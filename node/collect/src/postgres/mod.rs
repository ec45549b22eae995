//! Connections to PostgreSQL.

mod connect;
mod error;
mod explain;
mod lock;
mod others;
mod parameter;
mod query;
mod rows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampNanosecondType};
use futures::TryStreamExt;
use ringwatch_frame::ColumnType;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Postgres as Sql};

use self::error::fault_of;
use self::query::Shape;
use self::rows::Rows;
use crate::deadline::within;
use crate::fault::{Fault, FaultKind};
use crate::fence::{Lock, LockKey, Locked};
use crate::names::{Names, Station};
use crate::reader::{Reader, ReaderPlan};
use crate::session::{
    Activity, Arg, Asked, Connector, Described, Expected, Explain, Explained, Extension, LastQuestion,
    NoPlan, Query, Question, Refused, Session, Whose,
};
use crate::sqlquery::Answered;
use crate::target::TargetSpec;

/// The databases that can be connected to, after the receiver's lists.
const DATABASES: &str = "/* ringwatch */ SELECT d.datname::text FROM pg_catalog.pg_database d \
    WHERE d.datallowconn AND NOT d.datistemplate AND d.datconnlimit <> -2 \
    AND (cardinality($1::text[]) = 0 OR d.datname = ANY ($1::text[])) AND d.datname <> ALL ($2::text[]) ORDER BY 1";
/// The version of an extension and its schema.
const EXTENSION: &str = "/* ringwatch */ SELECT e.extversion::text, pg_catalog.quote_ident(n.nspname)::text \
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
    WHERE e.extname = ANY ($1::text[])";
/// Those of the roles whose rights we have.
const ROLES: &str = "/* ringwatch */ SELECT r.rolname::text FROM pg_catalog.pg_roles r \
    WHERE r.rolname = ANY ($1::text[]) AND pg_has_role(r.oid, 'USAGE')";
/// When the server started, in microseconds since the Unix epoch.
const STARTED: &str = "/* ringwatch */ SELECT (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8";
/// The longest that a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Opens connections to PostgreSQL.
#[derive(Debug)]
pub(crate) struct Postgres {
    names: Names,
}

impl Postgres {
    /// Opens them under these names.
    pub(crate) fn new(names: Names) -> Self {
        Self { names }
    }
}

/// One connection.
pub(crate) struct PgSession {
    connection: PgConnection,
    names: Names,
    /// The lock of the target.
    lock: LockKey,
    version: u32,
    plan: ReaderPlan,
    /// How long the server itself lets a statement run, as it was told last.
    limit: Duration,
    /// The statements of streams that have been asked, and so are prepared.
    asked: HashSet<Arc<str>>,
    /// What is known of users' statements.
    shapes: HashMap<Arc<str>, Arc<Shape>>,
    /// When the server started, once that was asked.
    started: Option<Option<i64>>,
}

impl Connector for Postgres {
    type Session = PgSession;

    async fn connect(
        &self,
        target: &TargetSpec,
        (reader, database): (&Reader, &str),
        station: Station,
    ) -> Result<PgSession, Fault> {
        let lock = self.names.lock(&target.id);
        let name = self.names.session(lock, station);
        let options = connect::options(&target.endpoint, reader, database)?.application_name(&name);
        let connect = Box::pin(connect::connect(&options));
        let connection = within(reader.plan.timeout(), connect).await?;
        let version = connection.server_version_num().ok_or_else(|| {
            Fault::new(
                FaultKind::Version,
                "the server does not tell its version: is it PostgreSQL?",
            )
        })?;
        Ok(PgSession {
            connection,
            names: self.names.clone(),
            lock,
            version,
            plan: reader.plan.clone(),
            limit: connect::statement_timeout(reader.plan.timeout()),
            asked: HashSet::new(),
            shapes: HashMap::new(),
            started: None,
        })
    }
}

impl Session for PgSession {
    fn version(&self) -> u32 {
        self.version
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        within(self.plan.timeout(), async {
            match stream_of(question.sql) {
                Some(stream) if !self.asked.contains(question.sql) => self.ask_first(&stream, question).await,
                _ => ask(&mut self.connection, question).await,
            }
        })
        .await
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        let args = [Arg::Texts(vec![name.to_owned()])];
        let [mut versions, mut schemas] = self.texts(EXTENSION, &args, ["version", "schema"]).await?;
        Ok(versions
            .pop()
            .zip(schemas.pop())
            .map(|(version, schema)| Extension { version, schema }))
    }

    async fn has_role(&mut self, name: &str) -> Result<bool, Fault> {
        let args = [Arg::Texts(vec![name.to_owned()])];
        Ok(!self.names(ROLES, &args).await?.is_empty())
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        let ReaderPlan::Engine(plan) = &self.plan else {
            return Ok(Vec::new());
        };
        let settings = plan.settings();
        let args = [
            Arg::Texts(settings.databases.clone()),
            Arg::Texts(settings.exclude_databases.clone()),
        ];
        self.names(DATABASES, &args).await
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        query::ask(self, query).await
    }

    async fn describe(&mut self, query: &Query<'_>) -> Result<Described, Refused> {
        query::describe(self, query).await
    }

    async fn explain(&mut self, explain: &Explain<'_>) -> Result<Explained, NoPlan> {
        explain::explain(self, explain).await
    }

    async fn started(&mut self) -> Result<Option<i64>, Fault> {
        if let Some(known) = self.started {
            return Ok(known);
        }
        let columns = [Expected {
            name: "started",
            kind: ColumnType::Time,
        }];
        let question = Question {
            sql: &STARTED.into(),
            args: &[],
            columns: &columns,
        };
        let batch = self.read(&question).await?;
        let column = batch.column(0).as_primitive_opt::<TimestampNanosecondType>();
        let started = column.and_then(|column| column.iter().next().flatten());
        self.started = Some(started);
        Ok(started)
    }

    async fn activity(&mut self, whose: &Whose<'_>) -> Result<Activity, Fault> {
        self.activity_of(whose).await
    }

    async fn enlist(&mut self) -> Result<(), Fault> {
        self.call(&self.names.session(self.lock, Station::Lane)).await
    }

    async fn lock(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        self.take(lock).await
    }

    async fn holder(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        self.look(lock).await
    }

    async fn stamp(&mut self, lock: &Lock) -> Result<(), Fault> {
        self.call(&self.names.holder(*lock)).await
    }

    async fn end_lanes(&mut self, whose: &Whose<'_>) -> Result<Vec<LastQuestion>, Fault> {
        self.terminate_lanes(whose).await
    }

    async fn end_session(&mut self, session: i64) -> Result<(), Fault> {
        self.terminate(session).await
    }

    async fn close(self) {
        // A goodbye that fails or takes too long changes nothing: the connection is gone either way.
        let _ = tokio::time::timeout(GOODBYE, self.connection.close()).await;
    }
}

impl PgSession {
    /// Asks a stream's statement for the first time. The driver prepares it before, and the server tells of a statement
    /// that is prepared the same as of one that was answered. Whoever ends this session must know which of the two it was:
    /// so it is asked in a transaction, and answered when that has ended.
    async fn ask_first(&mut self, stream: &str, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        self.run("/* ringwatch */ BEGIN READ ONLY".to_owned()).await?;
        let answer = ask(&mut self.connection, question).await;
        match answer {
            Ok(batch) => {
                self.run(format!("/* ringwatch {stream} */ COMMIT")).await?;
                if self.asked.len() >= connect::STATEMENTS / 2 {
                    self.asked.clear();
                }
                self.asked.insert(Arc::clone(question.sql));
                Ok(batch)
            }
            Err(fault) => {
                if !fault.kind.loses_connection() {
                    self.run("/* ringwatch */ ROLLBACK".to_owned()).await?;
                }
                Err(fault)
            }
        }
    }

    async fn run(&mut self, sql: String) -> Result<(), Fault> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection);
        done.await.map(drop).map_err(|e| fault_of(&e))
    }

    async fn names(&mut self, sql: &str, args: &[Arg]) -> Result<Vec<String>, Fault> {
        let [names] = self.texts(sql, args, ["name"]).await?;
        Ok(names)
    }

    /// The columns of an answer that holds texts and no nulls.
    async fn texts<const N: usize>(
        &mut self,
        sql: &str,
        args: &[Arg],
        names: [&str; N],
    ) -> Result<[Vec<String>; N], Fault> {
        let columns = names.map(|name| Expected {
            name,
            kind: ColumnType::Text,
        });
        let batch = self
            .read(&Question {
                sql: &sql.into(),
                args,
                columns: &columns,
            })
            .await?;
        Ok(std::array::from_fn(|at| {
            let column = batch.column(at).as_dictionary::<Int32Type>();
            let texts = column.values().as_string::<i32>();
            let text = |key: i32| usize::try_from(key).ok().map(|key| texts.value(key).to_owned());
            column.keys().iter().flatten().filter_map(text).collect()
        }))
    }
}

/// The stream whose statement this is.
fn stream_of(sql: &str) -> Option<String> {
    match Asked::of(Some(sql)) {
        Asked::Stream(name) => Some(name),
        Asked::Before | Asked::Unknown => None,
    }
}

/// The answer to `question`, as it streams in.
async fn ask(connection: &mut PgConnection, question: &Question<'_>) -> Result<RecordBatch, Fault> {
    let mut query = sqlx::query::<Sql>(AssertSqlSafe(Arc::clone(question.sql)));
    for arg in question.args {
        query = match arg {
            Arg::Texts(texts) => query.bind(texts),
            Arg::Int(number) => query.bind(*number),
            Arg::Ints(numbers) => query.bind(numbers),
        };
    }
    let mut rows = Rows::new(question.columns);
    let mut stream = query.fetch(connection);
    while let Some(row) = stream.try_next().await.map_err(|e| fault_of(&e))? {
        let row: PgRow = row;
        rows.push(&row)?;
    }
    rows.finish()
}
