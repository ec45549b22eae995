//! Plans, by plain EXPLAIN. Nothing of what is explained is executed.
//!
//! Each is asked for in a transaction of its own that is read-only and has limits of its own, so that a pooler
//! keeps it on one connection and nothing of it stays behind. A text goes to the server in the extended protocol first,
//! in which a text that is more than one statement is refused.

use std::time::Duration;

use futures::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor, Postgres as Sql, Row, ValueRef};

use super::PgSession;
use super::connect::statement_timeout;
use super::error::{fault_of, told};
use crate::deadline::within;
use crate::fault::{Fault, FaultKind};
use crate::plans::Reason;
use crate::session::{Explain, Explained, NoPlan};

/// What all of these statements begin with.
const MARK: &str = "/* ringwatch postgresql.plans */ ";
/// How long the server may look for a plan.
const MOST: Duration = Duration::from_secs(1);
/// The first major version with `EXPLAIN (GENERIC_PLAN)`.
const GENERIC: u32 = 16;
/// The options of EXPLAIN before.
const JSON: &str = "(FORMAT JSON, VERBOSE off, COSTS on)";
/// The options of EXPLAIN from then on. It shows all partitions, where nulls would leave none.
const GENERIC_JSON: &str = "(GENERIC_PLAN, FORMAT JSON, VERBOSE off, COSTS on)";
/// What is prepared outlives the transaction, so it goes before that ends.
const DEALLOCATE: &str = "DEALLOCATE ringwatch";
/// A function that is falsely declared IMMUTABLE may have set something or taken a lock while the server planned. Nothing
/// of that stays: this session holds no lock of its own.
const END: &str = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()";
/// Where a role finds its names unless it was told otherwise.
const USUAL_PATH: &str = "\"$user\", public";

/// The limits and the search path of this transaction alone.
const SETTINGS: &str = "SELECT pg_catalog.set_config('search_path', $1, true), \
    pg_catalog.set_config('lock_timeout', '100ms', true), \
    pg_catalog.set_config('statement_timeout', $2, true), \
    pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)";

/// Asks for a plan, within the receiver's timeout.
pub(super) async fn explain(session: &mut PgSession, explain: &Explain<'_>) -> Result<Explained, NoPlan> {
    let (deadline, major) = (session.plan.timeout(), session.version / 10_000);
    let limit = format!("{}ms", statement_timeout(deadline).min(MOST).as_millis());
    let connection = &mut session.connection;
    let asked = within(deadline, async {
        run(connection, "BEGIN READ ONLY").await?;
        let path = search_path(explain.place, explain.role);
        let asked = asked(connection, explain, major, (&path, &limit)).await;
        if !matches!(&asked, Err(NoPlan::Fault(_))) {
            run(connection, END).await?;
        }
        asked
    });
    asked.await.map_err(|no_plan| match no_plan {
        // The transaction may be open still, and the statement prepared.
        NoPlan::Fault(fault) if !fault.kind.loses_connection() => NoPlan::Fault(Fault {
            kind: FaultKind::Stale,
            ..fault
        }),
        other => other,
    })
}

async fn asked(
    connection: &mut PgConnection,
    explain: &Explain<'_>,
    major: u32,
    (path, limit): (&str, &str),
) -> Result<Explained, NoPlan> {
    let settings = sqlx::query::<Sql>(AssertSqlSafe(format!("{MARK}{SETTINGS}")));
    let settings = settings.bind(path).bind(limit).execute(&mut *connection);
    settings.await.map_err(|e| no_plan(&e))?;
    let text = explain.text.trim_end().trim_end_matches(';');
    if explain.parameters == 0 {
        let (options, source) = if major >= GENERIC {
            (GENERIC_JSON, "generic")
        } else {
            (JSON, "explain")
        };
        let plan = fetch(connection, format!("{MARK}EXPLAIN {options} {text}")).await?;
        return Ok(Explained { plan, source });
    }
    // The server refuses to prepare a text that is more than one statement, whatever it holds.
    extended(connection, format!("{MARK}PREPARE ringwatch AS {text}")).await?;
    if major >= GENERIC {
        run(connection, DEALLOCATE).await?;
        // In the extended protocol it would want values for the parameters, and plan for these.
        let plan = fetch_simple(connection, format!("{MARK}EXPLAIN {GENERIC_JSON} {text}")).await?;
        let source = "generic";
        return Ok(Explained { plan, source });
    }
    run(connection, "SAVEPOINT ringwatch").await?;
    let nulls = vec!["NULL"; explain.parameters].join(", ");
    let plan = fetch(
        connection,
        format!("{MARK}EXPLAIN {JSON} EXECUTE ringwatch({nulls})"),
    )
    .await;
    if matches!(&plan, Err(NoPlan::Refused(..))) {
        run(connection, "ROLLBACK TO SAVEPOINT ringwatch").await?;
    }
    if !matches!(&plan, Err(NoPlan::Fault(_))) {
        run(connection, DEALLOCATE).await?;
    }
    let source = "prepared";
    Ok(Explained { plan: plan?, source })
}

