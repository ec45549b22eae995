//! Conditions: expressions that are true or false of each row.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::Schema;
use ringwatch_frame::Resource;

use super::ast::Expr;
use super::calls::compile;
use super::datum::{Comparison, Datum};
use super::eval::Scope;
use super::functions::{self, Action};
use super::parser::Parser;
use super::path::{Origin, PathRef, Places, locate};
use super::{Context, EvalError, ExprError, Faults};

/// A condition on rows, parsed and checked: `mean_exec_time > 1000 and state == "active"`.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
    pub(super) expr: Arc<Expr>,
    pub(super) paths: Arc<[PathRef]>,
}

/// How a condition that is given in parts compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `>`
    Gt,
    /// `>=`
    Gte,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// The text of the value contains the text.
    Contains,
    /// There is a value.
    Exists,
    /// The text of the value matches the regular expression.
    Matches,
}

/// A value in a condition that is given in parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Text(String),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(n) => n.fmt(f),
            Self::Double(n) => n.fmt(f),
            Self::Bool(b) => b.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

impl Condition {
    /// Reads a condition. It cannot ask for the time (`Now`): the same rows give the same answer on every
    /// node.
    ///
    /// # Errors
    /// When the text is no condition.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let condition = Self::parse_in(text, Context::Row)?;
        if condition.expr.any(&mut |expr| matches!(expr, Expr::Now)) {
            let at = text.find("Now").unwrap_or_default();
            let message = "the time is not there in a condition that every node has to decide alike";
            return Err(ExprError::new(text, at, message));
        }
        Ok(condition)
    }

    /// Reads a condition of statements.
    pub(super) fn parse_in(text: &str, context: Context) -> Result<Self, ExprError> {
        let mut parser = Parser::new(text, context)?;
        let expr = parser.condition()?;
        parser.expect_end()?;
        Ok(Self {
            text: text.trim().into(),
            expr: Arc::new(expr),
            paths: parser.paths.into(),
        })
    }

    /// The condition that compares `attribute`, a bare name, with `value`.
    ///
    /// # Errors
    /// When the operator and the value do not fit together, or the regular expression is none.
    pub fn compare(attribute: &str, operator: Operator, value: Option<Literal>) -> Result<Self, ExprError> {
        let text = match &value {
            Some(value) => format!("{attribute} {operator} {value}"),
            None => format!("{attribute} {operator}"),
        };
        let fault = |message: String| ExprError::new(&text, 0, message);
        if attribute.is_empty() {
            return Err(fault("the attribute has no name".into()));
        }
        let path = Box::new(Expr::Path(0));
        let compared = |comparison, value| Ok(Expr::Compare(comparison, path.clone(), Box::new(value)));
        let expr = match (operator, value) {
            (Operator::Exists, None) => Ok(Expr::Not(Box::new(Expr::IsNull(path)))),
            (Operator::Exists, Some(_)) => Err("`exists` takes no value".into()),
            (operator, None) => Err(format!("`{operator}` takes a value")),
            (Operator::Contains, Some(Literal::Text(text))) => {
                match functions::find("Contains").map(|function| &function.action) {
                    Some(Action::Scalar(scalar)) => Ok(Expr::Call(scalar, vec![*path, Expr::text(&text)])),
                    _ => Err("`contains` is not there".into()),
                }
            }
            (Operator::Matches, Some(Literal::Text(text))) => {
                compile(&text).map(|pattern| Expr::Match(path, pattern))
            }
            (Operator::Contains | Operator::Matches, Some(_)) => Err(format!("`{operator}` takes a text")),
            (Operator::Eq, Some(value)) => compared(Comparison::Equal, value.into_expr()),
            (Operator::Ne, Some(value)) => compared(Comparison::NotEqual, value.into_expr()),
            (Operator::Gt, Some(value)) => compared(Comparison::Greater, value.into_expr()),
            (Operator::Gte, Some(value)) => compared(Comparison::GreaterOrEqual, value.into_expr()),
            (Operator::Lt, Some(value)) => compared(Comparison::Less, value.into_expr()),
            (Operator::Lte, Some(value)) => compared(Comparison::LessOrEqual, value.into_expr()),
        };
        Ok(Self {
            expr: Arc::new(expr.map_err(fault)?),
            text: text.into(),
            paths: [PathRef::bare(attribute)].into(),
        })
    }

    /// The condition that holds where all of these do; that of none holds everywhere.
    #[must_use]
    pub fn and(conditions: Vec<Self>) -> Self {
        let mut paths: Vec<PathRef> = Vec::new();
        let (mut items, mut texts) = (Vec::new(), Vec::new());
        for condition in conditions {
            items.push(moved((*condition.expr).clone(), paths.len()));
            paths.extend(condition.paths.iter().cloned());
            texts.push(format!("({})", condition.text));
        }
        Self {
            text: texts.join(" and ").into(),
            expr: Arc::new(Expr::And(items)),
            paths: paths.into(),
        }
    }

    /// What it looks at.
    pub fn names(&self) -> Vec<&PathRef> {
        self.paths.iter().collect()
    }

    /// What it cannot do without: where a row lacks one of these, it does not hold.
    pub fn needs(&self) -> Vec<&PathRef> {
        let needed = self.expr.needed();
        needed.into_iter().filter_map(|at| self.paths.get(at)).collect()
    }

    /// Its text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The condition on rows of `schema`. It costs a few look-ups by name: keep it for as long as the schema
    /// stays.
    pub fn bind(&self, schema: &Schema, places: &dyn Places) -> Bound {
        Bound {
            expr: Arc::clone(&self.expr),
            origins: self
                .paths
                .iter()
                .map(|path| locate(path, schema.fields(), places))
                .collect(),
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.text)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Gt => ">",
            Self::Gte => ">=",
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Contains => "contains",
            Self::Exists => "exists",
            Self::Matches => "matches",
        })
    }
}

