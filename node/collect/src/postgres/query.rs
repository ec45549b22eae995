//! Statements of users: prepared to learn their columns, answered as text.
//!
//! Text is what the server writes for every type there is, so an answer is asked for in the simple protocol,
//! where nothing but text comes. A parameter can only be bound in the other protocol; there it is bound to a
//! cursor, whose rows are then fetched as text too.

use std::borrow::Cow;
use std::sync::Arc;

use futures::TryStreamExt;
use ringwatch_frame::{Cell, ColumnType};
use sqlx::postgres::{PgConnection, PgErrorPosition, PgRow, PgTypeInfo};
use sqlx::{AssertSqlSafe, Column, Executor, Postgres as Sql, Row, SqlSafeStr, Statement, ValueRef};

use super::PgSession;
use super::connect::statement_timeout;
use super::error::{fault_of, told};
use super::parameter::Parameter;
use crate::deadline::within;
use crate::fault::{Fault, FaultKind};
use crate::session::{Described, Missing, Query, Refused};
use crate::sqlquery::{Answer, Answered};

/// What stands before a statement with a parameter.
const CURSOR: &str = "DECLARE ringwatch NO SCROLL CURSOR FOR ";
/// The rows of that cursor.
const FETCH: &str = "FETCH ALL FROM ringwatch";
/// The most statements whose columns a session remembers.
const MOST_SHAPES: usize = 64;

/// What a server says of a statement that it has prepared.
#[derive(Debug)]
pub(super) struct Shape {
    columns: Described,
    parameters: Vec<PgTypeInfo>,
}

/// Asks, within the time of the query.
pub(super) async fn ask(session: &mut PgSession, query: &Query<'_>) -> Result<Answered, Refused> {
    within(query.timeout, async {
        limit(session, query).await?;
        let shape = shape(session, query.sql).await?;
        let mut answer = Answer::new(query, &shape.columns)?;
        let connection = &mut session.connection;
        match (shape.parameters.as_slice(), query.tracking) {
            ([], _) => fetch(connection, query.sql, &shape.columns, &mut answer).await?,
            ([parameter], Some(value)) => {
                let parameter = Parameter::new(parameter, value)?;
                let through = cursor(connection, query, parameter, &shape.columns, &mut answer).await;
                let end = if through.is_ok() { "COMMIT" } else { "ROLLBACK" };
                let lost = |refused: &Refused| refused.fault.kind.loses_connection();
                if !through.as_ref().is_err_and(lost) {
                    connection.execute(end).await.map_err(|e| refused(&e, 0))?;
                }
                through?;
            }
            (parameters, _) => return Err(unknown_parameters(parameters.len()).into()),
        }
        Ok(answer.finish()?)
    })
    .await
}

/// Prepares the statement and says which columns it yields.
pub(super) async fn describe(session: &mut PgSession, query: &Query<'_>) -> Result<Described, Refused> {
    within(query.timeout, async {
        let shape = shape(session, query.sql).await?;
        let known = if query.tracking.is_some() { 1 } else { 0 };
        if shape.parameters.len() > known {
            return Err(unknown_parameters(shape.parameters.len()).into());
        }
        Ok(shape.columns.clone())
    })
    .await
}

fn unknown_parameters(count: usize) -> Fault {
    let message = format!("the statement has {count} parameters; there is only `$1`, with `tracking_column`");
    Fault::new(FaultKind::Query, &message)
}

/// Tells the server how long the statement may run, unless it knows.
async fn limit(session: &mut PgSession, query: &Query<'_>) -> Result<(), Refused> {
    let limit = statement_timeout(query.timeout);
    if session.limit != limit {
        let set = format!("SET statement_timeout = {}", limit.as_millis());
        let set = session.connection.execute(AssertSqlSafe(set)).await;
        set.map_err(|e| refused(&e, 0))?;
        session.limit = limit;
    }
    Ok(())
}

async fn shape(session: &mut PgSession, sql: &Arc<str>) -> Result<Arc<Shape>, Refused> {
    if let Some(known) = session.shapes.get(sql) {
        return Ok(Arc::clone(known));
    }
    let text = AssertSqlSafe(Arc::clone(sql)).into_sql_str();
    let prepared = session
        .connection
        .prepare(text)
        .await
        .map_err(|e| refused(&e, 0))?;
    let column = |column: &sqlx::postgres::PgColumn| (column.name().to_owned(), kind(column.type_info()));
    let parameters = prepared
        .parameters()
        .map(|known| known.left_or_else(|_| &[]).to_vec());
    let shape = Arc::new(Shape {
        columns: prepared.columns().iter().map(column).collect(),
        parameters: parameters.unwrap_or_default(),
    });
    if session.shapes.len() >= MOST_SHAPES {
        session.shapes.clear();
    }
    session.shapes.insert(Arc::clone(sql), Arc::clone(&shape));
    Ok(shape)
}

