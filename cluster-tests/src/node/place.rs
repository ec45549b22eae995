//! Where a node's process lives.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a node's process lives: its address, its network, and what its environment tells it besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address on which it listens.
    pub address: Ipv4Addr,
    /// Where the others reach it at the same ports, if that is elsewhere: at a relay.
    pub front: Option<Ipv4Addr>,
    /// The file of its network namespace; absent: the harness's own.
    pub network: Option<PathBuf>,
    /// Variables that are set for it.
    pub environment: Vec<(String, String)>,
}

impl Place {
    /// Beside the harness.
    pub const HERE: Self = Self {
        address: Ipv4Addr::LOCALHOST,
        front: None,
        network: None,
        environment: Vec::new(),
    };

    /// Where the others reach it.
    pub fn reached_at(&self) -> Ipv4Addr {
        self.front.unwrap_or(self.address)
    }

    /// A command that runs `program` there. It becomes the program: its process id is the program's.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = match &self.network {
            Some(file) => {
                let mut command = Command::new("nsenter");
                command
                    .arg(format!("--net={}", file.display()))
                    .arg("--")
                    .arg(program);
                command
            }
            None => Command::new(program),
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::HERE
    }
}
