//! The servers, the load and the environment of the reference configuration.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use ringwatch_cluster_tests::node::binary;
use ringwatch_cluster_tests::postgres::binaries::server_user;
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD, Server, Wish, sql};
use ringwatch_cluster_tests::process::Process;
use ringwatch_cluster_tests::scene::Scene;
use ringwatch_cluster_tests::sink::Sink;
use ringwatch_cluster_tests::{http, wait};
use rustix::process::Signal;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;

/// The database that is watched.
pub(super) const SHOP: &str = "shop";
/// Statements that are quick, each of its own kind.
pub(super) const QUICK: usize = 60;
/// A literal that must never leave.
pub(super) const SECRET: &str = "hunter2-4111111111111111";
const LICENSE: &str = "license-key-of-the-test";

/// All that the scenario has.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) sink: Sink,
    pub(super) node: Process,
    pub(super) config: PathBuf,
    environment: Vec<(&'static str, String)>,
    /// Sessions that stay as they are.
    _idle: PgConnection,
    _busy: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

impl Stage {
    /// Sets it: the server with its certificate and its load first, the node last.
    pub(super) async fn set(scene: &Scene, block: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let (certificate, key) = certificate(folder.path())?;
        let wish = Wish::default()
            .with("ssl=on")
            .with(&format!("ssl_cert_file={}", certificate.display()))
            .with(&format!("ssl_key_file={}", key.display()));
        let server = scene.server("postgres", &wish).await?;
        server
            .execute("postgres", &format!("create database {SHOP}"))
            .await?;
        load(&server).await?;
        let idle = idle_in_transaction(&server).await?;
        let busy = busy(&server).await?;
        let sink = scene.sink().await?;
        let config = folder.path().join("collector-production.yaml");
        std::fs::write(&config, block)?;
        let environment = environment(&server, &sink);
        let mut command = Command::new(binary()?);
        command.arg("run").arg("--config").arg(&config);
        command.env_clear().envs(environment.iter().cloned());
        let node = Process::spawn("node", &mut command, &scene.log("node"), Signal::KILL)?;
        Ok(Self {
            server,
            sink,
            node,
            config,
            environment,
            _idle: idle,
            _busy: busy,
            _folder: folder,
        })
    }

    /// Waits until the node is ready.
    pub(super) async fn ready(&mut self) -> Result<()> {
        wait::until("a ready node", Duration::from_secs(20), async || {
            if let Ok(Some(status)) = self.node.exited() {
                return Err(format!("it ended: {status}"));
            }
            match http::get(13133, "/").await {
                Ok(answer) => wait::when(answer.status == 200, || answer.body.clone()),
                Err(error) => Err(format!("{error:#}")),
            }
        })
        .await
    }

    /// What must stand in no output.
    pub(super) fn secrets(&self) -> [&'static str; 3] {
        [MONITOR_PASSWORD, LICENSE, SECRET]
    }

    /// `ringwatch validate` with the same environment.
    pub(super) fn validate(&self, file: &Path, more: &[&str]) -> Result<Output> {
        Command::new(binary()?)
            .arg("validate")
            .arg("--config")
            .arg(file)
            .args(more)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .output()
            .context("run ringwatch validate")
    }
}

fn environment(server: &Server, sink: &Sink) -> Vec<(&'static str, String)> {
    let port = server.port();
    let dsn = format!("postgresql://{MONITOR}:{MONITOR_PASSWORD}@127.0.0.1:{port}/{SHOP}?sslmode=require");
    vec![
        ("POSTGRES_HOST", "127.0.0.1".into()),
        ("POSTGRES_PORT", port.to_string()),
        ("POSTGRES_USER", MONITOR.into()),
        ("POSTGRES_PASSWORD", MONITOR_PASSWORD.into()),
        ("POSTGRES_DB", SHOP.into()),
        ("POSTGRES_DSN", dsn),
        ("NEW_RELIC_LICENSE_KEY", LICENSE.into()),
        // Plain, because the sink speaks no TLS.
        ("OTLP_ENDPOINT", format!("http://{}", sink.endpoint())),
        ("ENVIRONMENT", "production".into()),
        ("LOG_LEVEL", "info".into()),
    ]
}

/// An authority where the configuration looks for it, and a certificate of it for 127.0.0.1.
fn certificate(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let authority = params.self_signed(&authority_key)?;
    std::fs::write("/etc/ssl/certs/postgres-ca.crt", authority.pem())?;
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()])?.signed_by(&key, &issuer)?;
    let paths = (folder.join("server.crt"), folder.join("server.key"));
    std::fs::write(&paths.0, certificate.pem())?;
    std::fs::write(&paths.1, key.serialize_pem())?;
    std::fs::set_permissions(&paths.1, std::fs::Permissions::from_mode(0o600))?;
    if let Some((user, group)) = server_user()? {
        chown(&paths.1, Some(user), Some(group))?;
    }
    Ok(paths)
}

/// Statements of every kind that the sampler's rules tell apart, each called more than ten times.
async fn load(server: &Server) -> Result<()> {
    let columns: Vec<String> = (0..QUICK).map(|n| format!("quick_{n} int")).collect();
    let table = format!(
        "create extension pg_stat_statements;
         create table goods (name text, {}); insert into goods (name) values ('{SECRET}')",
        columns.join(", ")
    );
    server.execute(SHOP, &table).await?;
    let calls = (0..11).map(|_| async {
        let mut session = server.connect(SHOP).await?;
        sql::execute(&mut session, "select pg_sleep(1.1), 'slow'").await?;
        sql::execute(&mut session, "select 'moderate', pg_sleep(0.15)").await?;
        for n in 0..QUICK {
            let quick = format!(
                "select quick_{n} from goods where name = '{SECRET}' and quick_{n} IN (1, 22, 333) or 7 = {n}"
            );
            sql::execute(&mut session, &quick).await?;
        }
        anyhow::Ok(())
    });
    try_join_all(calls).await.map(drop)
}

/// A session that stays idle in a transaction, with a secret in its last statement.
async fn idle_in_transaction(server: &Server) -> Result<PgConnection> {
    let mut session = server.connect(SHOP).await?;
    sql::execute(&mut session, "begin").await?;
    sql::execute(
        &mut session,
        &format!("select * from goods where name = '{SECRET}'"),
    )
    .await?;
    Ok(session)
}

/// A session that is at work for the whole scenario.
async fn busy(server: &Server) -> Result<tokio::task::JoinHandle<()>> {
    let mut session = server.connect(SHOP).await?;
    Ok(tokio::spawn(async move {
        // It is broken off when the scenario ends.
        let _ = sql::execute(&mut session, &format!("select pg_sleep(600), '{SECRET}'")).await;
    }))
}
