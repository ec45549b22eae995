//! Points and records as values, for exporters that write text. `otlp` writes bytes from the columns instead.

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{Event, Metric};
use ringwatch_frame::Frame;

use super::{
    Added, Column, Keep, Number, Plain, RecordPlaces, Shape, fixed, metric_columns, own_time, record_columns,
    record_constants, scaled,
};

/// A point as values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot<'s, 'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) value: Number,
    /// Nanoseconds since the Unix epoch: its own, or the tick.
    pub(crate) time: u64,
    pub(crate) attributes: &'s [(&'a str, Plain<'a>)],
}

/// Calls `take` with every point of `frame`.
pub(crate) fn for_each_point<'a>(
    frame: &'a Frame,
    projection: &'a Projection,
    mut take: impl FnMut(Spot<'_, 'a>),
) {
    let added = Added::of(frame);
    let tick = u64::try_from(frame.id().tick.unix_nanos()).unwrap_or(0);
    for metric in &projection.metrics {
        let columns = metric_columns(frame, metric, &added);
        let time = metric
            .timestamp
            .as_ref()
            .and_then(|name| Column::find(frame.batch(), name));
        for point in &metric.points {
            let Some(values) = Column::find(frame.batch(), &point.column) else {
                continue;
            };
            let keep = Keep::of(frame, point.only.as_ref());
            let fixed: Vec<_> = fixed(metric, point, &added)
                .map(|(key, text)| (key, Plain::Text(text.into())))
                .collect();
            for row in (0..frame.batch().num_rows()).filter(|row| keep.has(*row)) {
                let Some(value) = scaled(values.cell(row), point.scale, metric.value) else {
                    continue;
                };
                let mut attributes = fixed.clone();
                attributes.extend(
                    columns
                        .iter()
                        .filter_map(|(key, column)| Some((*key, Shape::default().apply(column.cell(row))?))),
                );
                take(Spot {
                    metric,
                    value,
                    time: own_time(time, row, tick),
                    attributes: &attributes,
                });
            }
        }
    }
}

/// Calls `take` with every record of `event` in `frame`: its places, its row and its attributes.
pub(crate) fn for_each_record<'a>(
    frame: &'a Frame,
    event: &'a Event,
    mut take: impl FnMut(&RecordPlaces<'a>, usize, &[(&'a str, Plain<'a>)]),
) {
    let added = Added::of(frame);
    let places = RecordPlaces::of(frame, event);
    let columns = record_columns(frame, event, &added);
    let constants: Vec<_> = record_constants(event, &added)
        .map(|(key, text)| (key, Plain::Text(text.into())))
        .collect();
    let keep = Keep::of(frame, event.only.as_ref());
    for row in (0..frame.batch().num_rows()).filter(|row| keep.has(*row)) {
        let mut attributes = constants.clone();
        attributes.extend(
            columns
                .iter()
                .filter_map(|(key, column, shape)| Some((*key, shape.apply(column.cell(row))?))),
        );
        take(&places, row, &attributes);
    }
}
