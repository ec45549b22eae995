//! An attribute that comes from a column: its bytes for every row.

use std::ops::Range;

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use ringwatch_frame::Cell;

use super::wire;
use crate::project::{Column, Plain, Shape};

/// A text column with at least this share of distinct texts has each of them in few rows.
const FEW_ROWS_A_TEXT: usize = 4;

/// An attribute of the rows of a frame.
pub(super) struct Attribute<'a> {
    tag: u8,
    /// The key of the `KeyValue` as a field.
    name: Vec<u8>,
    from: From<'a>,
}

/// Where the bytes of a row come from.
enum From<'a> {
    /// They are written from the value.
    Cells(Column<'a>, Shape<'a>),
    /// They were made once for each distinct text.
    Distinct {
        keys: &'a DictionaryArray<Int32Type>,
        bytes: Vec<u8>,
        spans: Vec<Range<usize>>,
        null: Range<usize>,
    },
    /// They are written from the text: most texts are needed in one row or two.
    Texts {
        keys: &'a DictionaryArray<Int32Type>,
        texts: &'a StringArray,
        null: Option<&'a str>,
    },
}

impl<'a> Attribute<'a> {
    /// The attribute `name` from `column` in a frame of `rows` rows; `tag` is that of the list it goes into.
    pub(super) fn new(tag: u8, name: &str, column: Column<'a>, shape: Shape<'a>, rows: usize) -> Self {
        let mut key = Vec::with_capacity(wire::sized(name.len()));
        wire::bytes(&mut key, 1, name.as_bytes());
        let mut attribute = Self {
            tag,
            name: key,
            from: From::Cells(column, shape),
        };
        if let Column::Text { keys, texts } = column {
            attribute.from = if texts.len() >= rows / FEW_ROWS_A_TEXT {
                let null = shape.null;
                From::Texts { keys, texts, null }
            } else {
                attribute.distinct(keys, texts, shape, rows)
            };
        }
        attribute
    }

    fn distinct(
        &self,
        keys: &'a DictionaryArray<Int32Type>,
        texts: &'a StringArray,
        shape: Shape<'a>,
        rows: usize,
    ) -> From<'a> {
        let mut bytes = Vec::new();
        let mut make = |cell| {
            let start = bytes.len();
            if let Some(value) = shape.apply(cell) {
                self.value(&value, &mut bytes);
            }
            start..bytes.len()
        };
        let null = make(Cell::Null);
        // A dictionary may hold more texts than the rows use, as in a part of a larger frame.
        let mut spans = vec![0..0; texts.len()];
        for key in (0..rows).filter_map(|row| keys.key(row)) {
            if spans[key] == (0..0) {
                spans[key] = text(texts, key).map_or_else(|| null.clone(), |text| make(Cell::Text(text)));
            }
        }
        From::Distinct {
            keys,
            bytes,
            spans,
            null,
        }
    }

    /// How many bytes `row` has; none where the attribute is left out.
    pub(super) fn len(&self, row: usize) -> usize {
        let whole = |value| wire::sized(self.name.len() + wire::sized(value));
        match &self.from {
            From::Cells(column, shape) => shape
                .apply(column.cell(row))
                .map_or(0, |value| whole(wire::any_value_size(&value))),
            From::Distinct {
                keys, spans, null, ..
            } => keys.key(row).map_or(null, |key| &spans[key]).len(),
            From::Texts { keys, texts, null } => {
                let text = keys.key(row).and_then(|key| text(texts, key)).or(*null);
                text.map_or(0, |text| whole(wire::sized(text.len())))
            }
        }
    }

    /// Appends the bytes of `row`, whole with tag and length.
    #[inline]
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) {
        match &self.from {
            From::Cells(column, shape) => {
                if let Some(value) = shape.apply(column.cell(row)) {
                    self.value(&value, out);
                }
            }
            From::Distinct {
                keys,
                bytes,
                spans,
                null,
            } => {
                let span = keys.key(row).map_or(null, |key| &spans[key]);
                out.extend_from_slice(&bytes[span.clone()]);
            }
            From::Texts { keys, texts, null } => {
                if let Some(text) = keys.key(row).and_then(|key| text(texts, key)).or(*null) {
                    self.text(text, out);
                }
            }
        }
    }

    #[inline]
    fn value(&self, value: &Plain<'_>, out: &mut Vec<u8>) {
        let size = wire::any_value_size(value);
        wire::length(out, self.tag, self.name.len() + wire::sized(size));
        out.extend_from_slice(&self.name);
        wire::any_value(out, 2, value);
    }

    #[inline]
    fn text(&self, text: &str, out: &mut Vec<u8>) {
        let value = wire::sized(text.len());
        wire::length(out, self.tag, self.name.len() + wire::sized(value));
        out.extend_from_slice(&self.name);
        wire::length(out, 2, value);
        wire::bytes(out, 1, text.as_bytes());
    }
}

#[inline]
fn text(texts: &StringArray, key: usize) -> Option<&str> {
    texts.is_valid(key).then(|| texts.value(key))
}