/// Executes a statement of ours.
async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), NoPlan> {
    let done = connection.execute(AssertSqlSafe(format!("{MARK}{sql}"))).await;
    // That one of these fails says nothing of the statement that is explained.
    done.map(drop).map_err(|e| NoPlan::Fault(fault_of(&e)))
}

/// Executes a statement that holds a text of others.
async fn extended(connection: &mut PgConnection, sql: String) -> Result<(), NoPlan> {
    let query = sqlx::query::<Sql>(AssertSqlSafe(sql)).persistent(false);
    query.execute(connection).await.map(drop).map_err(|e| no_plan(&e))
}

/// The plan that an EXPLAIN answers.
async fn fetch(connection: &mut PgConnection, sql: String) -> Result<String, NoPlan> {
    let query = sqlx::query::<Sql>(AssertSqlSafe(sql)).persistent(false);
    let row = query.fetch_one(connection).await;
    plan_in(&row.map_err(|e| no_plan(&e))?)
}

/// The plan that an EXPLAIN with parameters that nobody gives answers.
async fn fetch_simple(connection: &mut PgConnection, sql: String) -> Result<String, NoPlan> {
    let mut rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
    let row = rows.try_next().await.map_err(|e| no_plan(&e))?;
    // The driver must see the end of the answer.
    while rows.try_next().await.map_err(|e| no_plan(&e))?.is_some() {}
    let missing = || Fault::new(FaultKind::Shape, "EXPLAIN answered without a row");
    plan_in(&row.ok_or_else(missing)?)
}

fn plan_in(row: &PgRow) -> Result<String, NoPlan> {
    let shape = |e: &dyn std::fmt::Display| Fault::new(FaultKind::Shape, &e.to_string());
    let raw = row.try_get_raw(0).map_err(|e| shape(&e))?;
    if raw.is_null() {
        return Err(NoPlan::Refused(Reason::Unreadable, shape(&"the plan is null")));
    }
    let bytes = raw.as_bytes().map_err(|e| shape(&e))?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// Why the server gives no plan.
fn no_plan(error: &sqlx::Error) -> NoPlan {
    let sqlx::Error::Database(database) = error else {
        return NoPlan::Fault(fault_of(error));
    };
    let code = database.code().unwrap_or_default();
    let fault = Fault::new(FaultKind::of_sqlstate(&code), &told(&code, database.message()));
    let reason = match &*code {
        "42P01" | "42883" | "42703" | "42704" | "3F000" => Reason::Undefined,
        "42501" => Reason::Permission,
        "42601" => Reason::Syntax,
        "57014" => Reason::Timeout,
        "55P03" => Reason::Locked,
        // The connection is gone, or will be.
        _ if ["08", "57", "53", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            return NoPlan::Fault(fault);
        }
        _ => Reason::Other,
    };
    NoPlan::Refused(reason, fault)
}

/// The search path of a statement: that of its role and database, in which `"$user"` is its role and not ours.
fn search_path(place: Option<&str>, role: Option<&str>) -> String {
    let role = role.map_or_else(
        || "pg_catalog".to_owned(),
        |role| format!("\"{}\"", role.replace('"', "\"\"")),
    );
    place.unwrap_or(USUAL_PATH).replace("\"$user\"", &role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_the_statements_role_finds_them() {
        for (place, role, expected) in [
            (None, Some("app"), "\"app\", public"),
            (None, None, "pg_catalog, public"),
            (Some("a, \"B\""), Some("app"), "a, \"B\""),
            (Some("x, \"$user\""), Some("o\"dd"), "x, \"o\"\"dd\""),
            (Some(""), Some("app"), ""),
        ] {
            assert_eq!(search_path(place, role), expected);
        }
    }
}