impl Literal {
    fn into_expr(self) -> Expr {
        Expr::Literal(match self {
            Self::Int(n) => Datum::Int(n),
            Self::Double(n) => Datum::Double(n),
            Self::Bool(b) => Datum::Bool(b),
            Self::Text(text) => Datum::Text(Cow::Owned(text)),
        })
    }
}

/// `expr` with the numbers of its paths moved on by `by`.
fn moved(mut expr: Expr, by: usize) -> Expr {
    fn walk(expr: &mut Expr, by: usize) {
        match expr {
            Expr::Path(at) => *at += by,
            Expr::List(items) | Expr::And(items) | Expr::Or(items) | Expr::Call(_, items) => {
                items.iter_mut().for_each(|item| walk(item, by));
            }
            Expr::Map(entries) => entries.iter_mut().for_each(|(_, value)| walk(value, by)),
            Expr::Index(a, _) | Expr::IsNull(a) | Expr::Not(a) | Expr::Match(a, _) => walk(a, by),
            Expr::Arithmetic(_, a, b) | Expr::Compare(_, a, b) => {
                walk(a, by);
                walk(b, by);
            }
            Expr::In(a, items) => {
                walk(a, by);
                items.iter_mut().for_each(|item| walk(item, by));
            }
            Expr::Literal(_) | Expr::Attributes(_) | Expr::Now | Expr::Function(_) => {}
        }
    }
    walk(&mut expr, by);
    expr
}

/// A condition on rows of one schema.
#[derive(Clone, Debug)]
pub struct Bound {
    expr: Arc<Expr>,
    origins: Vec<Origin>,
}

impl Bound {
    /// For which rows it holds; null is false, and so is what cannot be compared. The answer has no nulls.
    ///
    /// # Errors
    /// When the rows are of another schema.
    pub fn mask(&self, rows: &RecordBatch, resource: &Resource) -> Result<BooleanArray, EvalError> {
        self.mask_noting(rows, resource, &mut Faults::default())
    }

    /// As [`Self::mask`]; what could not be evaluated is added to `faults`.
    ///
    /// # Errors
    /// When the rows are of another schema.
    pub fn mask_noting(
        &self,
        rows: &RecordBatch,
        resource: &Resource,
        faults: &mut Faults,
    ) -> Result<BooleanArray, EvalError> {
        let scope = Scope {
            rows: rows.num_rows(),
            columns: rows.columns(),
            origins: &self.origins,
            resource,
            now: 0,
        };
        Ok(BooleanArray::new(scope.truth(&self.expr, faults)?, None))
    }
}
