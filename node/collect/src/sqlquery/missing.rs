//! Columns that a server does not have: a bare column of the select list is read as its successor, or as
//! NULL. Pure.
//!
//! Versions rename columns and a statement is written for one of them. What would fail as a whole is read
//! without the column that is not there; anything but a bare column of the outermost select list stays the
//! user's to correct.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_config::settings::Driver;
use ringwatch_parse::sql::{Column, Dialect, SelectItem, select_list};

use super::mapping::{Mapping, Want};
use crate::session::Missing;

/// The most columns of one statement that are replaced.
const MOST: usize = 16;
/// Columns of `pg_stat_statements` that have another name in other versions, both ways: 1.8 (PostgreSQL 13)
/// and 1.11 (PostgreSQL 17) renamed them.
const RENAMED: [(&str, &str); 7] = [
    ("blk_read_time", "shared_blk_read_time"),
    ("blk_write_time", "shared_blk_write_time"),
    ("total_time", "total_exec_time"),
    ("mean_time", "mean_exec_time"),
    ("min_time", "min_exec_time"),
    ("max_time", "max_exec_time"),
    ("stddev_time", "stddev_exec_time"),
];

/// What a column that the server lacks is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadAs {
    /// The column that other versions call so.
    Column(&'static str),
    /// Nothing.
    Null,
}

/// A statement in which columns that the server lacks are replaced.
#[derive(Clone, Debug)]
pub(crate) struct Mended {
    original: Arc<str>,
    driver: Driver,
    items: Vec<SelectItem>,
    /// By their place in the select list.
    replaced: BTreeMap<usize, ReadAs>,
    sql: Arc<str>,
    pieces: Vec<Piece>,
}

/// Where a replacement stands, in bytes.
#[derive(Clone, Debug)]
struct Piece {
    item: usize,
    /// In the original: from here on for so many bytes.
    original: (usize, usize),
    /// In what is sent.
    sent: (usize, usize),
}

impl Mended {
    /// Nothing is replaced yet.
    pub(crate) fn new(driver: Driver, sql: &Arc<str>) -> Self {
        Self {
            original: Arc::clone(sql),
            driver,
            items: select_list(dialect(driver), sql).unwrap_or_default(),
            replaced: BTreeMap::new(),
            sql: Arc::clone(sql),
            pieces: Vec::new(),
        }
    }

    /// What is sent.
    pub(crate) fn sql(&self) -> &Arc<str> {
        &self.sql
    }

    /// Replaces what the server says is missing. Says which column, as the statement writes it, is read as
    /// what; `None` when it is not a bare column of the select list, or too many are missing.
    pub(crate) fn mend(&mut self, missing: &Missing, mapping: &Mapping) -> Option<(String, ReadAs)> {
        let at = match missing {
            Missing::At(character) => self.item_at(*character)?,
            Missing::Named(name) => self.item_named(name)?,
        };
        let column = self.items.get(at)?.bare.as_ref()?.name.clone();
        let read_as = match self.replaced.get(&at) {
            None => successor(&column).map_or(ReadAs::Null, ReadAs::Column),
            Some(ReadAs::Column(_)) => ReadAs::Null,
            Some(ReadAs::Null) => return None,
        };
        if self.replaced.len() >= MOST && !self.replaced.contains_key(&at) {
            return None;
        }
        self.replaced.insert(at, read_as);
        self.write(mapping);
        Some((column, read_as))
    }

