//! What of a record comes from where: body, severity, time and attributes.

use ringwatch_catalogue::model::Event;
use ringwatch_frame::{Cell, Frame, Role, role_of};

use super::{Added, Column, Plain, Shape};

/// The highest severity that OpenTelemetry numbers; 0 says nothing.
const HIGHEST_SEVERITY: i64 = 24;

/// The columns of a frame from which an event's records have what is no attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordPlaces<'a> {
    body: Option<Column<'a>>,
    severity_text: Option<Column<'a>>,
    severity_number: Option<Column<'a>>,
    time: Option<Column<'a>>,
    tick: u64,
}

impl<'a> RecordPlaces<'a> {
    /// Those of `event` in `frame`. A column that a processor wrote for a place stands before the event's, also where
    /// it is null.
    pub(crate) fn of(frame: &'a Frame, event: &Event) -> Self {
        let named = |name: &Option<String>| Column::find(frame.batch(), name.as_ref()?);
        let place = |role, name| written(frame, role).or_else(|| named(name));
        Self {
            body: place(Role::Body, &event.body),
            severity_text: place(Role::SeverityText, &event.severity_text),
            severity_number: place(Role::SeverityNumber, &event.severity_number),
            time: named(&event.timestamp),
            tick: u64::try_from(frame.id().tick.unix_nanos()).unwrap_or(0),
        }
    }

    /// When the record was seen, in nanoseconds since the Unix epoch.
    pub(crate) fn observed(&self) -> u64 {
        self.tick
    }

    /// When what `row` tells happened; the tick, where the row has no instant of its own.
    pub(crate) fn time(&self, row: usize) -> u64 {
        own_time(self.time, row, self.tick)
    }

    /// The body in the column's type; an instant as text.
    pub(crate) fn body(&self, row: usize) -> Option<Plain<'a>> {
        let cell = self.body?.cell(row);
        let text = matches!(cell, Cell::Time(_));
        Shape {
            text,
            ..Shape::default()
        }
        .apply(cell)
    }

    /// The severity as text.
    pub(crate) fn severity_text(&self, row: usize) -> Option<Plain<'a>> {
        let text = Shape {
            text: true,
            ..Shape::default()
        };
        text.apply(self.severity_text?.cell(row))
    }

    /// The severity's number, at most 24; 0 where there is none.
    pub(crate) fn severity_number(&self, row: usize) -> u64 {
        let number = match self.severity_number.map(|column| column.cell(row)) {
            Some(Cell::Int(int)) => int,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the cast stops at the largest whole number, and makes 0 of what is none"
            )]
            Some(Cell::Double(double)) => double.round() as i64,
            Some(Cell::Text(text)) => text.trim().parse().unwrap_or(0),
            _ => 0,
        };
        number.clamp(0, HIGHEST_SEVERITY).unsigned_abs()
    }
}

/// The instant in `row` of `column`; `tick` where there is none after the Unix epoch.
pub(crate) fn own_time(column: Option<Column<'_>>, row: usize, tick: u64) -> u64 {
    match column.map_or(0, |column| column.nanos(row)) {
        0 => tick,
        nanos => nanos,
    }
}

/// The column that a processor wrote for `role`; of several the last.
fn written(frame: &Frame, role: Role) -> Option<Column<'_>> {
    let batch = frame.batch();
    let mut columns = batch.schema_ref().fields().iter().zip(batch.columns()).rev();
    let (_, array) = columns.find(|(field, _)| role_of(field) == Some(role))?;
    Column::of(array)
}

/// The attributes of `event` that come from columns: those that the frame has, then the added ones.
pub(crate) fn record_columns<'a>(
    frame: &'a Frame,
    event: &'a Event,
    added: &Added<'a>,
) -> Vec<(&'a str, Column<'a>, Shape<'a>)> {
    let own = event
        .attributes
        .iter()
        .filter(|attribute| !added.has(&attribute.key));
    let own = own.filter_map(|attribute| {
        let column = Column::find(frame.batch(), &attribute.column)?;
        Some((attribute.key.as_str(), column, Shape::of(attribute)))
    });
    own.chain(added.iter().map(|(key, column)| (key, column, Shape::default())))
        .collect()
}

/// The attributes of `event` that are the same in every record.
pub(crate) fn record_constants<'a>(
    event: &'a Event,
    added: &Added<'_>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let free = |key: &str| !added.has(key) && event.attributes.iter().all(|attribute| attribute.key != key);
    event
        .constants
        .iter()
        .filter(move |(key, _)| free(key))
        .map(|(key, value)| (key.as_str(), value.as_str()))
}