/// What a column of this type becomes.
fn kind(info: &PgTypeInfo) -> ColumnType {
    match info.oid().map(|oid| oid.0) {
        // int8, int2, int4, oid, xid, cid, xid8
        Some(20 | 21 | 23 | 26 | 28 | 29 | 5069) => ColumnType::Int,
        // float4, float8, numeric
        Some(700 | 701 | 1700) => ColumnType::Double,
        Some(16) => ColumnType::Bool,
        // date, timestamp, timestamptz
        Some(1082 | 1114 | 1184) => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

/// Sends `sql` in the simple protocol and takes the rows.
async fn fetch(
    connection: &mut PgConnection,
    sql: &str,
    columns: &Described,
    answer: &mut Answer,
) -> Result<(), Refused> {
    let text = AssertSqlSafe(sql.to_owned());
    let mut rows = sqlx::raw_sql(text).fetch(connection);
    let mut checked = false;
    while let Some(row) = rows.try_next().await.map_err(|e| refused(&e, 0))? {
        if !checked {
            same_columns(&row, columns)?;
            checked = true;
        }
        let texts = (0..row.len())
            .map(|at| text_of(&row, at))
            .collect::<Result<Vec<_>, _>>()?;
        let cells: Vec<_> = texts
            .iter()
            .map(|text| text.as_deref().map_or(Cell::Null, Cell::Text))
            .collect();
        answer.push(&cells)?;
    }
    Ok(())
}

/// Fetches through a cursor to which the parameter is bound.
async fn cursor(
    connection: &mut PgConnection,
    query: &Query<'_>,
    parameter: Parameter,
    columns: &Described,
    answer: &mut Answer,
) -> Result<(), Refused> {
    connection.execute("BEGIN").await.map_err(|e| refused(&e, 0))?;
    let declare = sqlx::query::<Sql>(AssertSqlSafe(format!("{CURSOR}{}", query.sql)))
        .bind(parameter)
        .persistent(false);
    let before = CURSOR.chars().count();
    declare
        .execute(&mut *connection)
        .await
        .map_err(|e| refused(&e, before))?;
    fetch(connection, FETCH, columns, answer).await
}

/// The statement was prepared before a table was changed.
fn same_columns(row: &PgRow, columns: &Described) -> Result<(), Fault> {
    let came = row
        .columns()
        .iter()
        .map(|column| (column.name(), kind(column.type_info())));
    if came.eq(columns.iter().map(|(name, kind)| (name.as_str(), *kind))) {
        Ok(())
    } else {
        Err(Fault::new(
            FaultKind::Stale,
            "the statement's columns have changed",
        ))
    }
}

fn text_of(row: &PgRow, at: usize) -> Result<Option<Cow<'_, str>>, Fault> {
    let shape = |e: &dyn std::fmt::Display| Fault::new(FaultKind::Query, &format!("column {}: {e}", at + 1));
    let raw = row.try_get_raw(at).map_err(|e| shape(&e))?;
    if raw.is_null() {
        return Ok(None);
    }
    // A database of encoding SQL_ASCII sends whatever was stored.
    let bytes = raw.as_bytes().map_err(|e| shape(&e))?;
    Ok(Some(String::from_utf8_lossy(bytes)))
}

/// What the server says about a statement of a user, of which `before` characters are ours.
pub(super) fn refused(error: &sqlx::Error, before: usize) -> Refused {
    let sqlx::Error::Database(database) = error else {
        return fault_of(error).into();
    };
    let code = database.code().unwrap_or_default();
    let message = told(&code, database.message());
    let server = database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
    let position = match server.and_then(|error| error.position()) {
        Some(PgErrorPosition::Original(at)) => at.checked_sub(before).filter(|at| *at > 0),
        _ => None,
    };
    Refused {
        fault: Fault::new(FaultKind::of_users_sqlstate(&code), &message),
        missing: position.filter(|_| code == "42703").map(Missing::At),
        position,
    }
}
