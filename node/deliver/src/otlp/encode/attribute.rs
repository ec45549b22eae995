//! An attribute that comes from a column: its bytes for every row.

use std::ops::Range;

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use ringwatch_frame::Cell;

use super::wire;
use crate::project::{Column, Shape};

/// The bytes of the attribute, whole with tag and length, once for each distinct text or once for each row.
pub(super) struct Attribute<'a> {
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
    /// The row's place in `spans`, where that is not the row itself.
    keys: Option<&'a DictionaryArray<Int32Type>>,
    null: Range<usize>,
}

impl<'a> Attribute<'a> {
    /// The attribute `name` from `column` in a frame of `rows` rows; `tag` is that of the list it goes into.
    pub(super) fn new(tag: u8, name: &str, column: Column<'a>, shape: Shape<'a>, rows: usize) -> Self {
        let mut attribute = Self {
            bytes: Vec::new(),
            spans: Vec::new(),
            keys: None,
            null: 0..0,
        };
        let mut make = |cell| {
            let start = attribute.bytes.len();
            if let Some(value) = shape.apply(cell) {
                wire::attribute(&mut attribute.bytes, tag, name, &value);
            }
            start..attribute.bytes.len()
        };
        let Column::Text { keys, texts } = column else {
            attribute.spans = (0..rows).map(|row| make(column.cell(row))).collect();
            return attribute;
        };
        let null = make(Cell::Null);
        // A dictionary may hold more texts than the rows use, as in a part of a larger frame.
        let mut spans = vec![0..0; texts.len()];
        for key in (0..rows).filter_map(|row| keys.key(row)) {
            if spans[key] == (0..0) {
                spans[key] = match text(texts, key) {
                    Some(text) => make(Cell::Text(text)),
                    None => null.clone(),
                };
            }
        }
        Self {
            spans,
            null,
            keys: Some(keys),
            ..attribute
        }
    }

    /// The bytes for `row`; none where the attribute is left out.
    pub(super) fn get(&self, row: usize) -> &[u8] {
        let span = match self.keys {
            None => &self.spans[row],
            Some(keys) => keys.key(row).map_or(&self.null, |key| &self.spans[key]),
        };
        &self.bytes[span.clone()]
    }
}

fn text(texts: &StringArray, key: usize) -> Option<&str> {
    texts.is_valid(key).then(|| texts.value(key))
}
