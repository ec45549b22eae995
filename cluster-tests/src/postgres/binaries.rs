//! Where the programs of PostgreSQL are, by version.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::node::target_dir;

/// The programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder of `postgres` and `initdb`.
    pub folder: PathBuf,
    /// The major version.
    pub major: u32,
}

impl Binaries {
    /// The system's own server: 15 where it is there, else the newest that is supported.
    ///
    /// # Errors
    /// There is none.
    pub fn of_system() -> Result<Self> {
        [15, 16, 17, 18, 14]
            .into_iter()
            .map(|major| Self {
                folder: format!("/usr/lib/postgresql/{major}/bin").into(),
                major,
            })
            .find(|b| {
                ["postgres", "pgbench"]
                    .iter()
                    .all(|name| b.program(name).exists())
            })
            .context("no PostgreSQL under /usr/lib/postgresql: install the package postgresql-15")
    }

    /// The server of a major version: the system's, or the one that `cluster-tests/run.sh` has fetched.
    ///
    /// # Errors
    /// It is not there, or the server's user may not reach it.
    pub fn of_major(major: u32) -> Result<Self> {
        let system = Self {
            folder: format!("/usr/lib/postgresql/{major}/bin").into(),
            major,
        };
        if system.program("postgres").exists() {
            return Ok(system);
        }
        let folder = servers_dir()?.join(format!("postgresql-{major}/native/bin"));
        let fetched = Self { folder, major };
        let postgres = fetched.program("postgres");
        if !postgres.exists() {
            bail!(
                "no PostgreSQL {major} at {}: run cluster-tests/run.sh --fetch",
                postgres.display()
            );
        }
        ensure!(
            reachable(&postgres)?,
            "other users may not reach {}: set RINGWATCH_SERVERS to a folder that they may reach",
            postgres.display()
        );
        Ok(fetched)
    }

    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The client programs (`pgbench`, `pg_basebackup`) of the system, whatever their version.
///
/// # Errors
/// There are none.
pub fn client(name: &str) -> Result<PathBuf> {
    Ok(Binaries::of_system()?.program(name))
}

/// Where fetched servers and templates of data folders are kept.
///
/// # Errors
/// The test's own program is not in a target folder.
pub fn servers_dir() -> Result<PathBuf> {
    match std::env::var_os("RINGWATCH_SERVERS") {
        Some(folder) => Ok(folder.into()),
        None => Ok(target_dir()?.join("servers")),
    }
}

/// Whether any user may reach `path`: the server must not run as root, and other users cannot pass closed folders.
pub fn reachable(path: &Path) -> Result<bool> {
    if !rustix::process::geteuid().is_root() {
        return Ok(true);
    }
    for folder in path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()) {
        if folder.metadata()?.permissions().mode() & 0o001 == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The user and group as which a server runs: `postgres` or `nobody` for root, nobody else otherwise.
///
/// # Errors
/// The machine has neither user.
pub fn server_user() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| user_of(&users, name))
        .map(Some)
        .context("root must not run PostgreSQL, and there is neither a user `postgres` nor `nobody`")
}

fn user_of(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|l| l.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:101:104::/:/bin/sh\n";
        assert_eq!(user_of(passwd, "postgres"), Some((101, 104)));
        assert_eq!(user_of(passwd, "nobody"), None);
    }
}
