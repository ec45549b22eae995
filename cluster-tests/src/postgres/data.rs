//! Data folders: made by `initdb` once per version, then copied.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::binaries::{Binaries, client, reachable, server_user, servers_dir};
use super::{SUPERUSER, SUPERUSER_PASSWORD};
use crate::process::run;

/// Several tests may want the same template at the same time.
static TEMPLATES: Mutex<()> = Mutex::const_new(());

/// The data folder within a server's own folder.
pub(super) fn pgdata(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

/// Makes `command` run as the user that may run a server.
pub(super) fn as_server_user(command: &mut Command) -> Result<()> {
    if let Some((user, group)) = server_user()? {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    Ok(())
}

/// A folder with a fresh data folder in it.
pub(super) async fn fresh(binaries: &Binaries, from_template: bool) -> Result<TempDir> {
    let folder = own_folder()?;
    let template = if from_template {
        template_of(binaries).await?
    } else {
        None
    };
    match template {
        Some(template) => {
            let mut copy = Command::new("cp");
            copy.arg("-a").arg(template).arg(pgdata(&folder));
            run("cp", &mut copy).await?;
        }
        None => initdb(binaries, &pgdata(&folder)).await?,
    }
    Ok(folder)
}

/// Lets sessions in that come from the addresses `from`, with their passwords.
pub(super) fn let_in(folder: &TempDir, from: &str) -> Result<()> {
    let mut file = std::fs::File::options()
        .append(true)
        .open(pgdata(folder).join("pg_hba.conf"))?;
    writeln!(file, "host all all {from} scram-sha-256")?;
    Ok(())
}

/// A folder with a copy of the running server on `port`, set up to follow it.
pub(super) async fn copy_of_running(port: u16) -> Result<TempDir> {
    let folder = own_folder()?;
    let mut command = Command::new(client("pg_basebackup")?);
    as_server_user(&mut command)?;
    command
        .args([
            "--no-sync",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--write-recovery-conf",
        ])
        .args(["-h", "127.0.0.1", "-U", SUPERUSER, "-p", &port.to_string(), "-D"])
        .arg(pgdata(&folder))
        .env("PGPASSWORD", SUPERUSER_PASSWORD);
    run("pg_basebackup", &mut command).await?;
    Ok(folder)
}

/// A folder of its own for a server.
pub(super) fn own_folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("ringwatch-pg-").tempdir()?;
    give_away(folder.path())?;
    Ok(folder)
}

/// Gives a file or a folder to the user that may run a server.
pub(super) fn give_away(path: &Path) -> Result<()> {
    if let Some((user, group)) = server_user()? {
        chown(path, Some(user), Some(group))?;
    }
    Ok(())
}

/// The template of a version, or nothing where the server's user cannot reach the place of templates.
async fn template_of(binaries: &Binaries) -> Result<Option<PathBuf>> {
    let _one_at_a_time = TEMPLATES.lock().await;
    let templates = servers_dir()?.join("templates");
    std::fs::create_dir_all(&templates)?;
    if !reachable(&templates.join("x"))? {
        return Ok(None);
    }
    let origin = binaries.folder.display().to_string().replace('/', "_");
    let template = templates.join(format!("{origin}-{}", binaries.major));
    if !template.exists() {
        // Made beside and renamed: another process may do the same.
        let making = tempfile::Builder::new()
            .prefix("making-")
            .tempdir_in(&templates)?;
        std::fs::set_permissions(making.path(), std::fs::Permissions::from_mode(0o755))?;
        give_away(making.path())?;
        initdb(binaries, &making.path().join("data")).await?;
        if let Err(e) = std::fs::rename(making.path().join("data"), &template) {
            ensure!(template.exists(), "keep the template {}: {e}", template.display());
        }
    }
    Ok(Some(template))
}

async fn initdb(binaries: &Binaries, pgdata: &Path) -> Result<()> {
    let mut password = tempfile::NamedTempFile::new()?;
    password.write_all(SUPERUSER_PASSWORD.as_bytes())?;
    give_away(password.path())?;
    let mut command = Command::new(binaries.program("initdb"));
    as_server_user(&mut command)?;
    command
        .args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=scram-sha-256",
            "-U",
            SUPERUSER,
        ])
        .arg("--pwfile")
        .arg(password.path())
        .arg("-D")
        .arg(pgdata);
    run("initdb", &mut command).await
}
