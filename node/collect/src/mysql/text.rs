//! The values of an answer, which come as text.

use std::borrow::Cow;

use ringwatch_frame::{Cell, ColumnType};
use sqlx::mysql::MySqlColumn;
use sqlx::{Column as _, TypeInfo as _};

/// The name of a column, and what it holds.
pub(super) fn column_type(column: &MySqlColumn) -> (String, ColumnType) {
    (column.name().to_owned(), type_of(column.type_info().name()))
}

/// A `BOOLEAN` is a small number to the server, and `TIME` is a span.
fn type_of(name: &str) -> ColumnType {
    let name = name.strip_suffix(" UNSIGNED").unwrap_or(name);
    match name {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "INT" | "MEDIUMINT" | "BIGINT" | "YEAR" | "BIT" => {
            ColumnType::Int
        }
        "FLOAT" | "DOUBLE" | "DECIMAL" => ColumnType::Double,
        "TIMESTAMP" | "DATETIME" | "DATE" => ColumnType::Time,
        _ => ColumnType::Text,
    }
}

/// A bit field, which comes as its bytes, as a number.
pub(super) fn bits(bytes: &[u8]) -> Cow<'_, str> {
    let number = bytes
        .iter()
        .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    number.to_string().into()
}

/// A value as it came.
pub(super) fn cell(text: Option<&str>, kind: ColumnType) -> Cell<'_> {
    match (text, kind) {
        (None, _) => Cell::Null,
        // There is no such day; the server has it where a date was not known.
        (Some(date), ColumnType::Time) if date.starts_with("0000-00-00") => Cell::Null,
        (Some(text), _) => Cell::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_of_a_frame() {
        for (name, expected) in [
            ("BIGINT UNSIGNED", ColumnType::Int),
            ("BOOLEAN", ColumnType::Int),
            ("DECIMAL", ColumnType::Double),
            ("DATETIME", ColumnType::Time),
            ("TIME", ColumnType::Text),
            ("JSON", ColumnType::Text),
            ("VARBINARY", ColumnType::Text),
            ("NULL", ColumnType::Text),
        ] {
            assert_eq!(type_of(name), expected, "{name}");
        }
    }

    #[test]
    fn values_come_as_they_are() {
        assert_eq!(cell(None, ColumnType::Int), Cell::Null);
        assert_eq!(cell(Some("12"), ColumnType::Int), Cell::Text("12"));
        assert_eq!([&b"\x01"[..], b"1", b"\x01\xff"].map(bits), ["1", "49", "511"]);
        assert_eq!(cell(Some("0000-00-00 00:00:00"), ColumnType::Time), Cell::Null);
    }
}
