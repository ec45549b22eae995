//! Which columns of an answer hold SQL, whose literals must not leave.

use arrow_array::RecordBatch;
use ringwatch_config::settings::{Driver, SqlQuery};
use ringwatch_frame::ColumnType;
use ringwatch_parse::sql::{Dialect, SelectItem, identifiers, select_list};

use super::missing::dialect;
use super::whole_row::{reads_row, row_names};

/// Names under which servers and people show statements.
const NAMES: [&str; 28] = [
    "query",
    "query_text",
    "queries",
    "current_query",
    "last_query",
    "blocking_query",
    "blocked_query",
    "query_sample_text",
    "sample_query",
    "sql",
    "sql_text",
    "current_sql",
    "digest_text",
    "normalized_query",
    "statement",
    "statement_text",
    "current_statement",
    "last_statement",
    "blocked_statement",
    "info",
    "processlist_info",
    "argument",
    "stmt",
    "sqltext",
    "querytext",
    "query_string",
    "sql_statement",
    // A function that gives the statement of a session.
    "pg_stat_get_backend_activity",
];
/// Words that put the rows of several queries together.
const SET_OPERATIONS: [&str; 3] = ["union", "intersect", "except"];
/// The ends of other such names.
const ENDS: [&str; 6] = [
    "_query",
    "_query_text",
    "_sql",
    "_sql_text",
    "_statement",
    "_statement_text",
];

/// Which columns hold SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SqlColumns {
    /// Those that the user names.
    Named(Vec<String>),
    /// Those that look like it: by their own names, and these, whose expressions do.
    Guessed(Vec<String>),
    /// Any: the statement reads statements, and where it puts them cannot be told.
    All,
}

impl SqlColumns {
    /// As `query` says, or as its select list looks.
    pub(super) fn of(query: &SqlQuery, driver: Driver, sql: &str) -> Self {
        if let Some(names) = &query.sql_columns {
            return Self::Named(names.clone());
        }
        let dialect = dialect(driver);
        // What cannot be read may hold anything.
        let all = identifiers(dialect, sql).ok();
        let whole_rows = row_names(dialect, sql);
        let reads_none =
            |names: &Vec<String>| whole_rows.is_empty() && !names.iter().any(|name| names_statement(name));
        if all.as_ref().is_some_and(reads_none) {
            return Self::Guessed(Vec::new());
        }
        let several = SET_OPERATIONS.iter().any(|word| sql_word(sql, word));
        match select_list(dialect, sql) {
            Some(items) if !several => Self::Guessed(guessed(dialect, sql, &items, &whole_rows)),
            _ => Self::All,
        }
    }

    /// The text columns of `rows` that hold SQL.
    pub(super) fn of_rows(&self, rows: &RecordBatch) -> Vec<String> {
        let among = |names: &[String], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let is_sql = |name: &str| match self {
            Self::Named(names) => among(names, name),
            Self::Guessed(names) => names_statement(name) || among(names, name),
            Self::All => true,
        };
        let fields = rows.schema_ref().fields().iter();
        fields
            .filter(|field| *field.data_type() == ColumnType::Text.data_type() && is_sql(field.name()))
            .map(|field| field.name().clone())
            .collect()
    }
}

/// The names of columns whose expressions read statements, also through a subquery that gives them another name.
fn guessed(dialect: Dialect, sql: &str, items: &[SelectItem], whole_rows: &[String]) -> Vec<String> {
    let mut renamed: Vec<String> = Vec::new();
    for inner in inner_queries(sql) {
        let items = select_list(dialect, inner).unwrap_or_default();
        let found = items
            .iter()
            .filter(|item| reads_statement(dialect, inner, item, &renamed, whole_rows));
        let found: Vec<_> = found.filter_map(|item| item.name.clone()).collect();
        renamed.extend(found);
    }
    let found = items
        .iter()
        .filter(|item| reads_statement(dialect, sql, item, &renamed, whole_rows));
    let names = found.flat_map(|item| {
        let expression = sql.get(item.expression.clone()).unwrap_or_default();
        item.name
            .clone()
            .map_or_else(|| server_names(expression), |name| vec![name])
    });
    let mut names: Vec<_> = names.collect();
    // An asterisk lets them through under these names.
    names.append(&mut renamed);
    names
}

/// Whether an item reads a statement, or a column that a subquery made of one, or a whole row with one.
fn reads_statement(
    dialect: Dialect,
    sql: &str,
    item: &SelectItem,
    renamed: &[String],
    whole_rows: &[String],
) -> bool {
    let expression = sql.get(item.expression.clone()).unwrap_or_default();
    if reads_row(expression, whole_rows) {
        return true;
    }
    let known =
        |name: &String| names_statement(name) || renamed.iter().any(|known| known.eq_ignore_ascii_case(name));
    identifiers(dialect, expression).map_or(true, |names| names.iter().any(known))
}

