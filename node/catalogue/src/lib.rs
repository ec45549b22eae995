//! The catalogue: what each engine can be asked, as data, and what the answers become in OpenTelemetry.
//!
//! One YAML file per engine lists its streams: SQL by server version, columns, metrics and events. Adding a metric
//! is adding an entry. This crate promises that the embedded files are consistent (every column that a metric names
//! exists) and that the names, units and kinds are the published ones. It never talks to a database.

mod catalogue;
mod check;
mod error;
pub mod listing;
mod lookup;
pub mod model;
mod projection;

pub use catalogue::Catalogue;
pub use error::{CatalogueError, Fault};
pub use projection::{Projection, Projections};
pub use ringwatch_frame::Place;
