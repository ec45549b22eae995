//! A machine apart: networks, mounts and processes of its own, all of which end with the program that runs in it.
//!
//! The program starts itself again in new namespaces. Whatever becomes of it, the system takes away what it made there:
//! nothing is left to be cleaned up, neither after a panic nor after `kill -9`.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Set within.
const INSIDE: &str = "RINGWATCH_APART";

/// What the first process does there: named networks are kept in a folder that nobody else sees. It stays, and so takes
/// care of processes whose parents are gone.
const BEGIN: &str = "mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up || exit 99\n\"$@\"";

/// Whether this program runs in one.
pub fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Why there can be none, in words.
pub fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("without root there are no networks of its own".into());
    }
    let probe = "ip netns add probe && ip link add left type veth peer name right netns probe \
                 && ip -n probe rule add from 10.77.0.1 to 10.77.0.2 blackhole \
                 && nsenter --net=/run/netns/probe true";
    let mut command = begin();
    command.args(["sh", "-c", probe]);
    let works = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    (!works).then(|| "this machine gives no networks of their own (unshare, nsenter, iproute2, veth)".into())
}

/// A command that runs this very program, with these arguments, in a machine apart.
///
/// # Errors
/// The system does not say where the program is.
pub fn again(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Command> {
    let program = std::env::current_exe().context("where is this program?")?;
    let mut command = begin();
    command.arg(program).args(arguments).env(INSIDE, "yes");
    Ok(command)
}

fn begin() -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "--propagation", "private"])
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", BEGIN, "sh"]);
    command
}
