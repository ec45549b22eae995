//! Rows off the wire, checked against what the catalogue says.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use ringwatch_frame::{Cell, ColumnType, Columns};
use sqlx::postgres::PgRow;
use sqlx::{Column, Row, TypeInfo};

use crate::fault::{Fault, FaultKind};
use crate::session::Expected;

/// The most rows that one frame holds.
const MOST_ROWS: usize = 100_000;

/// Takes rows, gives a batch.
pub(super) struct Rows<'a> {
    expected: &'a [Expected<'a>],
    /// How each column is read; known from the first row on.
    wires: Vec<Wire>,
    columns: Columns,
    count: usize,
}

/// The binary form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Int8,
    Int4,
    Int2,
    Oid,
    Float8,
    Float4,
    Bool,
    Text,
}

impl Wire {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "INT8" => Self::Int8,
            "INT4" => Self::Int4,
            "INT2" => Self::Int2,
            "OID" => Self::Oid,
            "FLOAT8" => Self::Float8,
            "FLOAT4" => Self::Float4,
            "BOOL" => Self::Bool,
            "TEXT" | "VARCHAR" | "NAME" | "CHAR" | "\"CHAR\"" | "BPCHAR" => Self::Text,
            _ => return None,
        })
    }

    /// Whether it can become a value of this type.
    fn fits(self, kind: ColumnType) -> bool {
        let whole = matches!(self, Self::Int8 | Self::Int4 | Self::Int2 | Self::Oid);
        match kind {
            ColumnType::Int => whole,
            ColumnType::Double => whole || matches!(self, Self::Float8 | Self::Float4),
            ColumnType::Text => self == Self::Text,
            ColumnType::Bool => self == Self::Bool,
            ColumnType::Time => self == Self::Int8,
        }
    }

    /// The value in `bytes`; `None` when they are not of the right length.
    fn read(self, bytes: &[u8]) -> Option<Value<'_>> {
        Some(match self {
            Self::Int8 => Value::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Int4 => Value::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Int2 => Value::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Oid => Value::Int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Float8 => Value::Double(f64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Float4 => Value::Double(f32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Bool => Value::Bool(*bytes.first()? != 0),
            // A database of encoding SQL_ASCII sends whatever was stored.
            Self::Text => Value::Text(String::from_utf8_lossy(bytes)),
        })
    }
}

enum Value<'a> {
    Null,
    Int(i64),
    Double(f64),
    Bool(bool),
    Text(Cow<'a, str>),
}

impl Value<'_> {
    fn cell(&self, kind: ColumnType) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(micros) if kind == ColumnType::Time => Cell::Time(micros.saturating_mul(1000)),
            Self::Int(number) => Cell::Int(*number),
            Self::Double(number) => Cell::Double(*number),
            Self::Bool(bit) => Cell::Bool(*bit),
            Self::Text(text) => Cell::Text(text),
        }
    }
}

impl<'a> Rows<'a> {
    /// No rows yet.
    pub(super) fn new(expected: &'a [Expected<'a>]) -> Self {
        let columns = Columns::new(expected.iter().map(|column| (column.name, column.kind)));
        Self {
            expected,
            wires: Vec::new(),
            columns,
            count: 0,
        }
    }

    /// Adds one row.
    pub(super) fn push(&mut self, row: &PgRow) -> Result<(), Fault> {
        if self.count == 0 {
            self.wires = self.wires_of(row)?;
        }
        self.count += 1;
        if self.count > MOST_ROWS {
            return Err(Fault::new(
                FaultKind::TooManyRows,
                &format!("the answer has more than {MOST_ROWS} rows"),
            ));
        }
        let mut values = Vec::with_capacity(self.wires.len());
        for (at, wire) in self.wires.iter().enumerate() {
            values.push(value(row, at, *wire).map_err(|e| self.shape(at, &e))?);
        }
        let cells: Vec<_> = values
            .iter()
            .zip(self.expected)
            .map(|(value, column)| value.cell(column.kind))
            .collect();
        self.columns
            .push(&cells)
            .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))
    }

    /// All rows.
    pub(super) fn finish(self) -> Result<RecordBatch, Fault> {
        self.columns
            .finish()
            .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))
    }

    fn wires_of(&self, row: &PgRow) -> Result<Vec<Wire>, Fault> {
        let (came, expected) = (row.columns().len(), self.expected.len());
        if came != expected {
            let message = format!("the answer has {came} columns in place of {expected}");
            return Err(Fault::new(FaultKind::Shape, &message));
        }
        let wire = |(at, column): (usize, &sqlx::postgres::PgColumn)| {
            let name = column.type_info().name();
            let wire = Wire::of(name).filter(|wire| wire.fits(self.expected[at].kind));
            wire.ok_or_else(|| {
                self.shape(
                    at,
                    &format!("{name} came in place of {:?}", self.expected[at].kind),
                )
            })
        };
        row.columns().iter().enumerate().map(wire).collect()
    }

    fn shape(&self, at: usize, error: &str) -> Fault {
        let name = self.expected.get(at).map_or("?", |column| column.name);
        Fault::new(FaultKind::Shape, &format!("column `{name}`: {error}"))
    }
}

fn value(row: &PgRow, at: usize, wire: Wire) -> Result<Value<'_>, String> {
    let raw = row.try_get_raw(at).map_err(|e| e.to_string())?;
    if sqlx::ValueRef::is_null(&raw) {
        return Ok(Value::Null);
    }
    let bytes = raw.as_bytes().map_err(|e| e.to_string())?;
    wire.read(bytes)
        .ok_or_else(|| format!("{} bytes came for {wire:?}", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_wrong_length_are_no_panic() {
        for wire in [
            Wire::Int8,
            Wire::Int4,
            Wire::Int2,
            Wire::Oid,
            Wire::Float8,
            Wire::Float4,
            Wire::Bool,
        ] {
            assert!(wire.read(&[]).is_none(), "{wire:?}");
        }
        assert!(matches!(
            Wire::Text
                .read(b"caf\xe9")
                .map(|v| v.cell(ColumnType::Text) == Cell::Text("caf\u{fffd}")),
            Some(true)
        ));
        let five = 5i64.to_be_bytes();
        let micros = Wire::Int8.read(&five).unwrap();
        assert_eq!(micros.cell(ColumnType::Time), Cell::Time(5000));
        assert_eq!(micros.cell(ColumnType::Int), Cell::Int(5));
    }
}
