//! Statements of users: prepared to learn their columns, answered as text.

use std::sync::Arc;

use futures::TryStreamExt;
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Column, Executor, Row as _, SqlSafeStr, Statement as _, TypeInfo as _};

use super::error::refused;
use super::text::{bits, cell, column_type};
use super::{MysqlSession, Shape};
use crate::fault::{Fault, FaultKind};
use crate::session::{Described, Query, Refused};
use crate::sqlquery::{Answer, Answered};

/// The most statements whose columns a session remembers.
const MOST_SHAPES: usize = 64;

impl MysqlSession {
    /// Asks, and reads the whole answer.
    pub(super) async fn answer(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
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

    /// What the statement yields and takes, without executing it.
    pub(super) async fn shape(&mut self, sql: &Arc<str>) -> Result<Shape, Refused> {
        let text = AssertSqlSafe(Arc::clone(sql)).into_sql_str();
        let statement = (&mut self.connection).prepare(text).await;
        let statement: sqlx::mysql::MySqlStatement = statement.map_err(|e| refused(&e))?;
        let parameters = statement.parameters();
        Ok(Shape {
            columns: statement.columns().iter().map(column_type).collect(),
            parameters: parameters.map_or(0, |known| known.either(<[_]>::len, |count| count)),
        })
    }
}

/// What is wrong with a statement of so many parameters.
pub(super) fn unknown_parameters(count: usize) -> Fault {
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
pub(super) fn literal(text: &str) -> String {
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
