//! The value of an attribute: a column's value as the catalogue wants it written.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use ringwatch_catalogue::model::EventAttribute;
use ringwatch_frame::{Cell, Value};

use super::number::whole;

/// The value of an attribute, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plain<'a> {
    Int(i64),
    Double(f64),
    Bool(bool),
    Text(Cow<'a, str>),
}

/// How a column's values are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape<'a> {
    /// What a number is multiplied with.
    pub(crate) scale: Option<f64>,
    /// As text.
    pub(crate) text: bool,
    /// What stands in place of a null.
    pub(crate) null: Option<&'a str>,
}

impl<'a> Shape<'a> {
    /// The shape of an event's attribute.
    pub(crate) fn of(attribute: &'a EventAttribute) -> Self {
        Self {
            scale: attribute.scale,
            text: attribute.text,
            null: attribute.null.as_deref(),
        }
    }

    /// `cell` in this shape; `None` for a null that nothing stands for. An instant that is not written as text is
    /// a number of nanoseconds since the Unix epoch.
    pub(crate) fn apply(self, cell: Cell<'a>) -> Option<Plain<'a>> {
        let plain = match cell {
            Cell::Null => return self.null.map(|null| Plain::Text(null.into())),
            Cell::Text(text) => Plain::Text(text.into()),
            Cell::Bool(bit) => Plain::Bool(bit),
            Cell::Time(nanos) if self.text => Plain::Text(rfc3339(nanos).into()),
            Cell::Time(nanos) => Plain::Int(nanos),
            Cell::Int(int) => self.int(int),
            Cell::Double(double) => Plain::Double(double * self.scale.unwrap_or(1.0)),
        };
        let textual = !self.text || matches!(plain, Plain::Text(_));
        Some(if textual {
            plain
        } else {
            Plain::Text(plain.to_string().into())
        })
    }

    /// A whole number stays one under a whole scale; the scale alone decides, so an attribute has one type.
    #[expect(clippy::cast_precision_loss, reason = "the attribute is a double")]
    fn int(self, int: i64) -> Plain<'static> {
        match self.scale.map(|scale| (scale, whole(scale))) {
            None => Plain::Int(int),
            Some((_, Some(factor))) => Plain::Int(int.saturating_mul(factor)),
            Some((scale, None)) => Plain::Double(int as f64 * scale),
        }
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => int.fmt(f),
            Self::Double(double) => double.fmt(f),
            Self::Bool(bit) => bit.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl<'a> From<&'a Value> for Plain<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::Int(int) => Self::Int(*int),
            Value::Double(double) => Self::Double(*double),
            Value::Bool(bit) => Self::Bool(*bit),
        }
    }
}

/// The instant in UTC: `2026-11-21T10:00:00.5Z`.
fn rfc3339(nanos: i64) -> String {
    Timestamp::from_nanosecond(nanos.into()).map_or_else(|_| nanos.to_string(), |instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_the_shape_that_the_catalogue_wants() {
        let plain = Shape::default();
        let text = Shape { text: true, ..plain };
        let thousandth = Shape {
            scale: Some(0.001),
            ..plain
        };
        let table = [
            (plain, Cell::Int(-3), Some(Plain::Int(-3))),
            (plain, Cell::Null, None),
            (plain, Cell::Bool(true), Some(Plain::Bool(true))),
            (plain, Cell::Time(5), Some(Plain::Int(5))),
            (text, Cell::Int(-3), Some(Plain::Text("-3".into()))),
            (text, Cell::Bool(false), Some(Plain::Text("false".into()))),
            (
                text,
                Cell::Time(1_763_683_200_500_000_000),
                Some(Plain::Text("2025-11-21T00:00:00.5Z".into())),
            ),
            (
                text,
                Cell::Time(-1_000_000_000),
                Some(Plain::Text("1969-12-31T23:59:59Z".into())),
            ),
            (thousandth, Cell::Int(1500), Some(Plain::Double(1.5))),
            (thousandth, Cell::Double(1500.0), Some(Plain::Double(1.5))),
            (thousandth, Cell::Text("x"), Some(Plain::Text("x".into()))),
            (
                Shape {
                    scale: Some(8.0),
                    ..plain
                },
                Cell::Int(3),
                Some(Plain::Int(24)),
            ),
            (
                Shape {
                    null: Some("{}"),
                    ..plain
                },
                Cell::Null,
                Some(Plain::Text("{}".into())),
            ),
            (
                Shape {
                    null: Some("{}"),
                    ..plain
                },
                Cell::Int(1),
                Some(Plain::Int(1)),
            ),
        ];
        for (shape, cell, wanted) in table {
            assert_eq!(shape.apply(cell), wanted, "{cell:?} as {shape:?}");
        }
    }
}