    /// The line and the column, from 1, of a character of what is sent, from 1, as they are in the user's
    /// statement.
    pub(crate) fn line_and_column(&self, character: usize) -> (usize, usize) {
        let offset = self.original_offset(self.sent_offset(character));
        let before = self.original.get(..offset).unwrap_or(&self.original);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    fn sent_offset(&self, character: usize) -> usize {
        let at = self.sql.char_indices().nth(character.saturating_sub(1));
        at.map_or(self.sql.len(), |(offset, _)| offset)
    }

    /// Of an offset in a replacement, that of what it replaces.
    fn original_offset(&self, sent: usize) -> usize {
        let mut offset = sent;
        for piece in self.pieces.iter().rev() {
            if sent >= piece.sent.1 {
                offset = sent - piece.sent.1 + piece.original.1;
                break;
            }
            if sent >= piece.sent.0 {
                offset = piece.original.0;
                break;
            }
        }
        offset.min(self.original.len())
    }

    fn item_at(&self, character: usize) -> Option<usize> {
        let sent = self.sent_offset(character);
        let inside = |piece: &&Piece| (piece.sent.0..piece.sent.1).contains(&sent);
        if let Some(piece) = self.pieces.iter().find(inside) {
            return Some(piece.item);
        }
        let offset = self.original_offset(sent);
        let bare = |item: &SelectItem| {
            item.bare
                .as_ref()
                .is_some_and(|column| column.span.contains(&offset))
        };
        self.items.iter().position(bare)
    }

    fn item_named(&self, name: &str) -> Option<usize> {
        let name = name.rsplit('.').next().unwrap_or(name);
        let called = |(at, item): (usize, &SelectItem)| {
            let column = item.bare.as_ref()?;
            let now = match self.replaced.get(&at) {
                None => column.name.as_str(),
                Some(ReadAs::Column(name)) => name,
                Some(ReadAs::Null) => return None,
            };
            now.eq_ignore_ascii_case(name).then_some(at)
        };
        self.items.iter().enumerate().find_map(called)
    }

    /// Writes what is sent anew.
    fn write(&mut self, mapping: &Mapping) {
        let (mut sql, mut from) = (String::new(), 0);
        self.pieces.clear();
        for (at, read_as) in &self.replaced {
            let Some((item, column)) = self
                .items
                .get(*at)
                .and_then(|item| Some((item, item.bare.as_ref()?)))
            else {
                continue;
            };
            let (start, end) = (column.span.start, column.span.end);
            sql.push_str(self.original.get(from..start).unwrap_or_default());
            let begins = sql.len();
            let written = self.original.get(start..end).unwrap_or_default();
            match read_as {
                ReadAs::Column(name) => {
                    sql.push_str(qualifier(written, column));
                    sql.push_str(name);
                }
                ReadAs::Null => sql.push_str(self.null(item, column, mapping)),
            }
            if item.span.end <= item.expression.end {
                sql.push_str(" AS ");
                sql.push_str(
                    written
                        .get(qualifier(written, column).len()..)
                        .unwrap_or(&column.name),
                );
            }
            self.pieces.push(Piece {
                item: *at,
                original: (start, end),
                sent: (begins, sql.len()),
            });
            from = end;
        }
        sql.push_str(self.original.get(from..).unwrap_or_default());
        self.sql = sql.into();
    }

    /// NULL of the type that the column is wanted as.
    fn null(&self, item: &SelectItem, column: &Column, mapping: &Mapping) -> &'static str {
        let name = item.name.as_ref().unwrap_or(&column.name);
        let folded = name.to_lowercase();
        let want = mapping.want_of(name).max(mapping.want_of(&folded));
        let want = match want {
            // Most columns that come and go tell a time in milliseconds.
            Want::Any if column.name.to_lowercase().ends_with("_time") => Want::Double,
            want => want,
        };
        match (self.driver, want) {
            (Driver::Postgres, Want::Any | Want::Text) => "NULL::text",
            (Driver::Postgres, Want::Int) => "NULL::bigint",
            (Driver::Postgres, Want::Double) => "NULL::double precision",
            (Driver::Postgres, Want::Time) => "NULL::timestamptz",
            (Driver::Mysql, Want::Any | Want::Text) => "CAST(NULL AS CHAR)",
            (Driver::Mysql, Want::Int) => "CAST(NULL AS SIGNED)",
            (Driver::Mysql, Want::Double) => "(NULL + 0e0)",
            (Driver::Mysql, Want::Time) => "CAST(NULL AS DATETIME(6))",
        }
    }
}

/// The language of a driver's statements.
pub(crate) fn dialect(driver: Driver) -> Dialect {
    match driver {
        Driver::Postgres => Dialect::PostgreSql,
        Driver::Mysql => Dialect::MySql,
    }
}

/// What other versions call a column.
fn successor(column: &str) -> Option<&'static str> {
    RENAMED.iter().find_map(|(one, other)| {
        if column.eq_ignore_ascii_case(one) {
            Some(*other)
        } else {
            column.eq_ignore_ascii_case(other).then_some(*one)
        }
    })
}

