//! What is wrong with an expression: with its text, or with what came to it.

use arrow_schema::ArrowError;

/// Why a text is no condition or no statement. It says where in the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at character {character}")]
pub struct ExprError {
    /// What is wrong and what to write instead.
    pub message: String,
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// Where, in characters from 1.
    pub character: usize,
}

impl ExprError {
    /// A fault at byte `offset` of `text`.
    pub(super) fn new(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.char_indices().take_while(|(at, _)| *at < offset).count();
        Self {
            message: message.into(),
            offset,
            character: before + 1,
        }
    }
}

/// Why rows could not be looked at or changed at all.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The rows have columns that were not there when the expression was bound.
    #[error("the rows are not of the schema that the expression was bound to")]
    Schema,
    /// Arrow refused the columns.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The columns hold what a frame does not hold.
    #[error(transparent)]
    Columns(#[from] ringwatch_frame::ColumnsError),
}

/// What could not be evaluated, though the expression is well-formed: text compared with a number, JSON that
/// is none. Where it happens the value is null and the condition false.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    count: u64,
    first: Option<String>,
}

impl Faults {
    /// Notes one.
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(what);
    }

    /// How many there were. What is wrong with a whole column, or with a text that many rows have, counts
    /// once.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the first was. It holds no value of a row.
    pub fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds those of a statement.
    pub(super) fn add(&mut self, statement: &str, other: Self) {
        self.count += other.count;
        if let (None, Some(what)) = (&self.first, other.first) {
            self.first = Some(format!("`{statement}`: {what}"));
        }
    }
}
