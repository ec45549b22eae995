//! Checks of what rows become: metrics and events.

use std::collections::BTreeSet;

use super::columns::{Columns, Names, Wanted, present, refuse};
use crate::error::Fault;
use crate::model::{Event, Kind, Metric, MetricKind, MetricValue, Point};

pub(super) fn check_metric(metric: &Metric, columns: &Columns<'_>) -> Result<(), Fault> {
    present("the description", !metric.description.is_empty())?;
    present("the unit", !metric.unit.is_empty())?;
    present("a point", !metric.points.is_empty())?;
    let sum = metric.kind == MetricKind::Sum;
    refuse(
        "a gauge is not monotonic and has no start",
        !sum && (metric.monotonic || metric.start.is_some()),
    )?;
    refuse(
        "a sum has a start if and only if it is monotonic",
        sum && metric.monotonic != metric.start.is_some(),
    )?;
    if let Some(column) = &metric.start {
        columns.need("start", column, Wanted::Instant)?;
    }
    for column in metric.attributes.values() {
        columns.need("an attribute", column, Wanted::Text)?;
    }
    for point in &metric.points {
        check_point(metric, point, columns)?;
    }
    check_series(metric)
}

fn check_point(metric: &Metric, point: &Point, columns: &Columns<'_>) -> Result<(), Fault> {
    let wanted = match metric.value {
        MetricValue::Int => Wanted::Whole,
        MetricValue::Double => Wanted::Number,
    };
    columns.need("a point", &point.column, wanted)?;
    refuse(
        "a whole number is not scaled",
        metric.value == MetricValue::Int && point.scale.is_some(),
    )?;
    let overwritten = point
        .attributes
        .keys()
        .any(|key| metric.attributes.contains_key(key));
    refuse("an attribute is given by a column and by a point", overwritten)
}

/// The points of a row differ in the values of the same attributes, so that no two are one series.
fn check_series(metric: &Metric) -> Result<(), Fault> {
    let series: BTreeSet<_> = metric.points.iter().map(|point| &point.attributes).collect();
    refuse(
        "two points of a row have the same attributes",
        series.len() != metric.points.len(),
    )?;
    let keys: BTreeSet<Vec<_>> = metric
        .points
        .iter()
        .map(|point| point.attributes.keys().collect())
        .collect();
    refuse(
        "the points of a row have not the same attribute names",
        keys.len() != 1,
    )
}

pub(super) fn check_event(event: &Event, columns: &Columns<'_>) -> Result<(), Fault> {
    present("the description", !event.description.is_empty())?;
    present("an attribute", !event.attributes.is_empty())?;
    let mut keys = Names::new("attribute");
    for key in event.constants.keys() {
        keys.add(key)?;
    }
    for attribute in &event.attributes {
        keys.add(&attribute.key)?;
        let wanted = if attribute.scale.is_some() {
            Wanted::Number
        } else {
            Wanted::Anything
        };
        let kind = columns.need("an attribute", &attribute.column, wanted)?;
        refuse(
            "an attribute that is scaled is not text",
            attribute.scale.is_some() && attribute.text,
        )?;
        let text = kind == Kind::Text || attribute.text;
        refuse(
            "`null` stands in for text only",
            attribute.null.is_some() && !text,
        )?;
        refuse(
            "an instant leaves as text: set `text`",
            kind == Kind::Time && !text,
        )?;
    }
    if let Some(column) = &event.trace_parent {
        columns.need("trace_parent", column, Wanted::Text)?;
    }
    Ok(())
}
