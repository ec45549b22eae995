//! What can be wrong with a catalogue file.

use crate::model::Kind;

/// Why a catalogue file cannot be used. The embedded files are tested, so an operator meets this only in a build
/// of their own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// It is not YAML, or has not the shape of [`crate::model`].
    #[error("catalogue file `{file}`: {detail}; correct the file and build again")]
    Shape {
        /// The file, such as `postgresql.yaml`.
        file: String,
        /// What the reader says, with line and column.
        detail: String,
    },
    /// An entry contradicts itself or another one.
    #[error("catalogue entry `{entry}`: {fault}; correct the entry and build again")]
    Entry {
        /// The stream, metric or event, such as `postgresql.commits`.
        entry: String,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something that must be there is not.
    #[error("{what} is missing")]
    Missing {
        /// What it is.
        what: &'static str,
    },
    /// A name that must be the only one is there twice.
    #[error("{what} `{name}` is there twice")]
    Twice {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name does not begin with its engine's.
    #[error("the name does not begin with `{engine}.`")]
    Prefix {
        /// The engine.
        engine: String,
    },
    /// A column is named that the stream does not have.
    #[error("{role} names column `{column}`, which the stream does not have")]
    NoColumn {
        /// What names it.
        role: &'static str,
        /// The column.
        column: String,
    },
    /// A column cannot hold what it is used for.
    #[error("{role} names column `{column}`, which is {kind:?} and must be {wanted}")]
    Type {
        /// What names it.
        role: &'static str,
        /// The column.
        column: String,
        /// What it holds.
        kind: Kind,
        /// What it has to hold.
        wanted: &'static str,
    },
    /// A server version has no statement.
    #[error("no statement fits server version {major}")]
    NoVariant {
        /// The major version.
        major: u32,
    },
    /// A statement is never used, or two compete.
    #[error(
        "statements {first} and {second} both fit server version {major}; the second would never be used"
    )]
    Variants {
        /// The major version.
        major: u32,
        /// The place of the first in the list, from 1.
        first: usize,
        /// The place of the second.
        second: usize,
    },
    /// A statement is not as statements have to be.
    #[error("statement {number} {what}")]
    Statement {
        /// Its place in the list, from 1; 0 is the statement that reads texts.
        number: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Settings of the entry contradict each other.
    #[error("{what}")]
    Contradiction {
        /// What does not go together.
        what: &'static str,
    },
}
