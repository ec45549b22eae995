//! Values of an answer as what their columns hold.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ringwatch_frame::{Cell, ColumnType};

/// A value that fits its column.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Int(i64),
    Double(f64),
    Bool(bool),
    Time(i64),
    Text(Cow<'a, str>),
}

impl Value<'_> {
    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(number) => Cell::Int(*number),
            Self::Double(number) => Cell::Double(*number),
            Self::Bool(bit) => Cell::Bool(*bit),
            Self::Time(nanos) => Cell::Time(*nanos),
            Self::Text(text) => Cell::Text(text),
        }
    }
}

/// `cell` as a value of the type `to`; null when it is none.
pub(super) fn convert<'a>(cell: &Cell<'a>, to: ColumnType) -> Value<'a> {
    let value = match to {
        ColumnType::Int => whole(cell).map(Value::Int),
        ColumnType::Double => number(cell).map(Value::Double),
        ColumnType::Bool => bit(cell).map(Value::Bool),
        ColumnType::Time => time(cell).map(Value::Time),
        ColumnType::Text => text(cell).map(Value::Text),
    };
    value.unwrap_or(Value::Null)
}

/// A number with a fraction is none: whoever wants it says `value_type: double`.
fn whole(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(*number),
        Cell::Double(number) => exact(*number),
        Cell::Bool(bit) => Some(i64::from(*bit)),
        Cell::Time(nanos) => Some(nanos.div_euclid(1_000_000_000)),
        Cell::Text(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| exact(text.parse().ok()?))
        }
        Cell::Null => None,
    }
}

/// `number` where it is whole and an `i64` can hold it.
fn exact(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and within the bounds"
    )]
    (number.fract() == 0.0 && (-BOUND..BOUND).contains(&number)).then_some(number as i64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number column holds what a double can"
)]
fn number(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Int(number) => Some(*number as f64),
        Cell::Double(number) => Some(*number),
        Cell::Bool(bit) => Some(f64::from(u8::from(*bit))),
        Cell::Time(nanos) => Some(*nanos as f64 / 1e9),
        Cell::Text(text) => text.trim().parse().ok(),
        Cell::Null => None,
    }
}

fn bit(cell: &Cell<'_>) -> Option<bool> {
    match cell {
        Cell::Bool(bit) => Some(*bit),
        Cell::Int(number @ 0..=1) => Some(*number == 1),
        Cell::Text(text) => match *text {
            "t" | "true" | "1" => Some(true),
            "f" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A whole number is a Unix time in seconds, milliseconds, microseconds or nanoseconds, told apart by its
/// size.
fn time(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Time(nanos) => Some(*nanos),
        Cell::Int(number) => unix(*number),
        Cell::Double(number) => seconds(*number),
        Cell::Text(text) => {
            let text = text.trim();
            let number = || text.parse().ok().and_then(unix);
            instant(text)
                .or_else(number)
                .or_else(|| seconds(text.parse().ok()?))
        }
        Cell::Bool(_) | Cell::Null => None,
    }
}

/// Seconds with a fraction, since the Unix epoch.
#[expect(clippy::cast_possible_truncation, reason = "it saturates")]
fn seconds(number: f64) -> Option<i64> {
    number.is_finite().then_some((number * 1e9) as i64)
}

fn unix(number: i64) -> Option<i64> {
    let factor = match number.unsigned_abs() {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1000,
        _ => 1,
    };
    number.checked_mul(factor)
}

/// The instant that `text` names, in nanoseconds since the Unix epoch. Without an offset it is UTC.
pub(crate) fn instant(text: &str) -> Option<i64> {
    let stamp = text.parse::<Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    i64::try_from(stamp.as_nanosecond()).ok()
}

/// `nanos` since the Unix epoch as `2026-01-31 23:59:59.000001`, in UTC.
pub(super) fn instant_text(nanos: i64) -> String {
    let stamp = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string()
}

fn text<'a>(cell: &Cell<'a>) -> Option<Cow<'a, str>> {
    Some(match cell {
        Cell::Text(text) => Cow::Borrowed(text),
        Cell::Int(number) => number.to_string().into(),
        Cell::Double(number) => number.to_string().into(),
        Cell::Bool(bit) => bit.to_string().into(),
        Cell::Time(nanos) => instant_text(*nanos).into(),
        Cell::Null => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_what_the_column_holds() {
        let of = |text: &'static str, to| convert(&Cell::Text(text), to);
        let table = [
            (" 42 ", ColumnType::Int, Value::Int(42)),
            ("42.0", ColumnType::Int, Value::Int(42)),
            ("9223372036854775807", ColumnType::Int, Value::Int(i64::MAX)),
            ("42.5", ColumnType::Int, Value::Null),
            ("1e30", ColumnType::Int, Value::Null),
            ("1e3", ColumnType::Double, Value::Double(1000.0)),
            ("", ColumnType::Double, Value::Null),
            ("t", ColumnType::Bool, Value::Bool(true)),
            ("0", ColumnType::Bool, Value::Bool(false)),
            ("maybe", ColumnType::Bool, Value::Null),
            (
                "1970-01-01 00:00:01.5+00",
                ColumnType::Time,
                Value::Time(1_500_000_000),
            ),
            ("1970-01-01T02:00:00+02:00", ColumnType::Time, Value::Time(0)),
            ("1970-01-02", ColumnType::Time, Value::Time(86_400_000_000_000)),
            ("infinity", ColumnType::Time, Value::Null),
            ("1.5", ColumnType::Time, Value::Time(1_500_000_000)),
            ("soon", ColumnType::Time, Value::Null),
            ("18446744073709551615", ColumnType::Int, Value::Null),
        ];
        for (text, to, expected) in table {
            assert_eq!(of(text, to), expected, "{text} {to:?}");
        }
    }

    #[test]
    fn a_unix_time_is_told_by_its_size() {
        let second = 1_767_323_045;
        for factor in [1, 1000, 1_000_000, 1_000_000_000] {
            let cell = Cell::Int(second * factor);
            assert_eq!(
                convert(&cell, ColumnType::Time),
                Value::Time(second * 1_000_000_000),
                "{factor}"
            );
        }
        assert_eq!(
            convert(&Cell::Double(0.5), ColumnType::Time),
            Value::Time(500_000_000)
        );
        assert_eq!(convert(&Cell::Double(f64::NAN), ColumnType::Time), Value::Null);
        for hostile in [i64::MIN, i64::MAX] {
            let _ = convert(&Cell::Int(hostile), ColumnType::Time);
            assert!(instant_text(hostile).len() >= 26);
        }
    }

    #[test]
    fn an_instant_is_read_as_it_was_written() {
        for nanos in [0, 1_767_323_045_678_901_000, -1000] {
            assert_eq!(instant(&instant_text(nanos)), Some(nanos));
        }
    }
}
