//! `ringwatch cluster ...` and its like, as an operator types them.

use std::process::{Command, Output};

use anyhow::{Context, Result};

use crate::node;

/// Runs `ringwatch cluster` with these arguments against the node whose gRPC port this is.
///
/// # Errors
/// The program cannot be run.
pub fn command(grpc: u16, arguments: &[&str]) -> Result<Output> {
    client(grpc, &[&["cluster"], arguments].concat())
}

/// Runs a client command of `ringwatch` against the node whose gRPC port this is.
///
/// # Errors
/// The program cannot be run.
pub fn client(grpc: u16, arguments: &[&str]) -> Result<Output> {
    let address = format!("127.0.0.1:{grpc}");
    Command::new(node::binary()?)
        .args(arguments)
        .args(["--address", &address])
        .output()
        .with_context(|| format!("run ringwatch {arguments:?}"))
}
