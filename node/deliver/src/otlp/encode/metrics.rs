//! Rows to metric points.

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{Metric, MetricKind, Point};
use ringwatch_frame::Frame;

use super::attribute::Attribute;
use super::{ENTRIES, wire};
use crate::project::{Added, Column, Number, Plain, Shape, fixed, metric_columns, scaled};

const GAUGE: u8 = 5;
const SUM: u8 = 7;
const POINTS: u8 = 1;
const POINT_ATTRIBUTES: u8 = 7;
const CUMULATIVE: u64 = 2;
/// Key and eight bytes.
const FIXED64: usize = 9;

/// Appends the metrics of `frame` to a list of metrics and gives the number of points.
pub(super) fn write(frame: &Frame, projection: &Projection, out: &mut Vec<u8>) -> u64 {
    let added = Added::of(frame);
    let mut attributes = Attributes {
        rows: frame.batch().num_rows(),
        made: Vec::new(),
    };
    projection
        .metrics
        .iter()
        .map(|metric| write_metric(frame, metric, &added, &mut attributes, out))
        .sum()
}

fn write_metric<'a>(
    frame: &'a Frame,
    metric: &'a Metric,
    added: &Added<'a>,
    attributes: &mut Attributes<'a>,
    out: &mut Vec<u8>,
) -> u64 {
    let places: Vec<usize> = metric_columns(frame, metric, added)
        .into_iter()
        .map(|(key, column)| attributes.place(key, column))
        .collect();
    let whole = wire::begin(out, ENTRIES);
    wire::bytes(out, 1, metric.name.as_bytes());
    wire::bytes(out, 2, metric.description.as_bytes());
    wire::bytes(out, 3, metric.unit.as_bytes());
    let is_sum = metric.kind == MetricKind::Sum;
    let data = wire::begin(out, if is_sum { SUM } else { GAUGE });
    let start = metric
        .start
        .as_ref()
        .filter(|_| is_sum)
        .and_then(|name| Column::find(frame.batch(), name));
    let rows = Rows {
        frame,
        metric,
        time: u64::try_from(frame.id().tick.unix_nanos()).unwrap_or(0),
        start,
        attributes: places.iter().map(|place| &attributes.made[*place].2).collect(),
    };
    let points = metric
        .points
        .iter()
        .map(|point| rows.write(point, added, out))
        .sum();
    if is_sum {
        wire::varint(out, 2, CUMULATIVE);
        wire::varint(out, 3, u64::from(metric.monotonic));
    }
    wire::end(out, data);
    wire::end_unless_empty(out, whole, points);
    points
}

/// The attributes of a frame that come from columns; several metrics share one.
struct Attributes<'a> {
    rows: usize,
    made: Vec<(&'a str, Column<'a>, Attribute<'a>)>,
}

impl<'a> Attributes<'a> {
    fn place(&mut self, key: &'a str, column: Column<'a>) -> usize {
        if let Some(at) = self
            .made
            .iter()
            .position(|(made, from, _)| *made == key && from.is(column))
        {
            return at;
        }
        let attribute = Attribute::new(POINT_ATTRIBUTES, key, column, Shape::default(), self.rows);
        self.made.push((key, column, attribute));
        self.made.len() - 1
    }
}

/// The rows of a frame as points of one metric.
struct Rows<'f, 'a> {
    frame: &'a Frame,
    metric: &'a Metric,
    time: u64,
    start: Option<Column<'a>>,
    attributes: Vec<&'f Attribute<'a>>,
}

impl Rows<'_, '_> {
    /// One point of each row that has a value in the point's column.
    fn write(&self, point: &Point, added: &Added<'_>, out: &mut Vec<u8>) -> u64 {
        let Some(values) = Column::find(self.frame.batch(), &point.column) else {
            return 0;
        };
        let mut constant = Vec::new();
        for (key, text) in fixed(self.metric, point, added) {
            wire::attribute(&mut constant, POINT_ATTRIBUTES, key, &Plain::Text(text.into()));
        }
        let mut points = 0;
        for row in 0..self.frame.batch().num_rows() {
            if let Some(number) = scaled(values.cell(row), point.scale, self.metric.value) {
                self.write_point(row, number, &constant, out);
                points += 1;
            }
        }
        points
    }

    fn write_point(&self, row: usize, number: Number, constant: &[u8], out: &mut Vec<u8>) {
        let start = self.start.map_or(0, |column| column.nanos(row));
        let own: usize = self
            .attributes
            .iter()
            .map(|attribute| attribute.get(row).len())
            .sum();
        let fixed = if start > 0 { 3 * FIXED64 } else { 2 * FIXED64 };
        wire::length(out, POINTS, constant.len() + own + fixed);
        out.extend_from_slice(constant);
        for attribute in &self.attributes {
            out.extend_from_slice(attribute.get(row));
        }
        if start > 0 {
            wire::fixed64(out, 2, start.to_le_bytes());
        }
        wire::fixed64(out, 3, self.time.to_le_bytes());
        match number {
            Number::Double(double) => wire::fixed64(out, 4, double.to_le_bytes()),
            Number::Int(int) => wire::fixed64(out, 6, int.to_le_bytes()),
        }
    }
}
