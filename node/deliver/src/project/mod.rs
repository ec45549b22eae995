//! What rows become: the reading of columns by the catalogue's entries, shared by all exporters.

mod column;
mod number;
mod only;
mod points;
mod record;
mod trace_parent;
mod value;

use ringwatch_catalogue::model::{Metric, Point};
use ringwatch_frame::{Frame, is_attribute};

pub(crate) use column::Column;
pub(crate) use number::{Number, scaled};
pub(crate) use only::Keep;
pub(crate) use points::{Spot, for_each_point, for_each_record};
pub(crate) use record::{RecordPlaces, own_time, record_columns, record_constants};
pub(crate) use trace_parent::TraceParent;
pub(crate) use value::{Plain, Shape};

/// The columns that a processor added as attributes of every point and record. Where one has the key of an
/// attribute of the catalogue, it takes its place: a key occurs once.
pub(crate) struct Added<'a>(Vec<(&'a str, Column<'a>)>);

impl<'a> Added<'a> {
    /// Those of `frame`.
    pub(crate) fn of(frame: &'a Frame) -> Self {
        let batch = frame.batch();
        let fields = batch.schema_ref().fields();
        let columns = fields
            .iter()
            .zip(batch.columns())
            .filter(|(field, _)| is_attribute(field));
        Self(
            columns
                .filter_map(|(field, array)| Some((field.name().as_str(), Column::of(array)?)))
                .collect(),
        )
    }

    /// Key and column of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, Column<'a>)> {
        self.0.iter().copied()
    }

    /// Whether there is one of this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(added, _)| *added == key)
    }
}

/// The attributes of `metric` that come from columns: those that the frame has, then the added ones.
pub(crate) fn metric_columns<'a>(
    frame: &'a Frame,
    metric: &'a Metric,
    added: &Added<'a>,
) -> Vec<(&'a str, Column<'a>)> {
    let own = metric.attributes.iter().filter(|(key, _)| !added.has(key));
    let own = own.filter_map(|(key, column)| Some((key.as_str(), Column::find(frame.batch(), column)?)));
    own.chain(added.iter()).collect()
}

/// The attributes of `point` that are the same in every row.
pub(crate) fn fixed<'a>(
    metric: &'a Metric,
    point: &'a Point,
    added: &Added<'_>,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let free = |key: &str| !added.has(key) && !metric.attributes.contains_key(key);
    point
        .attributes
        .iter()
        .filter(move |(key, _)| free(key))
        .map(|(key, value)| (key.as_str(), value.as_str()))
}
