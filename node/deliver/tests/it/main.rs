//! The exporters from outside: bytes against the published messages, and sending against a real gRPC server.

mod allocations;
mod backend;
mod encode;
mod otlp;
mod prometheus;
#[path = "../../src/testing.rs"]
mod testing;
mod tls;
