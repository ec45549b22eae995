//! Rows to metric points.

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{Aggregation, Metric, MetricKind, Point};
use ringwatch_frame::Frame;

use super::block::Blocks;
use super::{ENTRIES, wire};
use crate::project::{Added, Column, Keep, Number, Plain, fixed, metric_columns, own_time, scaled};

const GAUGE: u8 = 5;
const SUM: u8 = 7;
const POINTS: u8 = 1;
const POINT_ATTRIBUTES: u8 = 7;
const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;
/// Key and eight bytes.
const FIXED64: usize = 9;
/// Key and length of a point, as good as always.
const POINT_HEAD: usize = 4;
/// Keys, lengths and words of a metric besides name, description and unit.
const METRIC_HEAD: usize = 32;

/// Appends the metrics of `frame` to a list of metrics and gives the number of points; `None` when `out` would have
/// more than `most` bytes.
pub(super) fn write(frame: &Frame, projection: &Projection, most: usize, out: &mut Vec<u8>) -> Option<u64> {
    let added = Added::of(frame);
    let mut blocks = Blocks::new(POINT_ATTRIBUTES, frame.batch().num_rows());
    let metrics: Vec<Prepared<'_>> = projection
        .metrics
        .iter()
        .map(|metric| Prepared::new(frame, metric, &added, &mut blocks))
        .collect();
    let size = metrics.iter().map(|metric| metric.size(&blocks)).sum();
    if out.len().saturating_add(size) > most {
        return None;
    }
    out.reserve(size);
    let points = metrics.iter().map(|metric| metric.write(&mut blocks, out));
    Some(points.sum())
}

/// A metric and the columns of a frame from which its points come.
struct Prepared<'a> {
    metric: &'a Metric,
    rows: usize,
    tick: u64,
    time: Option<Column<'a>>,
    start: Option<Column<'a>>,
    /// The set of attributes that come from columns.
    set: usize,
    points: Vec<PreparedPoint<'a>>,
}

/// One point of each row.
struct PreparedPoint<'a> {
    values: Column<'a>,
    keep: Keep<'a>,
    scale: Option<f64>,
    /// The bytes of the attributes that are the same in every row.
    constant: Vec<u8>,
}

impl<'a> Prepared<'a> {
    fn new(frame: &'a Frame, metric: &'a Metric, added: &Added<'a>, blocks: &mut Blocks<'a>) -> Self {
        let is_sum = metric.kind == MetricKind::Sum;
        let named = |name: &Option<String>| Column::find(frame.batch(), name.as_ref()?);
        let point = |point: &Point| {
            let values = Column::find(frame.batch(), &point.column)?;
            let mut constant = Vec::new();
            for (key, text) in fixed(metric, point, added) {
                wire::attribute(&mut constant, POINT_ATTRIBUTES, key, &Plain::Text(text.into()));
            }
            Some(PreparedPoint {
                values,
                keep: Keep::of(frame, point.only.as_ref()),
                scale: point.scale,
                constant,
            })
        };
        Self {
            metric,
            rows: frame.batch().num_rows(),
            tick: u64::try_from(frame.id().tick.unix_nanos()).unwrap_or(0),
            time: named(&metric.timestamp),
            start: named(&metric.start).filter(|_| is_sum),
            set: blocks.set(metric_columns(frame, metric, added)),
            points: metric.points.iter().filter_map(point).collect(),
        }
    }

    /// About how many bytes it takes.
    fn size(&self, blocks: &Blocks<'_>) -> usize {
        let head = self.metric.name.len() + self.metric.description.len() + self.metric.unit.len();
        let points = self.points.iter().map(|point| {
            let count = point.keep.count(self.rows).min(point.values.valid());
            let each = POINT_HEAD + point.constant.len() + self.fixed_size();
            count * each + blocks.bytes(self.set) / self.rows.max(1) * count
        });
        METRIC_HEAD + head + points.sum::<usize>()
    }

    /// The size of a point's numbers and times.
    fn fixed_size(&self) -> usize {
        if self.start.is_some() {
            3 * FIXED64
        } else {
            2 * FIXED64
        }
    }

    fn write(&self, blocks: &mut Blocks<'a>, out: &mut Vec<u8>) -> u64 {
        let metric = self.metric;
        let whole = wire::begin(out, ENTRIES);
        wire::bytes(out, 1, metric.name.as_bytes());
        wire::bytes(out, 2, metric.description.as_bytes());
        wire::bytes(out, 3, metric.unit.as_bytes());
        let is_sum = metric.kind == MetricKind::Sum;
        let data = wire::begin(out, if is_sum { SUM } else { GAUGE });
        let points = self
            .points
            .iter()
            .map(|point| self.write_points(point, blocks, out))
            .sum();
        if is_sum {
            let temporality = match metric.aggregation {
                Aggregation::Cumulative => CUMULATIVE,
                Aggregation::Delta => DELTA,
            };
            wire::varint(out, 2, temporality);
            wire::varint(out, 3, u64::from(metric.monotonic));
        }
        wire::end(out, data);
        wire::end_unless_empty(out, whole, points);
        points
    }

    /// One point of each row that has a value in the point's column and meets its condition.
    fn write_points(&self, point: &PreparedPoint<'a>, blocks: &mut Blocks<'a>, out: &mut Vec<u8>) -> u64 {
        let mut points = 0;
        for row in 0..self.rows {
            if !point.keep.has(row) {
                continue;
            }
            let Some(number) = scaled(point.values.cell(row), point.scale, self.metric.value) else {
                continue;
            };
            // A delta without a start leaves the start unset, which says that it is not known.
            let start = self.start.map_or(0, |column| column.nanos(row));
            let times = if start > 0 { 2 * FIXED64 } else { FIXED64 };
            let attributes = point.constant.len() + blocks.len(self.set, row);
            wire::length(out, POINTS, attributes + times + FIXED64);
            out.extend_from_slice(&point.constant);
            blocks.write(self.set, row, out);
            if start > 0 {
                wire::fixed64(out, 2, start.to_le_bytes());
            }
            write_value(own_time(self.time, row, self.tick), number, out);
            points += 1;
        }
        points
    }
}

/// Time and value of a point.
#[inline]
fn write_value(time: u64, number: Number, out: &mut Vec<u8>) {
    wire::fixed64(out, 3, time.to_le_bytes());
    match number {
        Number::Double(double) => wire::fixed64(out, 4, double.to_le_bytes()),
        Number::Int(int) => wire::fixed64(out, 6, int.to_le_bytes()),
    }
}