/// What stands in brackets and begins as a query, the inner ones first.
fn inner_queries(sql: &str) -> Vec<&str> {
    let (mut open, mut found, mut quote) = (Vec::new(), Vec::new(), None);
    for (at, byte) in sql.bytes().enumerate() {
        match (byte, quote) {
            (b'\'' | b'"', None) => quote = Some(byte),
            (_, Some(end)) if byte == end => quote = None,
            (b'(', None) => open.push(at + 1),
            (b')', None) => {
                let inner = open.pop().and_then(|start| sql.get(start..at));
                let begins = |text: &&str| {
                    let first: String = text.trim_start().chars().take(6).collect();
                    first.eq_ignore_ascii_case("select") || first.to_ascii_lowercase().starts_with("with")
                };
                found.extend(inner.filter(begins));
            }
            _ => {}
        }
    }
    found
}

/// Whether the word stands in the text, be it in a literal.
fn sql_word(sql: &str, word: &str) -> bool {
    let part = |c: char| !c.is_alphanumeric() && c != '_';
    sql.split(part).any(|text| text.eq_ignore_ascii_case(word))
}

/// What a server may name an expression without a name of its own: a function's or a type's name, or the
/// expression itself (MySQL).
fn server_names(expression: &str) -> Vec<String> {
    let text = expression.trim();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let first = text.split(|c| !word(c)).next().unwrap_or_default();
    let last = text
        .rsplit(|c| !word(c))
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    let mut names = vec![
        text.to_owned(),
        first.to_owned(),
        last.to_owned(),
        "?column?".to_owned(),
    ];
    names.extend(["case", "coalesce"].map(str::to_owned));
    names
}

/// Whether a column of this name is likely to hold a statement.
fn names_statement(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::{Cell, Columns};

    use super::*;

    fn hidden(yaml: &str, sql: &str, columns: &[&str]) -> Vec<String> {
        let query = serde_saphyr::from_str(&format!("sql: x\n{yaml}")).unwrap();
        let mut rows = Columns::new(columns.iter().map(|name| (*name, ColumnType::Text)));
        rows.push(&vec![Cell::Null; columns.len()]).unwrap();
        SqlColumns::of(&query, Driver::Postgres, sql).of_rows(&rows.finish().unwrap())
    }

    #[test]
    fn columns_that_hold_statements_are_known_by_name_or_by_expression() {
        let sql = "SELECT queryid::text AS query_id, LEFT(query, 500) AS doing, a.state, lower(a.Query), \
                   coalesce(state, 'x') AS state2, upper(application_name) FROM pg_stat_activity a";
        let columns = [
            "query_id",
            "doing",
            "state",
            "lower",
            "state2",
            "upper",
            "last_Query",
            "info",
        ];
        assert_eq!(
            hidden("", sql, &columns),
            ["doing", "lower", "last_Query", "info"]
        );
        assert_eq!(hidden("sql_columns: [state]", sql, &columns), ["state"]);
        assert!(hidden("sql_columns: []", sql, &columns).is_empty());
        assert_eq!(hidden("", "SELECT * FROM x", &["a", "query"]), ["query"]);
    }

    #[test]
    fn a_statement_under_another_name_is_found_or_all_is_hidden() {
        let table = [
            (
                "WITH q AS (SELECT state AS b, query AS a FROM x) SELECT a, b FROM q",
                "a",
            ),
            (
                "SELECT b, upper(t.a) AS c FROM (SELECT left(query, 9) AS a, b FROM x) t",
                "a c",
            ),
            ("SELECT a, b FROM x WHERE query <> ')'", ""),
            ("SELECT a, b FROM x UNION ALL SELECT b, query FROM y", "a b c"),
            ("VALUES ((SELECT query FROM x))", "a b c"),
            ("SELECT a, b FROM x UNION SELECT b, c FROM y", ""),
            ("SELECT b, row_to_json(s) AS a FROM pg_stat_activity s", "a"),
            (
                "SELECT s.pid AS b, a FROM pg_catalog.pg_stat_activity AS s, t a",
                "",
            ),
            ("SELECT pg_stat_get_backend_activity(1) AS c", "c"),
            (
                "SELECT x.r AS a FROM (SELECT to_jsonb(pg_stat_activity) AS r FROM pg_stat_activity) x",
                "a",
            ),
        ];
        for (sql, expected) in table {
            assert_eq!(hidden("", sql, &["a", "b", "c"]).join(" "), expected, "{sql}");
        }
    }
}
