//! What the node says of itself: its log, and its own traces and metrics over OTLP where configured.

mod json;
mod log;
mod metrics;
mod otlp;

pub(crate) use json::{rfc3339, timestamp};
pub(crate) use log::start_telemetry;
pub(crate) use metrics::{MetricReaders, start_metric_readers};
