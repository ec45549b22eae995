//! An attribute that comes from a column: its bytes for every row.

use std::ops::Range;

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use ringwatch_frame::Cell;

use super::wire;
use crate::project::{Column, Shape};

/// A text column with at least this share of distinct texts has each of them in few rows.
const FEW_ROWS_A_TEXT: usize = 4;

/// An attribute of the rows of a frame. All bytes are whole, with tag and length.
pub(super) struct Attribute<'a> {
    bytes: Vec<u8>,
    from: From<'a>,
    /// What stands for a null.
    null: Range<usize>,
}

/// Where the bytes of a row are.
enum From<'a> {
    /// Made once for each row.
    Rows(Vec<Range<usize>>),
    /// Made once for each distinct text.
    Distinct(&'a DictionaryArray<Int32Type>, Vec<Range<usize>>),
    /// Not made: most texts are needed in one row, and are written there.
    Texts(Texts<'a>),
}

struct Texts<'a> {
    tag: u8,
    /// The key of the `KeyValue`.
    name: Vec<u8>,
    keys: &'a DictionaryArray<Int32Type>,
    texts: &'a StringArray,
}

impl<'a> Attribute<'a> {
    /// The attribute `name` from `column` in a frame of `rows` rows; `tag` is that of the list it goes into.
    pub(super) fn new(tag: u8, name: &str, column: Column<'a>, shape: Shape<'a>, rows: usize) -> Self {
        let mut bytes = Vec::new();
        let mut make = |cell| {
            let start = bytes.len();
            if let Some(value) = shape.apply(cell) {
                wire::attribute(&mut bytes, tag, name, &value);
            }
            start..bytes.len()
        };
        let null = make(Cell::Null);
        let from = match column {
            Column::Text { keys, texts } if texts.len() >= rows / FEW_ROWS_A_TEXT => {
                From::Texts(Texts::new(tag, name, keys, texts))
            }
            Column::Text { keys, texts } => {
                // A dictionary may hold more texts than the rows use, as in a part of a larger frame.
                let mut spans = vec![0..0; texts.len()];
                for key in (0..rows).filter_map(|row| keys.key(row)) {
                    if spans[key] == (0..0) {
                        spans[key] = text(texts, key).map_or(null.clone(), |text| make(Cell::Text(text)));
                    }
                }
                From::Distinct(keys, spans)
            }
            column => From::Rows((0..rows).map(|row| make(column.cell(row))).collect()),
        };
        Self { bytes, from, null }
    }

    /// How many bytes `row` has; none where the attribute is left out.
    pub(super) fn len(&self, row: usize) -> usize {
        match &self.from {
            From::Texts(texts) => texts.get(row).map_or(self.null.len(), |text| texts.sizes(text).2),
            _ => self.span(row).len(),
        }
    }

    /// Appends the bytes of `row`.
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) {
        match &self.from {
            From::Texts(texts) => match texts.get(row) {
                Some(text) => texts.write(text, out),
                None => out.extend_from_slice(&self.bytes[self.null.clone()]),
            },
            _ => out.extend_from_slice(&self.bytes[self.span(row)]),
        }
    }

    fn span(&self, row: usize) -> Range<usize> {
        match &self.from {
            From::Rows(spans) => spans[row].clone(),
            From::Distinct(keys, spans) => keys
                .key(row)
                .map_or_else(|| self.null.clone(), |key| spans[key].clone()),
            From::Texts(_) => 0..0,
        }
    }
}

impl<'a> Texts<'a> {
    fn new(tag: u8, key: &str, keys: &'a DictionaryArray<Int32Type>, texts: &'a StringArray) -> Self {
        let mut name = Vec::with_capacity(wire::sized(key.len()));
        wire::bytes(&mut name, 1, key.as_bytes());
        Self {
            tag,
            name,
            keys,
            texts,
        }
    }

    #[inline]
    fn get(&self, row: usize) -> Option<&'a str> {
        text(self.texts, self.keys.key(row)?)
    }

    /// The sizes of value, attribute, and attribute with tag and length.
    #[inline]
    fn sizes(&self, text: &str) -> (usize, usize, usize) {
        let value = wire::sized(text.len());
        let attribute = self.name.len() + wire::sized(value);
        (value, attribute, wire::sized(attribute))
    }

    #[inline]
    fn write(&self, text: &str, out: &mut Vec<u8>) {
        let (value, attribute, _) = self.sizes(text);
        wire::length(out, self.tag, attribute);
        out.extend_from_slice(&self.name);
        wire::length(out, 2, value);
        wire::length(out, 1, text.len());
        out.extend_from_slice(text.as_bytes());
    }
}

#[inline]
fn text(texts: &StringArray, key: usize) -> Option<&str> {
    texts.is_valid(key).then(|| texts.value(key))
}
