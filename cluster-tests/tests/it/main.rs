//! Real nodes, real databases, real faults. One program, one file per scenario; `story` has what they share.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a scenario speaks to the person who runs it"
)]

mod story;

mod breaker;
mod catalogue;
mod chaos;
mod cluster;
mod config;
mod contract;
mod cover;
mod database_stops;
mod demo;
mod hanging;
mod harness;
mod intervals;
mod lifecycle;
mod locks;
mod plans;
mod pooler;
mod raft;
mod reference;
mod replication;
mod rights;
mod sampling;
mod sink_answers;
mod sink_down;
mod sqlquery;
mod statements;
mod values;
mod verification;
