//! The group over gRPC on this machine, with stores on disk and a directory that the test feeds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests"
)]

mod backup;
mod faults;
mod flags;
mod founding;
mod gossip;
mod guards;
mod handover;
mod leaders;
mod members;
mod nodes;
mod outbox;
mod snapshots;
mod strangers;
