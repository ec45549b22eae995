//! The messages that rows should become, built the long way.

use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{Aggregation, Event, Metric, MetricKind, MetricValue, Point};
use ringwatch_frame::Role;

use super::given::{Row, TRACE, Val, Written, get};

fn key_value(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text_value(text: impl Into<String>) -> any_value::Value {
    any_value::Value::StringValue(text.into())
}

/// The value of an attribute, if it has one.
fn attribute(val: &Val, scale: Option<f64>, text: bool, null: Option<&str>) -> Option<any_value::Value> {
    use any_value::Value as Any;
    let value = match val {
        Val::Null => return null.map(text_value),
        Val::Text(text) => text_value(text),
        Val::Bool(bit) => Any::BoolValue(*bit),
        Val::Time(nanos) if text => text_value(
            jiff::Timestamp::from_nanosecond((*nanos).into())
                .unwrap()
                .to_string(),
        ),
        Val::Time(nanos) => Any::IntValue(*nanos),
        Val::Double(double) => Any::DoubleValue(double * scale.unwrap_or(1.0)),
        Val::Int(int) => match scale {
            None => Any::IntValue(*int),
            Some(1024.0) => Any::IntValue(int * 1024),
            Some(scale) => Any::DoubleValue(*int as f64 * scale),
        },
    };
    Some(match value {
        Any::IntValue(int) if text => text_value(int.to_string()),
        Any::DoubleValue(double) if text => text_value(double.to_string()),
        Any::BoolValue(bit) if text => text_value(bit.to_string()),
        value => value,
    })
}

/// Attributes that a processor added.
const ADDED: [&str; 2] = ["added.text", "added.int"];

fn added(row: &Row) -> impl Iterator<Item = KeyValue> {
    ADDED
        .into_iter()
        .filter_map(|key| Some(key_value(key, attribute(get(row, key)?, None, false, None)?)))
}

/// The value as text, as `only` looks at it.
fn as_text(val: &Val) -> Option<String> {
    match attribute(val, None, true, None)? {
        any_value::Value::StringValue(text) => Some(text),
        other => panic!("{other:?} is no text"),
    }
}

/// The instant in the column, or the tick.
fn own_time(row: &Row, column: &Option<String>, tick: u64) -> u64 {
    match column.as_ref().and_then(|name| get(row, name)) {
        Some(Val::Time(nanos)) if *nanos > 0 => nanos.unsigned_abs(),
        _ => tick,
    }
}

fn point(row: &Row, metric: &Metric, point: &Point, tick: u64) -> Option<otlp::NumberDataPoint> {
    use otlp::number_data_point::Value::{AsDouble, AsInt};
    if let Some(only) = &point.only {
        let text = get(row, &only.column).and_then(as_text);
        text.filter(|text| *text == only.equals)?;
    }
    let value = match (get(row, &point.column)?, metric.value, point.scale) {
        (Val::Int(int), MetricValue::Int, None) => AsInt(*int),
        (Val::Int(int), MetricValue::Int, Some(1024.0)) => AsInt(int * 1024),
        (Val::Int(int), MetricValue::Int, Some(scale)) => AsInt((*int as f64 * scale).round() as i64),
        (Val::Int(int), MetricValue::Double, scale) => AsDouble(*int as f64 * scale.unwrap_or(1.0)),
        (Val::Double(double), MetricValue::Int, scale) => {
            AsInt((double * scale.unwrap_or(1.0)).round() as i64)
        }
        (Val::Double(double), MetricValue::Double, scale) => AsDouble(double * scale.unwrap_or(1.0)),
        _ => return None,
    };
    let start = match metric.start.as_ref().and_then(|name| get(row, name)) {
        Some(Val::Time(nanos)) if metric.kind == MetricKind::Sum => nanos.unsigned_abs(),
        _ => 0,
    };
    let free = |key: &str| !ADDED.contains(&key);
    let fixed = point
        .attributes
        .iter()
        .filter(|(key, _)| free(key) && !metric.attributes.contains_key(*key));
    let own = metric.attributes.iter().filter(|(key, _)| free(key));
    let own =
        own.filter_map(|(key, name)| Some(key_value(key, attribute(get(row, name)?, None, false, None)?)));
    Some(otlp::NumberDataPoint {
        attributes: fixed
            .map(|(key, text)| key_value(key, text_value(text)))
            .chain(own)
            .chain(added(row))
            .collect(),
        start_time_unix_nano: start,
        time_unix_nano: own_time(row, &metric.timestamp, tick),
        value: Some(value),
        ..otlp::NumberDataPoint::default()
    })
}

pub(super) fn metrics(rows: &[Row], projection: &Projection, tick: u64) -> Vec<otlp::Metric> {
    let all = projection.metrics.iter().map(|metric| {
        let points = metric
            .points
            .iter()
            .flat_map(|entry| rows.iter().filter_map(|row| point(row, metric, entry, tick)));
        let data_points: Vec<_> = points.collect();
        let empty = data_points.is_empty();
        let data = match metric.kind {
            MetricKind::Gauge => otlp::metric::Data::Gauge(otlp::Gauge { data_points }),
            MetricKind::Sum => otlp::metric::Data::Sum(otlp::Sum {
                data_points,
                aggregation_temporality: match metric.aggregation {
                    Aggregation::Cumulative => otlp::AggregationTemporality::Cumulative,
                    Aggregation::Delta => otlp::AggregationTemporality::Delta,
                }
                .into(),
                is_monotonic: metric.monotonic,
            }),
        };
        let (name, description, unit) = (
            metric.name.clone(),
            metric.description.clone(),
            metric.unit.clone(),
        );
        (
            empty,
            otlp::Metric {
                name,
                description,
                unit,
                data: Some(data),
                ..otlp::Metric::default()
            },
        )
    });
    all.filter(|(empty, _)| !empty)
        .map(|(_, metric)| metric)
        .collect()
}

/// The column of a place: what a processor wrote stands before what the event says.
fn place<'a>(row: &'a Row, written: &Written, role: Role, column: &Option<String>) -> Option<&'a Val> {
    let written = written
        .iter()
        .find(|(name, has)| **has == role && get(row, name).is_some());
    match written {
        Some((name, _)) => get(row, name),
        None => get(row, column.as_ref()?),
    }
}

