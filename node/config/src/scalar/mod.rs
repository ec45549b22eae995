//! Scalars with a meaning: what a plain string in the file becomes.

mod datasource;
mod duration;
mod endpoint;
mod secret;

pub use datasource::{Datasource, DatasourceTls, TlsMode};
pub use duration::{Duration, parse_duration};
pub use endpoint::{Endpoint, EndpointError};
pub use secret::Secret;
