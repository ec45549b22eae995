//! SQL on a server of the harness.

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use super::{MONITOR, MONITOR_PASSWORD, SUPERUSER, SUPERUSER_PASSWORD, Server, Wish};

impl Server {
    /// A session of the superuser in `database`. It is named `harness` at the server.
    ///
    /// # Errors
    /// The server does not let it in.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(SUPERUSER)
            .password(SUPERUSER_PASSWORD)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("harness")
            .disable_statement_logging()
            .connect()
            .await
            .with_context(|| format!("connect to {database} on port {}", self.port))
    }

    /// Runs statements, separated by semicolons, in a session of their own.
    ///
    /// # Errors
    /// The server refuses one.
    pub async fn execute(&self, database: &str, sql: &str) -> Result<()> {
        execute(&mut self.connect(database).await?, sql).await
    }

    /// The one number that a query answers, in a session of its own.
    ///
    /// # Errors
    /// The server refuses it, or it is not one number.
    pub async fn number(&self, database: &str, sql: &str) -> Result<i64> {
        number(&mut self.connect(database).await?, sql).await
    }

    pub(super) async fn make_roles(&self, wish: &Wish) -> Result<()> {
        let mut sql = format!("create role {MONITOR} login password '{MONITOR_PASSWORD}';");
        if wish.grant {
            sql.push_str("grant pg_monitor to monitor;");
        }
        if wish.statements {
            sql.push_str("create extension pg_stat_statements;");
        }
        self.execute("postgres", &sql).await
    }
}

/// Runs statements in a session that is kept.
///
/// # Errors
/// The server refuses one.
pub async fn execute(session: &mut PgConnection, sql: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(session)
        .await
        .with_context(|| sql.to_owned())?;
    Ok(())
}

/// The one number that a query answers.
///
/// # Errors
/// The server refuses it, or it is not one number.
pub async fn number(session: &mut PgConnection, sql: &str) -> Result<i64> {
    let wrapped = format!("select q.n::int8 from ({sql}) as q(n)");
    let row = sqlx::query(AssertSqlSafe(wrapped))
        .fetch_one(session)
        .await
        .with_context(|| sql.to_owned())?;
    Ok(row.try_get(0)?)
}

/// The rows of a query of two columns, a text and a number. Rows without a number are left out.
///
/// # Errors
/// The server refuses it, or the columns are others.
pub async fn pairs(session: &mut PgConnection, sql: &str) -> Result<Vec<(String, f64)>> {
    let wrapped = format!("select q.k::text, q.v::float8 from ({sql}) as q(k, v) where q.v is not null");
    let rows = sqlx::query(AssertSqlSafe(wrapped))
        .fetch_all(session)
        .await
        .with_context(|| sql.to_owned())?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}
