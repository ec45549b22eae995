//! The binary from outside, without a database: command line, ports, its own telemetry.
#![allow(missing_docs, unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "real processes are waited for in real time"
)]

mod attributes;
mod audit;
mod breaker;
mod cli;
mod client;
mod cluster;
mod debugging;
mod deployment;
mod node;
mod ports;
mod runtime;
mod sampler;
mod telemetry;
mod watch;
