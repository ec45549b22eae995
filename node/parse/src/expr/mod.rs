//! Conditions and statements in OpenTelemetry's transformation language (OTTL), on the columns of frames.
//!
//! A text is parsed and checked once, when the configuration is loaded: unknown functions, wrong numbers and
//! types of arguments, paths that mean nothing. It is evaluated on whole columns; what several rows share, as
//! the texts of a dictionary, is evaluated once. Any text can be parsed and any condition evaluated without a
//! panic, in bounded time and depth.

mod ast;
mod blend;
mod calls;
mod condition;
mod datum;
mod distinct;
mod edit;
mod edit_resource;
mod error;
mod eval;
mod functions;
mod lanes;
mod lexer;
mod parser;
mod path;
mod program;
mod rewrite;
mod statement;
mod statement_edit;
mod table;
mod terms;
mod vector;

use std::fmt;

pub use ast::MAX_DEPTH;
pub use blend::{blend, texts_of};
pub use condition::{Bound, Condition, Literal, Operator};
pub use error::{EvalError, ExprError, Faults};
pub use functions::{FunctionDoc, Parameter, function_table, functions};
pub use lexer::MAX_LENGTH;
pub use path::{NoPlaces, PathRef, Places};
pub use program::{Applied, Program, ProgramError};
pub use ringwatch_frame::Place;
pub use statement::Statement;
pub use table::Table;

/// The longest text that is made of a shorter one, in bytes.
pub const MAX_TEXT: usize = 256 * 1024;

/// What paths are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Rows, whatever becomes of them: of a condition.
    Row,
    /// Rows that become points.
    Datapoint,
    /// Rows that become log records.
    Log,
    /// The resource alone.
    Resource,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Row => "row",
            Self::Datapoint => "datapoint",
            Self::Log => "log",
            Self::Resource => "resource",
        })
    }
}

/// The name among `known` that is most like `name`, if one is like it.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |known: &&str| strsim::damerau_levenshtein(&name, &known.to_lowercase());
    let best = known.into_iter().min_by_key(distance)?;
    (distance(&best) * 3 <= best.len()).then_some(best)
}
