//! Points and records as values, for exporters that write text. `otlp` writes bytes from the columns instead.

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{Event, Metric};
use ringwatch_frame::Frame;

use super::{Added, Column, Number, Plain, Shape, fixed, metric_columns, scaled};

/// Calls `take` with every point of `frame`: the metric, its value and its attributes.
pub(crate) fn for_each_point<'a>(
    frame: &'a Frame,
    projection: &'a Projection,
    mut take: impl FnMut(&'a Metric, Number, &[(&'a str, Plain<'a>)]),
) {
    let added = Added::of(frame);
    for metric in &projection.metrics {
        let columns = metric_columns(frame, metric, &added);
        for point in &metric.points {
            let Some(values) = Column::find(frame.batch(), &point.column) else {
                continue;
            };
            let fixed: Vec<_> = fixed(metric, point, &added)
                .map(|(key, text)| (key, Plain::Text(text.into())))
                .collect();
            for row in 0..frame.batch().num_rows() {
                let Some(number) = scaled(values.cell(row), point.scale, metric.value) else {
                    continue;
                };
                let mut attributes = fixed.clone();
                attributes.extend(
                    columns
                        .iter()
                        .filter_map(|(key, column)| Some((*key, Shape::default().apply(column.cell(row))?))),
                );
                take(metric, number, &attributes);
            }
        }
    }
}

/// Calls `take` with the attributes of every record of `frame`.
pub(crate) fn for_each_record<'a>(
    frame: &'a Frame,
    event: &'a Event,
    mut take: impl FnMut(&[(&'a str, Plain<'a>)]),
) {
    let added = Added::of(frame);
    let columns = record_columns(frame, event, &added);
    let constants: Vec<_> = record_constants(event, &added)
        .map(|(key, text)| (key, Plain::Text(text.into())))
        .collect();
    for row in 0..frame.batch().num_rows() {
        let mut attributes = constants.clone();
        attributes.extend(
            columns
                .iter()
                .filter_map(|(key, column, shape)| Some((*key, shape.apply(column.cell(row))?))),
        );
        take(&attributes);
    }
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
