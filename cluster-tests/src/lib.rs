//! The harness: real nodes, real databases, real faults, and a receiver that keeps the books.
//!
//! Everything here starts real processes on free ports, waits for states and never for time, and ends by pid what
//! it started. A [`scene::scenario`] gives a test its folder of logs, which is kept and printed when the test
//! fails. A run in which the fault never happened is invalid, not passed: see [`scene::ensure_fault`].
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a harness speaks to the person who runs it"
)]

pub mod books;
pub mod chaos;
pub mod cluster;
pub mod content;
pub mod fake;
pub mod http;
pub mod mysql;
pub mod node;
pub mod pgbench;
pub mod ports;
pub mod postgres;
pub mod power;
pub mod process;
pub mod scene;
pub mod sink;
pub mod wait;
