//! Evaluation of a tree for all rows at once.

use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use regex::Regex;
use ringwatch_frame::Resource;

use super::ast::{Arithmetic, Attributes, Expr, Key};
use super::datum::{Comparison, Datum, Type};
use super::distinct::{decide, lift};
use super::functions::Scalar;
use super::lanes::{self, Numbers};
use super::path::Origin;
use super::vector::{Vector, gather};
use super::{EvalError, Faults};

/// What an expression is evaluated on.
pub(super) struct Scope<'a> {
    pub(super) rows: usize,
    pub(super) columns: &'a [ArrayRef],
    pub(super) origins: &'a [Origin],
    pub(super) resource: &'a Resource,
    /// Nanoseconds since the Unix epoch.
    pub(super) now: i64,
}

impl Scope<'_> {
    fn path(&self, path: usize) -> Result<Vector, EvalError> {
        let column = |at: usize| -> Result<Vector, EvalError> {
            let column = self.columns.get(at).ok_or(EvalError::Schema)?;
            Ok(Vector::of(column)?)
        };
        Ok(match self.origins.get(path) {
            Some(Origin::Column(at)) => column(*at)?,
            Some(Origin::Nanoseconds(at)) => match column(*at)? {
                Vector::Time(times) => Vector::Int(times.reinterpret_cast()),
                other => other,
            },
            Some(Origin::Resource(key)) => {
                Vector::Scalar(self.resource.get(key).map_or(Datum::Null, Datum::of))
            }
            Some(Origin::Nowhere) | None => Vector::Scalar(Datum::Null),
        })
    }

    /// The values of `expr`.
    pub(super) fn values(&self, expr: &Expr, faults: &mut Faults) -> Result<Vector, EvalError> {
        Ok(match expr {
            Expr::Literal(datum) => Vector::Scalar(datum.clone()),
            Expr::Path(path) => self.path(*path)?,
            Expr::Attributes(Attributes::Resource) => {
                let entries = self.resource.iter();
                let entries = entries.map(|(key, value)| (key.to_owned().into(), Datum::of(value)));
                Vector::Scalar(Datum::Map(entries.collect()))
            }
            Expr::Attributes(Attributes::Row) | Expr::Function(_) => Vector::Scalar(Datum::Null),
            Expr::Now => Vector::Scalar(Datum::Time(self.now)),
            Expr::List(items) => {
                let items = self.each(items, faults)?;
                lift(&items, self.rows, |cells| Datum::List(cells.to_vec()))
            }
            Expr::Map(entries) => {
                let values = entries.iter().map(|(_, value)| self.values(value, faults));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                let keys = || entries.iter().map(|(key, _)| key.to_string().into());
                lift(&values, self.rows, |cells| {
                    Datum::Map(keys().zip(cells.iter().cloned()).collect())
                })
            }
            Expr::Index(value, key) => {
                let value = self.values(value, faults)?;
                entries(&value, key, faults)
            }
            Expr::Arithmetic(kind, a, b) => {
                let (a, b) = (self.values(a, faults)?, self.values(b, faults)?);
                arithmetic(*kind, &a, &b, self.rows, faults)
            }
            Expr::Call(scalar, arguments) => {
                let arguments = self.each(arguments, faults)?;
                lift(&arguments, self.rows, |cells| run(scalar, cells, faults))
            }
            Expr::Compare(..)
            | Expr::IsNull(_)
            | Expr::In(..)
            | Expr::Not(_)
            | Expr::And(_)
            | Expr::Or(_)
            | Expr::Match(..) => Vector::Bool(BooleanArray::new(self.truth(expr, faults)?, None)),
        })
    }

    fn each(&self, items: &[Expr], faults: &mut Faults) -> Result<Vec<Vector>, EvalError> {
        items.iter().map(|item| self.values(item, faults)).collect()
    }

    /// For which rows `expr` is true. What is null or no truth value is not.
    pub(super) fn truth(&self, expr: &Expr, faults: &mut Faults) -> Result<BooleanBuffer, EvalError> {
        Ok(match expr {
            Expr::Not(inner) => !&self.truth(inner, faults)?,
            Expr::And(items) => {
                let mut all = BooleanBuffer::new_set(self.rows);
                for item in items {
                    all = &all & &self.truth(item, faults)?;
                    if !all.has_true() {
                        break;
                    }
                }
                all
            }
            Expr::Or(items) => {
                let mut any = BooleanBuffer::new_unset(self.rows);
                for item in items {
                    any = &any | &self.truth(item, faults)?;
                }
                any
            }
            Expr::Compare(comparison, a, b) => {
                let (a, b) = (self.values(a, faults)?, self.values(b, faults)?);
                compare(*comparison, &a, &b, self.rows, faults)
            }
            Expr::In(value, items) => {
                let value = self.values(value, faults)?;
                let mut any = BooleanBuffer::new_unset(self.rows);
                for item in items {
                    let item = self.values(item, faults)?;
                    any = &any | &compare(Comparison::Equal, &value, &item, self.rows, faults);
                }
                any
            }
            Expr::IsNull(value) => {
                let value = self.values(value, faults)?;
                BooleanBuffer::collect_bool(self.rows, |row| !value.is_present(row))
            }
            Expr::Match(value, pattern) => {
                let value = self.values(value, faults)?;
                decide(&value, self.rows, |datum| is_match(pattern, datum))
            }
            other => {
                let value = self.values(other, faults)?;
                as_truth(&value, self.rows, faults)
            }
        })
    }
}

