//! `ringwatch cluster ...`, as an operator types it.

use std::process::{Command, Output};

use anyhow::{Context, Result};

use crate::node;

/// Runs `ringwatch cluster` with these arguments against the node whose gRPC port this is.
///
/// # Errors
/// The program cannot be run.
pub fn command(grpc: u16, arguments: &[&str]) -> Result<Output> {
    let address = format!("127.0.0.1:{grpc}");
    Command::new(node::binary()?)
        .arg("cluster")
        .args(arguments)
        .args(["--address", &address])
        .output()
        .context("run ringwatch cluster")
}
