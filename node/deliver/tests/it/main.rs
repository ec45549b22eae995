//! The exporters from outside: bytes against the published messages, and sending against a real gRPC server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

mod allocations;
mod backend;
mod circuit;
mod encode;
mod node;
mod otlp;
mod prometheus;
#[path = "../../src/testing.rs"]
mod testing;
mod tls;
