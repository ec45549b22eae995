//! Which statements may be given to plain `EXPLAIN` without a risk.
//!
//! The proof reads tokens and knows no grammar: it follows brackets, and says where a statement begins. What
//! it does not know there is refused, and so is what it cannot follow. A text that passes may still be no
//! valid SQL; then the server says so, and nothing has happened.

mod calls;
mod functions;
mod proof;
mod refusal;
#[cfg(test)]
mod tests;
mod with;
mod words;

use self::proof::Proof;
pub use self::refusal::NotReadOnly;
use self::with::With;
use self::words::{MODIFYING, is_one_of};
use super::Dialect;
use super::lexer::{Backslashes, Kind, Lexer, Token};

/// What is known of a statement that only reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOnly {
    /// How many parameters it takes: the highest `$n` in PostgreSQL, the number of `?` in MySQL.
    pub parameters: usize,
}

/// Proves that a text is exactly one query (`SELECT`, `VALUES`, `TABLE`, `WITH` before them, in brackets, and
/// set operations of them) that changes nothing, locks nothing and calls nothing that does.
///
/// PostgreSQL plans without running a function of the statement that may have effects, so there the functions
/// that are known to have some are refused. MySQL runs stored functions and subqueries while it plans, so
/// there only its own functions without effects pass. Where a backslash is in a text, it has to pass as well
/// as a server with other settings reads it: `standard_conforming_strings`, `NO_BACKSLASH_ESCAPES`,
/// `ANSI_QUOTES`.
///
/// What the text does not tell is not proven: what views, operators, casts and domains call, and what a
/// function of PostgreSQL does that is declared immutable and is not. So `EXPLAIN` has to be asked for in a
/// session that only reads, with a limit of time and few rights. That limit also bounds the subqueries that
/// MySQL executes while it plans.
///
/// # Errors
/// The first thing that speaks against it, or that cannot be decided.
pub fn read_only(text: &str, dialect: Dialect) -> Result<ReadOnly, NotReadOnly> {
    let found = prove(text, dialect, Backslashes::Usual)?;
    if text.contains('\\') {
        let others: &[Backslashes] = match dialect {
            Dialect::PostgreSql => &[Backslashes::Escape],
            _ => &[Backslashes::PlainInDouble, Backslashes::Plain],
        };
        for backslashes in others {
            match prove(text, dialect, *backslashes) {
                // What is no statement in that mode does nothing in it.
                Ok(_) | Err(NotReadOnly::Truncated | NotReadOnly::Unreadable) => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
    Ok(found)
}

fn prove(text: &str, dialect: Dialect, backslashes: Backslashes) -> Result<ReadOnly, NotReadOnly> {
    let lexer = Lexer::with_backslashes(dialect, text, backslashes);
    let tokens = solid_tokens(text, lexer, dialect)?;
    let mut proof = Proof::new(text, dialect, &tokens);
    proof.run()?;
    Ok(ReadOnly {
        parameters: proof.parameters,
    })
}

/// All tokens but comments, if they are a whole text.
fn solid_tokens(text: &str, mut lexer: Lexer<'_>, dialect: Dialect) -> Result<Vec<Token>, NotReadOnly> {
    if text.trim_end().ends_with('\u{2026}') {
        return Err(NotReadOnly::Truncated);
    }
    // To a server this is the end of the text.
    if text.contains('\0') {
        return Err(NotReadOnly::Unreadable);
    }
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next_token().map_err(|_| NotReadOnly::Unreadable)? {
        match token.kind {
            Kind::Comment => {
                let comment = text.get(token.start..token.end).unwrap_or_default();
                if dialect != Dialect::PostgreSql && comment.starts_with("/*M!") {
                    return Err(NotReadOnly::VersionComment);
                }
            }
            Kind::Mark => return Err(NotReadOnly::VersionComment),
            Kind::Cut | Kind::CutComment | Kind::Ellipsis => return Err(NotReadOnly::Truncated),
            Kind::Nothing => return Err(NotReadOnly::Unreadable),
            _ => tokens.push(token),
        }
    }
    Ok(tokens)
}

/// A pair of brackets that is open, or the whole text.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// The byte that opened it, zero for the text.
    bracket: u8,
    place: Place,
    /// It would be the arguments of a stored function, were no `COLUMNS` in it.
    wants_columns: bool,
}

/// Where in its brackets one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A query has to begin.
    Statement,
    /// The same behind `UNION` and the like, where `ALL` may come first.
    Operand,
    /// A query may begin, or anything else.
    Maybe,
    /// In a list of common table expressions.
    With(With),
    /// In a query, or in anything else.
    Inside,
    /// Behind the semicolon that ends the statement.
    End,
}

fn not_a_query(word: &str) -> NotReadOnly {
    if is_one_of(MODIFYING, word) {
        NotReadOnly::Modifies
    } else {
        NotReadOnly::NotAQuery
    }
}
