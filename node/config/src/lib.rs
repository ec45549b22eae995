//! The configuration: YAML in the Collector's shape to valid, typed settings.
//!
//! The types in [`settings`] are the one source: their doc comments, their defaults and their ranges become the
//! JSON Schema, the documentation and the checks. This crate promises that settings which it hands out are valid, that
//! every fault of a file is told at once with its place and the nearest key that exists, and that a secret is
//! never printed. It never opens a connection and never changes a file.
//!
//! The way of a file: text, a tree with places ([`load()`] merges overlays and `--set` into one), a walk along the
//! schema that substitutes and types, the settings, and the checks that need all of them.

mod checks;
mod environment;
mod fault;
mod generate;
mod load;
mod not_offered;
mod read;
mod reference;
pub mod scalar;
mod schema;
mod set;
pub mod settings;
mod shape;
mod show;
mod substitute;
mod tree;
mod typed;
mod veil;
mod walk;
mod yaml;

pub use fault::{Complaint, Fault, Faults, Note, Place};
pub use generate::{ENVIRONMENTS, Generated, generate};
pub use load::{Loaded, Look, Request, load, load_noted, load_text};
pub use reference::reference;
pub use scalar::{Datasource, DatasourceTls, Duration, Endpoint, Secret, TlsMode};
pub use schema::schema;
pub use settings::Settings;
pub use show::show;
