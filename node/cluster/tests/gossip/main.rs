//! The gossip of whole nodes: on UDP, with others who wish them ill, and simulated.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests"
)]

mod flood;
mod frail;
mod hostile;
mod meeting;
mod net;
mod proxy;
mod seeds;
mod simulated;
mod words;
