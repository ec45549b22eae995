//! SQL text: statements without their literals, which statements are the same, and what they are about.
//!
//! A lexer and no parser: any text is read in one pass, also one that was cut off. What cannot be told apart
//! without a grammar (the order of columns, `a = 1 AND b = 2` against `b = 2 AND a = 1`) is not called the
//! same.

mod collect;
mod emit;
mod fold;
mod key;
mod keyword;
mod lexer;
mod names;
mod normalize;
mod obfuscate;
mod output;
mod pass;
mod read_only;
mod select_list;
mod spacing;
mod tables;
mod tags;
mod truncate;

pub use normalize::{Normalized, Normalizer, normalize};
pub use obfuscate::obfuscate;
pub use read_only::{NotReadOnly, ReadOnly, read_only};
pub use select_list::{Column, SelectItem, identifiers, select_list};
pub use tags::{comment_tags, traceparent};
pub use truncate::truncate_chars;

/// Whose SQL a text is. What is a literal and what is a name differs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL 14 to 18. Also the nearest to engines that are not listed here.
    PostgreSql,
    /// MySQL 5.7 to 9, with backslashes as escapes. Double quotes hold strings; where the server's
    /// `ANSI_QUOTES` makes names of them, they are hidden as if they were strings.
    MySql,
    /// MariaDB 10.4 and later: MySQL's, with its own version comments.
    MariaDb,
}

/// A text that is not SQL of the dialect, or is longer than 64 MiB. It says where, never what: the text may
/// hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the statement cannot be read at byte {at}, so its text is withheld; its counters are not affected")]
pub struct Unlexable {
    /// The first byte that begins nothing of the dialect.
    pub at: usize,
}
