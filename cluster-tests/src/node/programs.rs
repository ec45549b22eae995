//! Where the programs are that the harness runs.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};

static BUILD: Mutex<()> = Mutex::new(());

/// The program `ringwatch` beside the one that runs now; it is built if it is not there. `RINGWATCH_BINARY` names
/// another one.
///
/// # Errors
/// It is not there and cannot be built.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("RINGWATCH_BINARY") {
        return Ok(path.into());
    }
    let path = profile_dir()?.join("ringwatch");
    let _one_at_a_time = BUILD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !path.exists() {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["build", "--locked", "-p", "ringwatch-server"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if path.parent().is_some_and(|p| p.ends_with("release")) {
            cargo.arg("--release");
        }
        ensure!(
            cargo.status()?.success(),
            "cargo build -p ringwatch-server failed"
        );
    }
    ensure!(
        path.exists(),
        "no {}: cargo build -p ringwatch-server",
        path.display()
    );
    Ok(path)
}

/// Another program of ours, beside the one that runs now. `cargo test` and `cargo build` of this package make it.
///
/// # Errors
/// It is not there.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = profile_dir()?.join(name);
    ensure!(
        path.exists(),
        "no {}: cargo build -p ringwatch-cluster-tests --bins",
        path.display()
    );
    Ok(path)
}

/// The folder of this profile's programs: `target/debug`.
fn profile_dir() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("a program without a folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().context("deps without a folder")?
    } else {
        folder
    };
    Ok(folder.to_owned())
}

/// Cargo's target folder.
///
/// # Errors
/// The running program is not in one.
pub fn target_dir() -> Result<PathBuf> {
    Ok(profile_dir()?
        .parent()
        .context("a profile without a target folder")?
        .to_owned())
}
