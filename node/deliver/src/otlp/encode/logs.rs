//! Rows to log records.

use ringwatch_catalogue::Projection;
use ringwatch_frame::{Cell, Frame};

use super::attribute::Attribute;
use super::{ENTRIES, wire};
use crate::project::{Added, Column, Plain, TraceParent, record_columns, record_constants};

const TIME: u8 = 1;
const ATTRIBUTES: u8 = 6;
const FLAGS: u8 = 8;
const TRACE_ID: u8 = 9;
const SPAN_ID: u8 = 10;
const OBSERVED_TIME: u8 = 11;
const EVENT_NAME: u8 = 12;
/// Trace id, span id and flags with keys and lengths.
const TRACE_SIZE: usize = 18 + 10 + 5;

/// Appends one record of each row of `frame` to a list of records and gives their number.
pub(super) fn write(frame: &Frame, projection: &Projection, out: &mut Vec<u8>) -> u64 {
    let Some(event) = &projection.event else { return 0 };
    let added = Added::of(frame);
    let rows = frame.batch().num_rows();
    let time = u64::try_from(frame.id().tick.unix_nanos())
        .unwrap_or(0)
        .to_le_bytes();
    let mut constant = Vec::new();
    wire::fixed64(&mut constant, TIME, time);
    wire::fixed64(&mut constant, OBSERVED_TIME, time);
    wire::bytes(&mut constant, EVENT_NAME, event.name.as_bytes());
    for (key, text) in record_constants(event, &added) {
        wire::attribute(&mut constant, ATTRIBUTES, key, &Plain::Text(text.into()));
    }
    let attributes: Vec<_> = record_columns(frame, event, &added)
        .into_iter()
        .map(|(key, column, shape)| Attribute::new(ATTRIBUTES, key, column, shape, rows))
        .collect();
    let parents = event
        .trace_parent
        .as_ref()
        .and_then(|name| Column::find(frame.batch(), name));
    for row in 0..rows {
        let parent = parents.and_then(|column| match column.cell(row) {
            Cell::Text(text) => TraceParent::parse(text),
            _ => None,
        });
        let own: usize = attributes.iter().map(|attribute| attribute.get(row).len()).sum();
        let trace = if parent.is_some() { TRACE_SIZE } else { 0 };
        wire::length(out, ENTRIES, constant.len() + own + trace);
        out.extend_from_slice(&constant);
        for attribute in &attributes {
            out.extend_from_slice(attribute.get(row));
        }
        if let Some(parent) = parent {
            wire::fixed32(out, FLAGS, u32::from(parent.flags).to_le_bytes());
            wire::bytes(out, TRACE_ID, &parent.trace_id);
            wire::bytes(out, SPAN_ID, &parent.span_id);
        }
    }
    rows as u64
}
