//! Rows to log records.

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::Event;
use ringwatch_frame::{Cell, Frame};

use super::attribute::Attribute;
use super::{ENTRIES, wire};
use crate::project::{
    Added, Column, Keep, Plain, RecordPlaces, TraceParent, record_columns, record_constants,
};

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
/// After so many records it is known about how long they are.
const SAMPLE: usize = 64;

/// Appends a record of each row of `frame` for each event that it fits to a list of records and gives their number;
/// `None` when `out` would have more than `most` bytes.
pub(super) fn write(frame: &Frame, projection: &Projection, most: usize, out: &mut Vec<u8>) -> Option<u64> {
    let events = projection.events.iter();
    events
        .map(|event| Records::new(frame, event).write(most, out))
        .sum()
}

/// The records of one event of a frame.
struct Records<'a> {
    rows: usize,
    /// Which of them become one.
    keep: Keep<'a>,
    /// What is the same in every record.
    constant: Vec<u8>,
    places: RecordPlaces<'a>,
    attributes: Vec<Attribute<'a>>,
    parents: Option<Column<'a>>,
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
            keep: Keep::of(frame, event.only.as_ref()),
            constant,
            places,
            attributes,
            parents: event
                .trace_parent
                .as_ref()
                .and_then(|name| Column::find(frame.batch(), name)),
        }
    }

    fn write(&self, most: usize, out: &mut Vec<u8>) -> Option<u64> {
        let start = out.len();
        // The length stands before the record: each is written here first, which costs less than to visit it twice.
        let mut record = Vec::new();
        let mut written = 0;
        for row in (0..self.rows).filter(|row| self.keep.has(*row)) {
            written += 1;
            record.clear();
            wire::fixed64(&mut record, TIME, self.places.time(row).to_le_bytes());
            record.extend_from_slice(&self.constant);
            for attribute in &self.attributes {
                attribute.write(row, &mut record);
            }
            self.write_own(row, &mut record);
            wire::bytes(out, ENTRIES, &record);
            if out.len() > most {
                return None;
            }
            if row + 1 == SAMPLE {
                // The others will be about as long.
                let rest = (out.len() - start) / SAMPLE * (self.rows - SAMPLE);
                out.reserve(rest.min(most));
            }
        }
        Some(written)
    }

    /// Severity, body and trace.
    fn write_own(&self, row: usize, out: &mut Vec<u8>) {
        let severity = self.places.severity_number(row);
        if severity > 0 {
            wire::varint(out, SEVERITY_NUMBER, severity);
        }
        if let Some(Plain::Text(text)) = self.places.severity_text(row) {
            wire::bytes(out, SEVERITY_TEXT, text.as_bytes());
        }
        if let Some(body) = self.places.body(row) {
            wire::any_value(out, BODY, &body);
        }
        let parent = match self.parents.map(|column| column.cell(row)) {
            Some(Cell::Text(text)) => TraceParent::parse(text),
            _ => None,
        };
        if let Some(parent) = parent {
            wire::fixed32(out, FLAGS, u32::from(parent.flags).to_le_bytes());
            wire::bytes(out, TRACE_ID, &parent.trace_id);
            wire::bytes(out, SPAN_ID, &parent.span_id);
        }
    }
}
