//! The configuration: YAML in the Collector's shape to valid, typed settings.
//!
//! The types in [`settings`] are the one source: their doc comments, their defaults and their ranges become the
//! JSON Schema, the documentation and the checks. This crate promises that settings which it hands out are valid, that
//! every fault of a file is told at once with its place and the nearest key that exists, and that a secret is
//! never printed. It never opens a connection and never changes a file.

pub mod scalar;
pub mod settings;

pub use scalar::{Duration, Endpoint, Secret};
pub use settings::Settings;
