//! Calls between nodes and replication, over real connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panic"
)]

mod calls;
mod common;
mod figures;
mod proxy;
mod replication;
mod strangers;
