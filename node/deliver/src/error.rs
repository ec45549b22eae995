//! Why an exporter cannot start.

use std::io;

/// Why an exporter cannot start. The texts say what to change; none holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The endpoint is no address of a gRPC server.
    #[error(
        "exporter `{exporter}`: endpoint `{endpoint}` cannot be used: {reason}; write host:port, http://host:port or https://host:port"
    )]
    Endpoint {
        /// The exporter's name.
        exporter: String,
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header's name or value cannot be sent.
    #[error("exporter `{exporter}`: header `{header}` cannot be sent: {reason}")]
    Header {
        /// The exporter's name.
        exporter: String,
        /// The header's name.
        header: String,
        /// What is wrong with it; never its value.
        reason: &'static str,
    },
    /// A file that `tls` names cannot be read.
    #[error(
        "exporter `{exporter}`: `tls.{key}` names {path}, which cannot be read ({source}): check path and permissions"
    )]
    File {
        /// The exporter's name.
        exporter: String,
        /// The key under `tls`.
        key: &'static str,
        /// The path that was given.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The settings under `tls` do not fit together or the files hold something else.
    #[error("exporter `{exporter}`: section `tls` cannot be used: {reason}")]
    Tls {
        /// The exporter's name.
        exporter: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The address is taken, or may not be used.
    #[error(
        "exporter `{exporter}` cannot listen on {address} ({source}): stop what listens there, or set another `endpoint`"
    )]
    Listen {
        /// The exporter's name.
        exporter: String,
        /// Where it was to listen.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The exporter's own metrics could not be registered.
    #[error(
        "exporter `{exporter}`: its own metrics cannot be registered ({source}): give each exporter a name of its own"
    )]
    Metrics {
        /// The exporter's name.
        exporter: String,
        /// What the registry said.
        source: ::prometheus::Error,
    },
}
