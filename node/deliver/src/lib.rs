//! The last room of a frame: queue, retry and exporters.
//!
//! An exporter takes batches through an outlet that never waits, and ends every row in the books: delivered, or
//! dropped for a reason. Only here does a frame become metric points, log records or samples, by the projection
//! that the catalogue gives; `otlp` writes protobuf bytes straight from the columns.
//!
//! This crate promises that
//! - what a queue takes is delivered or counted, also when its consumer ends in the middle of it;
//! - what was taken back before it was sent is not sent; by `otlp` nothing is while the node does not know what is its own, for
//!   half a minute at most, and not once it stops;
//! - a backend that is away is waited for as long as `max_age` of the queue allows;
//! - a backend that is away or asks for rest is asked by one consumer at a time, and not before its time;
//! - a queue holds a bounded number of batches; how many bytes they may have is up to the processor `memory_limiter`;
//! - words of a backend are escaped and cut before they reach the log.
//!
//! It never knows a database, a processor or a pipeline.

mod admit;
mod debug;
mod error;
mod metrics;
pub mod otlp;
mod project;
mod prometheus;
pub mod queue;
mod retry;
mod standing;
mod status;
#[cfg(test)]
mod testing;
mod throttle;

pub use crate::debug::{DebugHandle, debug};
pub use crate::error::DeliverError;
pub use crate::otlp::{OtlpHandle, OtlpOutlet, OtlpParts, start_otlp};
pub use crate::prometheus::{PrometheusHandle, PrometheusOutlet, start_prometheus};
pub use crate::retry::Backoff;
pub use crate::standing::{AlwaysSure, Standing};
pub use crate::status::{CircuitState, ExporterStatus};

/// What a pipeline carries, and so which way an exporter projects the rows of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Rows become metric points.
    Metrics,
    /// Rows become log records.
    Logs,
}
