//! Where the programs of MySQL and MariaDB are, and how they are called.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::postgres::binaries::{reachable, server_user, servers_dir};
use crate::process::run;

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// MySQL, as `cluster-tests/mysql.sh` has fetched it. It speaks TLS with a certificate that nobody has signed.
    MySql,
    /// MariaDB, as the system has it. It speaks no TLS.
    MariaDb,
}

impl Flavour {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }
}

impl Flavour {
    /// Whether there is one here. Says what is skipped where there is none.
    pub fn is_at_hand(self) -> bool {
        let programs = match self {
            Self::MySql => mysqld().map(drop),
            Self::MariaDb => program("/usr/bin/mariadb-install-db")
                .and_then(|_| program("/usr/sbin/mariadbd"))
                .map(drop),
        };
        if let Err(error) = &programs {
            println!("skipped: {error}");
        }
        programs.is_ok()
    }
}

/// A folder that the server's user may write.
pub(super) fn own_folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("ringwatch-my-").tempdir()?;
    if let Some((user, group)) = server_user()? {
        chown(folder.path(), Some(user), Some(group))?;
    }
    Ok(folder)
}

/// Makes the data folder. `root` has no password.
pub(super) async fn initialise(flavour: Flavour, folder: &TempDir) -> Result<()> {
    let mut command = match flavour {
        Flavour::MySql => {
            let mut command = mysqld()?;
            command.arg("--initialize-insecure");
            command
        }
        Flavour::MariaDb => {
            let mut command = program("/usr/bin/mariadb-install-db")?;
            command.args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ]);
            command
        }
    };
    command.arg(format!("--datadir={}", data(folder).display()));
    // Where servers share a folder for temporary tables, one that starts removes those of the others.
    command.env("TMPDIR", folder.path());
    as_server_user(&mut command)?;
    run(flavour.name(), &mut command).await
}

/// The server on its data folder, without a port.
pub(super) fn server(flavour: Flavour, folder: &TempDir) -> Result<Command> {
    let mut command = match flavour {
        Flavour::MySql => mysqld()?,
        Flavour::MariaDb => {
            let mut command = program("/usr/sbin/mariadbd")?;
            command.args(["--no-defaults", "--performance-schema=ON"]);
            command
        }
    };
    command
        .arg(format!("--datadir={}", data(folder).display()))
        .arg(format!("--socket={}", folder.path().join("s").display()))
        .arg(format!("--pid-file={}", folder.path().join("pid").display()))
        .arg("--bind-address=127.0.0.1")
        .env("TMPDIR", folder.path());
    as_server_user(&mut command)?;
    Ok(command)
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

/// The server of another suite runs with its own libraries, by its own loader.
fn mysqld() -> Result<Command> {
    let root = servers_dir()?.join("mysql");
    let server = root.join("usr/sbin/mysqld");
    ensure!(
        server.exists() && reachable(&server)?,
        "no MySQL that any user may reach at {}: run cluster-tests/run.sh --fetch",
        server.display()
    );
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    command
        .arg("--library-path")
        .arg(&libraries)
        .arg(server)
        .args(["--no-defaults", "--secure-file-priv=", "--mysqlx=OFF"])
        .arg(format!(
            "--lc-messages-dir={}",
            root.join("usr/share/mysql").display()
        ));
    Ok(command)
}

fn program(path: &str) -> Result<Command> {
    ensure!(
        Path::new(path).exists(),
        "no {path}: run cluster-tests/run.sh --fetch"
    );
    Ok(Command::new(path))
}

fn as_server_user(command: &mut Command) -> Result<()> {
    if let Some((user, group)) = server_user()? {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    Ok(())
}