fn severity(val: Option<&Val>) -> i32 {
    let number = match val {
        Some(Val::Int(int)) => *int,
        Some(Val::Double(double)) => double.round() as i64,
        Some(Val::Text(text)) => text.parse().unwrap_or(0),
        _ => 0,
    };
    i32::try_from(number.clamp(0, 24)).unwrap()
}

/// A record of each row for each event that it fits.
pub(super) fn records(rows: &[Row], events: &[Event], written: &Written, tick: u64) -> Vec<LogRecord> {
    let of = |event| records_of(rows, event, written, tick);
    events.iter().flat_map(of).collect()
}

fn records_of(rows: &[Row], event: &Event, written: &Written, tick: u64) -> Vec<LogRecord> {
    let free = |key: &str| !ADDED.contains(&key);
    let record = |row: &Row| {
        let constants = event
            .constants
            .iter()
            .filter(|(key, _)| free(key) && event.attributes.iter().all(|own| own.key != **key));
        let own = event
            .attributes
            .iter()
            .filter(|own| free(&own.key))
            .filter_map(|own| {
                let value = attribute(get(row, &own.column)?, own.scale, own.text, own.null.as_deref())?;
                Some(key_value(&own.key, value))
            });
        let parent = event.trace_parent.as_ref().and_then(|name| get(row, name));
        let traced = parent.is_some_and(|val| *val == Val::Text(TRACE.into()));
        let bytes = |hex: &str| -> Vec<u8> {
            let pairs = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            if traced { pairs.collect() } else { Vec::new() }
        };
        let place = |role, column| place(row, written, role, column);
        let body = place(Role::Body, &event.body);
        let body = body.and_then(|val| attribute(val, None, matches!(val, Val::Time(_)), None));
        let severity_text = place(Role::SeverityText, &event.severity_text).and_then(as_text);
        LogRecord {
            body: body.map(|value| AnyValue { value: Some(value) }),
            severity_text: severity_text.unwrap_or_default(),
            severity_number: severity(place(Role::SeverityNumber, &event.severity_number)),
            time_unix_nano: own_time(row, &event.timestamp, tick),
            observed_time_unix_nano: tick,
            event_name: event.name.clone(),
            attributes: constants
                .map(|(key, text)| key_value(key, text_value(text)))
                .chain(own)
                .chain(added(row))
                .collect(),
            flags: u32::from(traced),
            trace_id: bytes(&TRACE[3..35]),
            span_id: bytes(&TRACE[36..52]),
            ..LogRecord::default()
        }
    };
    let fits = |row: &&Row| {
        event.only.as_ref().is_none_or(|only| {
            let text = get(row, &only.column).and_then(as_text);
            text.is_some_and(|text| text == only.equals)
        })
    };
    rows.iter().filter(fits).map(record).collect()
}

pub(super) fn resource(name: &str) -> Option<OtlpResource> {
    let attributes = vec![
        key_value("service.name", text_value(name)),
        key_value("port", any_value::Value::IntValue(-1)),
        key_value("load", any_value::Value::DoubleValue(0.5)),
        key_value("primary", any_value::Value::BoolValue(false)),
    ];
    Some(OtlpResource {
        attributes,
        ..OtlpResource::default()
    })
}

pub(super) fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "ringwatch.test".into(),
        version: "1.2.3".into(),
        ..InstrumentationScope::default()
    })
}
