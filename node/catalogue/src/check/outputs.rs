//! Checks of what rows become: metrics and events.

use std::collections::BTreeSet;

use super::columns::{Columns, Names, Wanted, present, refuse};
use crate::error::Fault;
use crate::model::{Aggregation, Event, Kind, Metric, MetricKind, MetricValue, Point};

pub(super) fn check_metric(metric: &Metric, columns: &Columns<'_>) -> Result<(), Fault> {
    present("the description", !metric.description.is_empty())?;
    present("the unit", !metric.unit.is_empty())?;
    present("a point", !metric.points.is_empty())?;
    let sum = metric.kind == MetricKind::Sum;
    refuse(
        "a gauge is not monotonic and has no start",
        !sum && (metric.monotonic || metric.start.is_some()),
    )?;
    let delta = metric.aggregation == Aggregation::Delta;
    refuse("only a sum has the aggregation `delta`", delta && !sum)?;
    refuse(
        "a cumulative sum has a start if and only if it is monotonic",
        sum && !delta && metric.monotonic != metric.start.is_some(),
    )?;
    if let Some(column) = &metric.start {
        columns.need("start", column, Wanted::Instant)?;
    }
    if let Some(column) = &metric.timestamp {
        columns.need("timestamp", column, Wanted::Instant)?;
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
    if let Some(only) = &point.only {
        columns.need("`only` of a point", &only.column, Wanted::Anything)?;
    }
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
    let one_series = |(at, point): (usize, &Point)| {
        let before = metric.points.iter().take(at);
        let mut same = before.filter(|other| other.attributes == point.attributes);
        same.any(|other| !exclude(other, point))
    };
    refuse(
        "two points of a row have the same attributes",
        metric.points.iter().enumerate().any(one_series),
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

/// Whether no row gives both points.
fn exclude(a: &Point, b: &Point) -> bool {
    let both = a.only.as_ref().zip(b.only.as_ref());
    both.is_some_and(|(a, b)| a.column == b.column && a.equals != b.equals)
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
    let places = [
        ("body", &event.body, Wanted::Anything),
        ("severity_text", &event.severity_text, Wanted::Text),
        ("severity_number", &event.severity_number, Wanted::Whole),
        ("timestamp", &event.timestamp, Wanted::Instant),
    ];
    for (place, column, wanted) in places {
        column
            .as_ref()
            .map_or(Ok(Kind::Text), |column| columns.need(place, column, wanted))?;
    }
    if let Some(column) = &event.trace_parent {
        columns.need("trace_parent", column, Wanted::Text)?;
    }
    if let Some(only) = &event.only {
        columns.need("`only` of an event", &only.column, Wanted::Anything)?;
    }
    Ok(())
}
