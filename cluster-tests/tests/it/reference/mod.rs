//! The complete configuration of the project's reference documents, as it stands there, on a real PostgreSQL: its output
//! record by record. It names fixed ports and files of the system, so it runs in a network and a file system of its
//! own, which needs root; elsewhere it is skipped with a message.

mod metrics;
mod sessions;
mod stage;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::{http, wait};
use rustix::process::Signal;

use self::stage::Stage;

/// The mark of the process that plays the scenario inside.
const INSIDE: &str = "RINGWATCH_REFERENCE_INSIDE";
/// The folders that the configuration names, each emptied for the scenario.
const FOLDERS: [&str; 2] = ["/var/lib/otel", "/var/log/otel"];

/// The block of the reference documents, where they are beside the checkout.
fn block() -> Result<Option<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/spec");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return Ok(None);
    };
    for entry in entries {
        let text = std::fs::read_to_string(entry?.path())?;
        let head = "# config/collector-production.yaml\n";
        if let Some(at) = text.find(head) {
            let end = text[at..].find("\n```").context("the block has no end")?;
            return Ok(Some(text[at..=at + end].to_owned()));
        }
    }
    Ok(None)
}

#[test]
fn the_reference_configuration_runs_as_it_stands_long() -> Result<()> {
    if block()?.is_none() {
        println!("skipped: the reference documents are not beside the checkout");
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: without root there is no network of its own for its fixed ports");
        return Ok(());
    }
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let probe = [
        "--net",
        "--mount",
        "sh",
        "-c",
        "ip link set lo up && mount -t tmpfs none /var/log",
    ];
    if !Command::new("unshare")
        .args(probe)
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("skipped: this machine gives no network and file system of one's own (unshare, iproute2)");
        return Ok(());
    }
    // tmpfs over the parents: nothing of the system is written.
    let script = "ip link set lo up && for parent in /var/lib /var/log; do mount -t tmpfs none $parent; done \
        && mkdir -p /var/lib/otel /var/log/otel \
        && certs=$(mktemp -d) && mount -t tmpfs none $certs && cp -L /etc/ssl/certs/* $certs/ 2>/dev/null; \
        mount --bind $certs /etc/ssl/certs && exec \"$@\"";
    let status = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(std::env::current_exe()?)
        .args([
            "--exact",
            "reference::the_reference_configuration_runs_as_it_stands_long",
        ])
        .args(["--nocapture", "--include-ignored"])
        .env(INSIDE, "yes")
        .status()
        .context("run unshare")?;
    ensure!(status.success(), "inside: {status}");
    Ok(())
}

fn inside() -> Result<()> {
    for folder in FOLDERS {
        ensure!(
            std::fs::read_dir(folder)?.next().is_none(),
            "{folder} is not the scenario's own"
        );
    }
    let block = block()?.context("the reference documents went away")?;
    scenario("reference", async |scene| {
        let mut stage = Stage::set(scene, &block).await?;
        let file = stage.config.clone();
        stage.ready().await?;
        ports_answer().await?;
        metrics::infrastructure(&stage).await?;
        sessions::check(&stage).await?;
        metrics::queries(&stage).await?;
        metrics::sampled(&stage).await?;
        stage.node.end(Signal::TERM, Duration::from_secs(30)).await?;
        said(&stage)?;
        remembered()?;
        noted(&file, &stage)
    })
}

/// Every port of the configuration and every default one answers as its users expect.
async fn ports_answer() -> Result<()> {
    for (port, path, words) in [
        (13133, "/", "\"status\""),
        (1777, "/debug/pprof/", "profile"),
        (8888, "/metrics", "otelcol_process_memory_rss"),
        (8888, "/metrics", "adaptive_sampler_records_processed_total"),
        (
            8888,
            "/metrics",
            "circuit_breaker_state{database=\"shop\",state=\"closed\"} 0",
        ),
    ] {
        wait::until(
            &format!("{words} at {port}{path}"),
            Duration::from_secs(20),
            async || {
                let answer = http::get(port, path).await.map_err(|e| format!("{e:#}"))?;
                wait::when(answer.status == 200 && answer.body.contains(words), || {
                    format!("{}: {:.2000}", answer.status, answer.body)
                })
            },
        )
        .await?;
    }
    Ok(())
}

/// What the log says: JSON lines with the fields that were asked for, and what the server lacks, once.
fn said(stage: &Stage) -> Result<()> {
    let log = std::fs::read_to_string("/var/log/otel/collector.log")?;
    let mut lacks = 0;
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        ensure!(
            line["service"] == "database-monitoring" && line["version"] == "1.0.0",
            "{line}"
        );
        lacks += usize::from(line.to_string().contains("the server has no column `cpu_time`"));
    }
    ensure!(
        lacks == 1,
        "the column that the server lacks was told {lacks} times"
    );
    for secret in stage.secrets() {
        ensure!(!log.contains(secret), "a secret is in the log");
    }
    Ok(())
}

/// The sampler's file is there and whole.
fn remembered() -> Result<()> {
    let file = PathBuf::from("/var/lib/otel/adaptive_sampler.json");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let state: serde_json::Value = serde_json::from_str(&text)?;
    ensure!(state["component"] == "adaptive_sampler", "{state:.500}");
    Ok(())
}

/// `validate` takes it, and says which rule can never match on this server.
fn noted(file: &Path, stage: &Stage) -> Result<()> {
    let output = stage.validate(file, &["--connect"])?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}");
    ensure!(text.contains("cpu_time"), "{text}");
    for secret in stage.secrets() {
        ensure!(!text.contains(secret), "a secret is in what `validate` says");
    }
    Ok(())
}
