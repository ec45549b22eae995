//! Which columns of an answer hold what must lose its literals, and as what it is written.

use arrow_array::RecordBatch;
use ringwatch_config::settings::{Driver, SqlQuery};
use ringwatch_frame::ColumnType;

use super::columns::SqlColumns;

/// Names under which servers and people show plans.
const PLANS: [&str; 6] = [
    "query_plan",
    "plan",
    "plan_json",
    "plan_text",
    "explain",
    "explain_plan",
];
/// Names under which people show messages of PostgreSQL's log.
const MESSAGES: [&str; 4] = ["log_line", "log_message", "log_entry", "error_message"];

/// The columns of a query whose literals are hidden.
#[derive(Debug)]
pub(super) struct Hidden {
    sql: SqlColumns,
    plans: Names,
    messages: Names,
}

#[derive(Debug)]
enum Names {
    /// Those that the user names.
    Named(Vec<String>),
    /// Those that are usually called like this.
    Usual(&'static [&'static str]),
}

/// The columns of one answer, by what they hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) sql: Vec<String>,
    pub(super) plans: Vec<String>,
    pub(super) messages: Vec<String>,
}

impl Names {
    fn of(named: Option<&Vec<String>>, usual: &'static [&'static str]) -> Self {
        named.map_or(Self::Usual(usual), |named| Self::Named(named.clone()))
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|known| known.eq_ignore_ascii_case(name)),
            Self::Usual(names) => names.iter().any(|known| known.eq_ignore_ascii_case(name)),
        }
    }
}

impl Hidden {
    pub(super) fn of(query: &SqlQuery, driver: Driver, sql: &str) -> Self {
        Self {
            sql: SqlColumns::of(query, driver, sql),
            plans: Names::of(query.plan_columns.as_ref(), &PLANS),
            messages: Names::of(query.log_columns.as_ref(), &MESSAGES),
        }
    }

    /// What is to be hidden of `rows`. A column that is called as a plan or a message is one, also where its statement
    /// reads SQL.
    pub(super) fn of_rows(&self, rows: &RecordBatch) -> Found {
        let mut found = Found::default();
        for field in rows.schema_ref().fields() {
            if *field.data_type() != ColumnType::Text.data_type() {
                continue;
            }
            if self.plans.has(field.name()) {
                found.plans.push(field.name().clone());
            } else if self.messages.has(field.name()) {
                found.messages.push(field.name().clone());
            }
        }
        let is_other = |name: &String| !found.plans.contains(name) && !found.messages.contains(name);
        found.sql = self.sql.of_rows(rows).into_iter().filter(is_other).collect();
        found
    }
}

impl Found {
    /// Whether a column is among them.
    pub(super) fn has(&self, name: &str) -> bool {
        let all = [&self.sql, &self.plans, &self.messages];
        all.into_iter().flatten().any(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Cell, Columns};

    use super::*;

    #[test]
    fn columns_are_hidden_as_what_they_are() {
        let names = ["query", "query_plan", "log_message", "PLAN", "word"];
        let mut columns = Columns::new(names.map(|name| (name, ColumnType::Text)));
        columns.push(&names.map(|_| Cell::Null)).unwrap();
        let rows = columns.finish().unwrap();
        let found = |more: &str| {
            let query: SqlQuery = serde_saphyr::from_str(&format!("sql: s\n{more}")).unwrap();
            let sql = "select query, query_plan, log_message, plan, word from t";
            let found = Hidden::of(&query, Driver::Postgres, sql).of_rows(&rows);
            (
                found.sql.join(" "),
                found.plans.join(" "),
                found.messages.join(" "),
            )
        };
        let of =
            |sql: &str, plans: &str, messages: &str| (sql.to_owned(), plans.to_owned(), messages.to_owned());
        assert_eq!(found(""), of("query", "query_plan PLAN", "log_message"));
        assert_eq!(
            found("plan_columns: [word]\nlog_columns: []"),
            of("query", "word", "")
        );
        assert_eq!(
            found("sql_columns: [query, plan]"),
            of("query", "query_plan PLAN", "log_message")
        );
    }
}
