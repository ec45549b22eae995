//! Rows to log records.

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::Event;
use ringwatch_frame::{Cell, Frame};

use super::attribute::Attribute;
use super::{ENTRIES, wire};
use crate::project::{Added, Column, Plain, RecordPlaces, TraceParent, record_columns, record_constants};

const TIME: u8 = 1;
const SEVERITY_NUMBER: u8 = 2;
const SEVERITY_TEXT: u8 = 3;
const BODY: u8 = 5;
const ATTRIBUTES: u8 = 6;
const FLAGS: u8 = 8;
const TRACE_ID: u8 = 9;
const SPAN_ID: u8 = 10;
const OBSERVED_TIME: u8 = 11;
const EVENT_NAME: u8 = 12;
/// Key and eight bytes.
const TIME_SIZE: usize = 9;
/// Key and one byte.
const SEVERITY_SIZE: usize = 2;
/// Trace id, span id and flags with keys and lengths.
const TRACE_SIZE: usize = 18 + 10 + 5;
/// Key and length of a record, as good as always.
const RECORD_HEAD: usize = 4;

/// Appends a record of each row of `frame` for each event to a list of records and gives their number.
pub(super) fn write(frame: &Frame, projection: &Projection, out: &mut Vec<u8>) -> u64 {
    let events = projection.events.iter();
    events.map(|event| Records::new(frame, event).write(out)).sum()
}

/// The records of one event of a frame.
struct Records<'a> {
    rows: usize,
    /// What is the same in every record.
    constant: Vec<u8>,
    places: RecordPlaces<'a>,
    attributes: Vec<Attribute<'a>>,
    parents: Option<Column<'a>>,
}

/// What a record has of its own besides time and attributes.
struct Own<'a> {
    severity: u64,
    severity_text: Option<Plain<'a>>,
    body: Option<Plain<'a>>,
    parent: Option<TraceParent>,
}

impl<'a> Records<'a> {
    fn new(frame: &'a Frame, event: &'a Event) -> Self {
        let added = Added::of(frame);
        let rows = frame.batch().num_rows();
        let places = RecordPlaces::of(frame, event);
        let mut constant = Vec::new();
        wire::fixed64(&mut constant, OBSERVED_TIME, places.observed().to_le_bytes());
        if !event.name.is_empty() {
            wire::bytes(&mut constant, EVENT_NAME, event.name.as_bytes());
        }
        for (key, text) in record_constants(event, &added) {
            wire::attribute(&mut constant, ATTRIBUTES, key, &Plain::Text(text.into()));
        }
        let attributes = record_columns(frame, event, &added)
            .into_iter()
            .map(|(key, column, shape)| Attribute::new(ATTRIBUTES, key, column, shape, rows))
            .collect();
        Self {
            rows,
            constant,
            places,
            attributes,
            parents: event
                .trace_parent
                .as_ref()
                .and_then(|name| Column::find(frame.batch(), name)),
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> u64 {
        out.reserve(self.rows * (RECORD_HEAD + TIME_SIZE + self.constant.len()));
        for row in 0..self.rows {
            let own = self.own(row);
            let attributes: usize = self.attributes.iter().map(|attribute| attribute.len(row)).sum();
            let size = TIME_SIZE + self.constant.len() + attributes + own.size();
            wire::length(out, ENTRIES, size);
            wire::fixed64(out, TIME, self.places.time(row).to_le_bytes());
            out.extend_from_slice(&self.constant);
            for attribute in &self.attributes {
                attribute.write(row, out);
            }
            own.write(out);
        }
        self.rows as u64
    }

    fn own(&self, row: usize) -> Own<'a> {
        let parent = self.parents.and_then(|column| match column.cell(row) {
            Cell::Text(text) => TraceParent::parse(text),
            _ => None,
        });
        Own {
            severity: self.places.severity_number(row),
            severity_text: self.places.severity_text(row),
            body: self.places.body(row),
            parent,
        }
    }
}

impl Own<'_> {
    fn size(&self) -> usize {
        let severity = if self.severity > 0 { SEVERITY_SIZE } else { 0 };
        let text = self.severity_text.as_ref().map_or(0, wire::any_value_size);
        let body = self
            .body
            .as_ref()
            .map_or(0, |body| wire::sized(wire::any_value_size(body)));
        let trace = if self.parent.is_some() { TRACE_SIZE } else { 0 };
        severity + text + body + trace
    }

    fn write(&self, out: &mut Vec<u8>) {
        if self.severity > 0 {
            wire::varint(out, SEVERITY_NUMBER, self.severity);
        }
        // A text has as many bytes as a field of its own as it has as an `AnyValue`.
        if let Some(Plain::Text(text)) = &self.severity_text {
            wire::bytes(out, SEVERITY_TEXT, text.as_bytes());
        }
        if let Some(body) = &self.body {
            wire::any_value(out, BODY, body);
        }
        if let Some(parent) = &self.parent {
            wire::fixed32(out, FLAGS, u32::from(parent.flags).to_le_bytes());
            wire::bytes(out, TRACE_ID, &parent.trace_id);
            wire::bytes(out, SPAN_ID, &parent.span_id);
        }
    }
}
