//! The store: what openraft asks of one, damage, failures and crashes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod common;
mod crashes;
mod damage;
mod failures;
mod log;
mod opening;
mod snapshots;
mod suite;