fn is_match(pattern: &Regex, datum: &Datum<'_>) -> bool {
    datum.to_text().is_some_and(|text| pattern.is_match(&text))
}

fn as_truth(value: &Vector, rows: usize, faults: &mut Faults) -> BooleanBuffer {
    match value {
        Vector::Bool(bits) => match bits.nulls() {
            Some(nulls) => bits.values() & nulls.inner(),
            None => bits.values().clone(),
        },
        Vector::Scalar(Datum::Bool(true)) => BooleanBuffer::new_set(rows),
        Vector::Scalar(Datum::Bool(false) | Datum::Null) => BooleanBuffer::new_unset(rows),
        Vector::Any(..) => decide(value, rows, |datum| *datum == Datum::Bool(true)),
        other => {
            faults.note(|| format!("{} is neither true nor false", other.type_of().name()));
            BooleanBuffer::new_unset(rows)
        }
    }
}

fn run<'v>(scalar: &Scalar, cells: &[Datum<'v>], faults: &mut Faults) -> Datum<'v> {
    if !scalar.takes_null && cells.first() == Some(&Datum::Null) {
        return Datum::Null;
    }
    (scalar.run)(cells).unwrap_or_else(|why| {
        faults.note(|| format!("`{}`: {why}", scalar.name));
        Datum::Null
    })
}

/// The entry of each value under `key`. Values without such an entry give null.
pub(super) fn entries(values: &Vector, key: &Key, faults: &mut Faults) -> Vector {
    match values {
        Vector::Scalar(datum) => Vector::Scalar(entry(datum, key, faults)),
        Vector::Any(keys, values) => {
            let found = values.iter().map(|value| entry(value, key, faults));
            gather(found.collect(), Some(keys))
        }
        other => {
            faults.note(|| no_key(other.type_of()));
            Vector::Scalar(Datum::Null)
        }
    }
}

