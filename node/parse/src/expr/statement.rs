//! Statements: an editor, what it takes, and for which rows.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use super::ast::{Attributes, Expr};
use super::calls;
use super::functions::{self, Action};
use super::parser::Parser;
use super::path::PathRef;
use super::rewrite::Rewrite;
use super::statement_edit::edit;
use super::{Context, ExprError};

/// A statement, parsed and checked: `set(severity_number, 9) where severity_text == "active"`.
pub struct Statement {
    pub(super) text: Arc<str>,
    pub(super) edit: Edit,
    pub(super) condition: Option<Expr>,
    pub(super) paths: Vec<PathRef>,
}

/// What is changed.
#[derive(Debug)]
pub(super) enum Edit {
    Set {
        target: PathRef,
        value: Expr,
    },
    Rewrite {
        target: PathRef,
        rewrite: Rewrite,
    },
    RewriteValues {
        of: Attributes,
        rewrite: Rewrite,
    },
    RewriteKeys {
        of: Attributes,
        rewrite: Rewrite,
    },
    Limit {
        of: Attributes,
        limit: usize,
        priority: Vec<Arc<str>>,
    },
    Delete {
        of: Attributes,
        which: Which,
    },
    Merge {
        of: Attributes,
        source: Expr,
        strategy: Strategy,
    },
}

/// Which keys are deleted.
#[derive(Debug)]
pub(super) enum Which {
    Key(Arc<str>),
    Matching(Arc<Regex>),
    NotMatching(Arc<Regex>),
    NotAmong(Vec<Arc<str>>),
}

impl Which {
    pub(super) fn is(&self, key: &str) -> bool {
        match self {
            Self::Key(name) => **name == *key,
            Self::Matching(pattern) => pattern.is_match(key),
            Self::NotMatching(pattern) => !pattern.is_match(key),
            Self::NotAmong(keys) => !keys.iter().any(|name| **name == *key),
        }
    }
}

/// Which attributes a map is merged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    Insert,
    Update,
    Upsert,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// When the text is no statement, or asks for what cannot be had in this context.
    pub fn parse(text: &str, context: Context) -> Result<Self, ExprError> {
        let mut parser = Parser::new(text, context)?;
        let offset = parser.offset();
        let Some(name) = parser.accept_name() else {
            return Err(parser.fault(offset, "a statement begins with an editor: `set(...)`"));
        };
        if !parser.is_sign(0, "(") {
            let near = functions::nearest(name).map(|near| format!(": is `{near}(...)` meant?"));
            let message = format!("`{name}` is no editor{}", near.unwrap_or_default());
            return Err(parser.fault(offset, message));
        }
        let (function, arguments) = calls::arguments(&mut parser, offset, name)?;
        let Action::Editor(editor) = function.action else {
            let message =
                format!("`{name}` gives a value and changes nothing: a statement begins with an editor");
            return Err(parser.fault(offset, message));
        };
        let edit = edit(&parser, offset, editor, arguments)?;
        let condition = if parser.accept_word("where") {
            Some(parser.condition()?)
        } else {
            None
        };
        parser.expect_end()?;
        let statement = Self {
            text: text.trim().into(),
            edit,
            condition,
            paths: parser.paths.clone(),
        };
        statement
            .check()
            .map_err(|message| parser.fault(offset, message))?;
        Ok(statement)
    }

    /// What it looks at and writes.
    pub fn names(&self) -> Vec<&PathRef> {
        self.paths.iter().collect()
    }

    /// Its text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Refuses what no frame can hold.
    fn check(&self) -> Result<(), String> {
        if self.changes_resource() {
            let is_free = |expr: &Expr| !expr.any(&mut |part| self.is_of_row(part));
            let value = match &self.edit {
                Edit::Set { value, .. } | Edit::Merge { source: value, .. } => Some(value),
                _ => None,
            };
            if !value.into_iter().chain(&self.condition).all(is_free) {
                return Err(
                    "the resource is one for all rows of a frame: what is set there, and where, can depend \
                     on `resource.attributes` alone"
                        .into(),
                );
            }
        }
        if let (
            Edit::RewriteKeys {
                of: Attributes::Row, ..
            },
            Some(_),
        ) = (&self.edit, &self.condition)
        {
            return Err("a key is that of a column, one for all rows of a frame: it takes no `where`".into());
        }
        Ok(())
    }

    /// Whether it changes the resource and not the rows.
    pub(super) fn changes_resource(&self) -> bool {
        match &self.edit {
            Edit::Set { target, .. } | Edit::Rewrite { target, .. } => matches!(target, PathRef::Resource(_)),
            Edit::RewriteValues { of, .. }
            | Edit::RewriteKeys { of, .. }
            | Edit::Limit { of, .. }
            | Edit::Delete { of, .. }
            | Edit::Merge { of, .. } => *of == Attributes::Resource,
        }
    }

    fn is_of_row(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Path(at) => !matches!(self.paths.get(*at), Some(PathRef::Resource(_))),
            Expr::Attributes(of) => *of == Attributes::Row,
            _ => false,
        }
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement({})", self.text)
    }
}
