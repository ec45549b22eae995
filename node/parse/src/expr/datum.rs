//! One value while an expression is evaluated. Lists and maps are there on the way only: no column holds
//! them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use ringwatch_frame::Value;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Datum<'a> {
    Null,
    Int(i64),
    Double(f64),
    Bool(bool),
    Text(Cow<'a, str>),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
    List(Vec<Datum<'a>>),
    Map(Vec<(Cow<'a, str>, Datum<'a>)>),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Known only when rows come.
    Unknown,
    Null,
    Int,
    Double,
    Bool,
    Text,
    Time,
    List,
    Map,
}

impl Type {
    /// How messages call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "a value",
            Self::Null => "nil",
            Self::Int => "a whole number",
            Self::Double => "a number",
            Self::Bool => "true or false",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }

    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }
}

/// What a comparison asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds for values that stand so; `None` for values that have no order, as a NaN has none.
    pub(super) fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// Whether it asks for more than being equal or not.
    pub(super) const fn is_ordering(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl<'a> Datum<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn count(count: usize) -> Self {
        i64::try_from(count).map_or(Self::Null, Self::Int)
    }

    pub(super) fn type_of(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Int(_) => Type::Int,
            Self::Double(_) => Type::Double,
            Self::Bool(_) => Type::Bool,
            Self::Text(_) => Type::Text,
            Self::Time(_) => Type::Time,
            Self::List(_) => Type::List,
            Self::Map(_) => Type::Map,
        }
    }

    pub(super) fn into_owned(self) -> Datum<'static> {
        match self {
            Self::Null => Datum::Null,
            Self::Int(n) => Datum::Int(n),
            Self::Double(n) => Datum::Double(n),
            Self::Bool(b) => Datum::Bool(b),
            Self::Time(t) => Datum::Time(t),
            Self::Text(text) => Datum::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Datum::List(items.into_iter().map(Datum::into_owned).collect()),
            Self::Map(entries) => Datum::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The value of a resource's attribute.
    pub(super) fn of(value: &Value) -> Datum<'static> {
        match value {
            Value::Int(n) => Datum::Int(*n),
            Value::Double(n) => Datum::Double(*n),
            Value::Bool(b) => Datum::Bool(*b),
            Value::Text(text) => Datum::Text(Cow::Owned(text.to_string())),
        }
    }

    /// As a resource's attribute; `None` where there is nothing, or a list or map.
    pub(super) fn to_value(&self) -> Option<Value> {
        Some(match self {
            Self::Null | Self::List(_) | Self::Map(_) => return None,
            Self::Int(n) | Self::Time(n) => Value::Int(*n),
            Self::Double(n) => Value::Double(*n),
            Self::Bool(b) => Value::Bool(*b),
            Self::Text(text) => Value::Text((&**text).into()),
        })
    }

    /// Its text; lists and maps as JSON. `None` for null.
    pub(super) fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) => Cow::Borrowed(&**text),
            Self::Int(n) | Self::Time(n) => Cow::Owned(n.to_string()),
            Self::Double(n) => Cow::Owned(n.to_string()),
            Self::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
            Self::List(_) | Self::Map(_) => {
                let mut json = String::new();
                self.write_json(&mut json);
                Cow::Owned(json)
            }
        })
    }

    fn write_json(&self, out: &mut String) {
        // writing to a String cannot fail
        let _ = match self {
            Self::Null => write!(out, "null"),
            Self::Int(n) | Self::Time(n) => write!(out, "{n}"),
            Self::Double(n) => write!(out, "{n}"),
            Self::Bool(b) => write!(out, "{b}"),
            Self::Text(text) => write!(out, "{}", serde_json::Value::from(&**text)),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                write!(out, "]")
            }
            Self::Map(entries) => {
                out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    let _ = write!(out, "{}:", serde_json::Value::from(&**key));
                    value.write_json(out);
                }
                write!(out, "}}")
            }
        };
    }

    /// Whether `comparison` holds; `None` where the two cannot be compared. A null compares with nothing.
    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers of two kinds are compared as doubles"
    )]
    pub(super) fn compare(&self, comparison: Comparison, other: &Self) -> Option<bool> {
        let ordering = match (self, other) {
            (Self::Null, _) | (_, Self::Null) => return Some(false),
            (Self::Int(a), Self::Int(b)) | (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Double(b)) => (*a as f64).partial_cmp(b),
            (Self::Double(a), Self::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::List(_), Self::List(_)) | (Self::Map(_), Self::Map(_)) if !comparison.is_ordering() => {
                (self == other).then_some(Ordering::Equal)
            }
            _ => return None,
        };
        Some(comparison.holds(ordering))
    }
}
