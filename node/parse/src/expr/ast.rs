//! Expressions as trees.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;

use super::datum::{Comparison, Datum, Type};
use super::functions::Scalar;

/// How deep an expression may be. Evaluation descends as deep.
pub const MAX_DEPTH: usize = 64;

/// What is added, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// What stands in brackets.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Text(Arc<str>),
    Position(usize),
}

/// A set of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attributes {
    Row,
    Resource,
}

#[derive(Clone, Debug)]
pub(super) enum Expr {
    Literal(Datum<'static>),
    /// The number of a path in the list of paths.
    Path(usize),
    Attributes(Attributes),
    List(Vec<Expr>),
    Map(Vec<(Arc<str>, Expr)>),
    Index(Box<Expr>, Key),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    IsNull(Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Match(Box<Expr>, Arc<Regex>),
    Call(&'static Scalar, Vec<Expr>),
    Now,
    /// A converter without arguments, handed to an editor.
    Function(&'static Scalar),
}

impl Expr {
    pub(super) fn text(text: &str) -> Self {
        Self::Literal(Datum::text(text.to_owned()))
    }

    /// What is known of its values before rows come.
    pub(super) fn type_of(&self) -> Type {
        match self {
            Self::Literal(datum) => datum.type_of(),
            Self::Path(_) | Self::Index(..) | Self::Function(_) => Type::Unknown,
            Self::Attributes(_) | Self::Map(_) => Type::Map,
            Self::List(_) => Type::List,
            Self::Arithmetic(_, a, b) => match (a.type_of(), b.type_of()) {
                (Type::Int, Type::Int) => Type::Int,
                (a, b) if a.is_number() && b.is_number() => Type::Double,
                _ => Type::Unknown,
            },
            Self::Compare(..)
            | Self::IsNull(_)
            | Self::In(..)
            | Self::Not(_)
            | Self::And(_)
            | Self::Or(_)
            | Self::Match(..) => Type::Bool,
            Self::Call(scalar, _) => scalar.result,
            Self::Now => Type::Time,
        }
    }

    /// Its parts.
    pub(super) fn parts(&self) -> Vec<&Expr> {
        match self {
            Self::Literal(_) | Self::Path(_) | Self::Attributes(_) | Self::Now | Self::Function(_) => {
                Vec::new()
            }
            Self::List(items) | Self::And(items) | Self::Or(items) | Self::Call(_, items) => {
                items.iter().collect()
            }
            Self::Map(entries) => entries.iter().map(|(_, value)| value).collect(),
            Self::Index(a, _) | Self::IsNull(a) | Self::Not(a) | Self::Match(a, _) => vec![a],
            Self::Arithmetic(_, a, b) | Self::Compare(_, a, b) => vec![a, b],
            Self::In(a, items) => std::iter::once(&**a).chain(items).collect(),
        }
    }

    /// Whether `holds` is true of it or of any part of it.
    pub(super) fn any(&self, holds: &mut dyn FnMut(&Expr) -> bool) -> bool {
        holds(self) || self.parts().into_iter().any(|part| part.any(holds))
    }

    /// The paths without which it is true of no row.
    pub(super) fn needed(&self) -> BTreeSet<usize> {
        let union = |items: &[Self]| items.iter().flat_map(Self::needed).collect();
        match self {
            Self::And(items) => union(items),
            Self::Or(items) => items
                .iter()
                .map(Self::needed)
                .reduce(|a, b| a.intersection(&b).copied().collect())
                .unwrap_or_default(),
            Self::Compare(_, a, b) => a.strict().union(&b.strict()).copied().collect(),
            Self::Match(a, _) | Self::In(a, _) => a.strict(),
            Self::Path(_) => self.strict(),
            Self::Not(inner) => match &**inner {
                Self::IsNull(a) => a.strict(),
                _ => BTreeSet::new(),
            },
            _ => BTreeSet::new(),
        }
    }

    /// The paths without which it is null. A converter may make a value of nothing.
    fn strict(&self) -> BTreeSet<usize> {
        match self {
            Self::Path(at) => BTreeSet::from([*at]),
            Self::Index(a, _) => a.strict(),
            Self::Arithmetic(_, a, b) => a.strict().union(&b.strict()).copied().collect(),
            _ => BTreeSet::new(),
        }
    }
}