/// What stands before the name of a column, with the dot.
fn qualifier<'a>(written: &'a str, column: &Column) -> &'a str {
    let quoted = written.ends_with(['"', '`']);
    // A quote in a quoted name stands there twice.
    let quotes = column.name.matches(['"', '`']).count();
    let name = column.name.len() + if quoted { 2 + quotes } else { 0 };
    written
        .get(..written.len().saturating_sub(name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(yaml: &str) -> Mapping {
        Mapping::of(&serde_saphyr::from_str(&format!("sql: x\n{yaml}")).unwrap())
    }

    /// The server's position of `name` in what is sent.
    fn at(mended: &Mended, name: &str) -> Missing {
        let offset = mended.sql().find(name).unwrap();
        Missing::At(mended.sql()[..offset].chars().count() + 1)
    }

    const METRICS: &str = "metrics: [{metric_name: m, value_column: cpu_time, value_type: double}, \
                           {metric_name: n, value_column: blk_read_time}]";

    #[test]
    fn a_bare_column_is_read_as_its_successor_or_as_null() {
        let sql: Arc<str> =
            "SELECT /* \u{e9} */ calls, s.blk_read_time,\n cpu_time\nFROM s ORDER BY nowhere".into();
        let (mut mended, mapping) = (Mended::new(Driver::Postgres, &sql), mapping(METRICS));
        let missing = at(&mended, "cpu_time");
        assert_eq!(
            mended.mend(&missing, &mapping),
            Some(("cpu_time".into(), ReadAs::Null))
        );
        let missing = at(&mended, "s.blk_read_time");
        let read_as = ReadAs::Column("shared_blk_read_time");
        assert_eq!(
            mended.mend(&missing, &mapping),
            Some(("blk_read_time".into(), read_as))
        );
        assert_eq!(
            &**mended.sql(),
            "SELECT /* \u{e9} */ calls, s.shared_blk_read_time AS blk_read_time,\n \
             NULL::double precision AS cpu_time\nFROM s ORDER BY nowhere"
        );
        let Missing::At(place) = at(&mended, "nowhere") else {
            unreachable!()
        };
        assert_eq!(mended.line_and_column(place), (3, 17), "the place is the user's");
        assert_eq!(
            mended.mend(&Missing::At(place), &mapping),
            None,
            "not of the select list"
        );
        let missing = at(&mended, "s.shared_blk_read_time");
        assert_eq!(
            mended.mend(&missing, &mapping),
            Some(("blk_read_time".into(), ReadAs::Null))
        );
        assert!(
            mended.sql().contains("calls, NULL::bigint AS blk_read_time,"),
            "{}",
            mended.sql()
        );
        assert_eq!(mended.mend(&at(&mended, "NULL::bigint"), &mapping), None);
    }

    #[test]
    fn names_stay_as_they_were_written() {
        let table = [
            (
                "SELECT cpu_time AS c FROM t",
                "cpu_time",
                "SELECT NULL::double precision AS c FROM t",
            ),
            (
                "SELECT \"Cpu\" FROM t",
                "\"Cpu\"",
                "SELECT NULL::text AS \"Cpu\" FROM t",
            ),
            (
                "SELECT t.\"a\"\"b\" FROM t",
                "t.",
                "SELECT NULL::text AS \"a\"\"b\" FROM t",
            ),
            (
                "WITH x AS (SELECT 1) SELECT gone c FROM x",
                "gone",
                "WITH x AS (SELECT 1) SELECT NULL::text c FROM x",
            ),
            (
                "SELECT total_time FROM s",
                "total_time",
                "SELECT total_exec_time AS total_time FROM s",
            ),
            (
                "SELECT shared_blk_read_time x FROM s",
                "shared",
                "SELECT blk_read_time x FROM s",
            ),
        ];
        for (sql, missing, expected) in table {
            let mut mended = Mended::new(Driver::Postgres, &sql.into());
            let missing = at(&mended, missing);
            assert!(mended.mend(&missing, &Mapping::default()).is_some(), "{sql}");
            assert_eq!(&**mended.sql(), expected);
        }
        for (sql, missing) in [
            ("SELECT gone + 1 FROM t", "gone"),
            ("SELECT a FROM t WHERE gone > 1", "gone"),
            ("SELECT a, (SELECT gone FROM u) FROM t", "gone"),
            ("INSERT INTO t SELECT gone", "gone"),
            ("SELECT gone FROM t; SELECT 1", "gone"),
        ] {
            let mut mended = Mended::new(Driver::Postgres, &sql.into());
            assert_eq!(
                mended.mend(&at(&mended, missing), &Mapping::default()),
                None,
                "{sql}"
            );
        }
    }

    #[test]
    fn a_name_in_words_is_found_in_the_list() {
        let sql: Arc<str> = "SELECT a, t.`gone` FROM t".into();
        let mut mended = Mended::new(Driver::Mysql, &sql);
        let named = |name: &str| Missing::Named(name.into());
        assert_eq!(mended.mend(&named("nowhere"), &Mapping::default()), None);
        assert!(mended.mend(&named("t.gone"), &Mapping::default()).is_some());
        assert_eq!(&**mended.sql(), "SELECT a, CAST(NULL AS CHAR) AS `gone` FROM t");
        assert_eq!(mended.mend(&named("t.gone"), &Mapping::default()), None);
    }

    #[test]
    fn only_so_many_columns_are_replaced() {
        let names: Vec<_> = (0..20).map(|at| format!("gone_{at:02}")).collect();
        let sql: Arc<str> = format!("SELECT {} FROM t", names.join(", ")).into();
        let mut mended = Mended::new(Driver::Postgres, &sql);
        let done = names.iter().take_while(|name| {
            let missing = at(&mended, name);
            mended.mend(&missing, &Mapping::default()).is_some()
        });
        assert_eq!(done.count(), MOST);
    }
}