fn entry(value: &Datum<'static>, key: &Key, faults: &mut Faults) -> Datum<'static> {
    let found = match (value, key) {
        (Datum::Map(entries), Key::Text(key)) => {
            let entry = entries.iter().find(|(name, _)| **name == **key);
            entry.map(|(_, value)| value)
        }
        (Datum::List(items), Key::Position(at)) => items.get(*at),
        (Datum::Null, _) => None,
        (other, _) => {
            faults.note(|| no_key(other.type_of()));
            None
        }
    };
    found.cloned().unwrap_or(Datum::Null)
}

fn no_key(of: Type) -> String {
    format!("{} has no such key", of.name())
}

/// For which rows the comparison holds; where the two cannot be compared it does not.
fn compare(
    comparison: Comparison,
    a: &Vector,
    b: &Vector,
    rows: usize,
    faults: &mut Faults,
) -> BooleanBuffer {
    let numbers = Numbers::of(a).zip(Numbers::of(b));
    if let Some((a, b)) = numbers.or_else(|| Numbers::of_times(a).zip(Numbers::of_times(b))) {
        return lanes::compare(comparison, &a, &b, rows);
    }
    let mut is_faulty = false;
    let mut holds = |a: &Datum<'_>, b: &Datum<'_>| {
        a.compare(comparison, b).unwrap_or_else(|| {
            is_faulty = true;
            false
        })
    };
    let bits = match (a, b) {
        (values, Vector::Scalar(datum)) => decide(values, rows, |value| holds(value, datum)),
        (Vector::Scalar(datum), values) => decide(values, rows, |value| holds(datum, value)),
        _ => BooleanBuffer::collect_bool(rows, |row| holds(&a.cell(row), &b.cell(row))),
    };
    if is_faulty {
        let (a, b) = (a.type_of().name(), b.type_of().name());
        faults.note(|| format!("{a} cannot be compared with {b}"));
    }
    bits
}

fn arithmetic(kind: Arithmetic, a: &Vector, b: &Vector, rows: usize, faults: &mut Faults) -> Vector {
    let is_scalar = |vector: &Vector| matches!(vector, Vector::Scalar(_));
    if !(is_scalar(a) && is_scalar(b))
        && let Some((a, b)) = Numbers::of(a).zip(Numbers::of(b))
    {
        return lanes::calculate(kind, &a, &b, rows);
    }
    let mut is_faulty = false;
    let arguments = [a.clone(), b.clone()];
    let result = lift(&arguments, rows, |cells| {
        calculate(kind, cells).unwrap_or_else(|| {
            is_faulty = true;
            Datum::Null
        })
    });
    if is_faulty {
        let (a, b) = (a.type_of().name(), b.type_of().name());
        faults.note(|| format!("{a} cannot be calculated with {b}"));
    }
    result
}

/// The result for one row; `None` where the two cannot be calculated with.
#[expect(clippy::cast_precision_loss, reason = "numbers of two kinds meet as doubles")]
fn calculate<'v>(kind: Arithmetic, cells: &[Datum<'v>]) -> Option<Datum<'v>> {
    use Arithmetic::{Add, Subtract};
    let doubles = |a, b| lanes::of_doubles(kind, a, b).map_or(Datum::Null, Datum::Double);
    let of_ints = |a, b| lanes::of_ints(kind, a, b);
    Some(match (cells.first()?, cells.get(1)?) {
        (Datum::Null, _) | (_, Datum::Null) => Datum::Null,
        (Datum::Int(a), Datum::Int(b)) => of_ints(*a, *b).map_or(Datum::Null, Datum::Int),
        (Datum::Int(a), Datum::Double(b)) => doubles(*a as f64, *b),
        (Datum::Double(a), Datum::Int(b)) => doubles(*a, *b as f64),
        (Datum::Double(a), Datum::Double(b)) => doubles(*a, *b),
        (Datum::Time(a), Datum::Time(b)) if kind == Subtract => {
            of_ints(*a, *b).map_or(Datum::Null, Datum::Int)
        }
        (Datum::Time(a), Datum::Int(b)) if matches!(kind, Add | Subtract) => {
            of_ints(*a, *b).map_or(Datum::Null, Datum::Time)
        }
        (Datum::Int(a), Datum::Time(b)) if kind == Add => of_ints(*a, *b).map_or(Datum::Null, Datum::Time),
        _ => return None,
    })
}
