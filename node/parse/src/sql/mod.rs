//! SQL text: statements without their literals.

mod lexer;
mod obfuscate;
mod truncate;

pub use obfuscate::obfuscate;
pub use truncate::truncate_chars;

/// Whose SQL a text is. What is a literal and what is a name differs between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL 14 to 18.
    PostgreSql,
}

/// A text that is not SQL of the dialect. It says where, never what: the text may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the statement cannot be read at byte {at}, so its text is withheld; its counters are not affected")]
pub struct Unlexable {
    /// The first byte that begins nothing of the dialect.
    pub at: usize,
}
