//! The attributes of a row as one block of bytes, which all points of the row share.

use std::ops::Range;

use super::attribute::Attribute;
use crate::project::{Column, Shape};

/// The attributes of a frame that come from columns, and the sets of them that points have.
pub(super) struct Blocks<'a> {
    tag: u8,
    rows: usize,
    attributes: Vec<(&'a str, Column<'a>, Attribute<'a>)>,
    sets: Vec<Set>,
}

/// Attributes that points of some metrics have in common.
struct Set {
    attributes: Vec<usize>,
    /// Where the block of each row is in the output.
    spans: Vec<Span>,
    bytes: usize,
}

/// A block. It has a length from the beginning, and a place after it was written for the first time.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    len: usize,
}

const UNWRITTEN: usize = usize::MAX;

impl<'a> Blocks<'a> {
    /// Those of a frame of `rows` rows, in lists of this tag.
    pub(super) fn new(tag: u8, rows: usize) -> Self {
        Self {
            tag,
            rows,
            attributes: Vec::new(),
            sets: Vec::new(),
        }
    }

    /// The number of the set of these attributes, in this order.
    pub(super) fn set(&mut self, columns: Vec<(&'a str, Column<'a>)>) -> usize {
        let attributes: Vec<usize> = columns
            .into_iter()
            .map(|(key, column)| self.attribute(key, column))
            .collect();
        if let Some(at) = self.sets.iter().position(|set| set.attributes == attributes) {
            return at;
        }
        let len = |row| attributes.iter().map(|at| self.attributes[*at].2.len(row)).sum();
        let spans: Vec<Span> = (0..self.rows)
            .map(|row| Span {
                start: UNWRITTEN,
                len: len(row),
            })
            .collect();
        self.sets.push(Set {
            bytes: spans.iter().map(|span| span.len).sum(),
            attributes,
            spans,
        });
        self.sets.len() - 1
    }

    fn attribute(&mut self, key: &'a str, column: Column<'a>) -> usize {
        let known = |(made, from, _): &(&str, Column<'a>, _)| *made == key && from.is(column);
        if let Some(at) = self.attributes.iter().position(known) {
            return at;
        }
        let attribute = Attribute::new(self.tag, key, column, Shape::default(), self.rows);
        self.attributes.push((key, column, attribute));
        self.attributes.len() - 1
    }

    /// The bytes of all blocks of a set together.
    pub(super) fn bytes(&self, set: usize) -> usize {
        self.sets[set].bytes
    }

    /// The length of the block of `row`.
    #[inline]
    pub(super) fn len(&self, set: usize, row: usize) -> usize {
        self.sets[set].spans[row].len
    }

    /// Appends the block of `row`. `out` is always the same one, and never loses what was appended here.
    #[inline]
    pub(super) fn write(&mut self, set: usize, row: usize, out: &mut Vec<u8>) {
        let set = &mut self.sets[set];
        let span = &mut set.spans[row];
        if span.start != UNWRITTEN {
            let block: Range<usize> = span.start..span.start + span.len;
            return out.extend_from_within(block);
        }
        span.start = out.len();
        for at in &set.attributes {
            self.attributes[*at].2.write(row, out);
        }
    }
}
