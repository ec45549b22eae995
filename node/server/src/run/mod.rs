//! `ringwatch run`: the parts of a node, started in order and stopped in reverse.

mod activity;
mod arbiter;
mod cluster;
mod columns;
mod covering;
mod exporters;
mod flow;
mod gatehouse;
mod heritage;
mod identity;
mod incidents;
mod member;
mod numbering;
mod own;
mod ownership;
mod parts;
mod pipelines;
mod processors;
mod protection;
mod reading;
mod receivers;
mod remembering;
mod router;
mod serving;
mod share;
mod signals;
mod sources;
mod standing_by;
mod state;
mod watching;

use std::time::Duration;

use anyhow::{anyhow, bail};
use ringwatch_catalogue::Catalogue;
use ringwatch_config::Loaded;
use ringwatch_frame::Clock;
use tokio::time::Instant;

use crate::cli::ConfigFiles;
use crate::commands;
use crate::extensions::span_table;
use crate::run::parts::{Node, close_books};
pub(crate) use crate::run::receivers::plan_receivers;
use crate::run::signals::Signals;
use crate::telemetry::start_telemetry;

/// A node that was told to stop has gone after this time, whatever its backends do.
const DRAIN: Duration = Duration::from_secs(30);

/// Runs a node until it is told to stop.
pub(crate) fn node(files: &ConfigFiles) -> anyhow::Result<()> {
    let catalogue = Catalogue::embedded()?;
    let loaded = commands::load_noted(files, &catalogue)?;
    // The first one wins; a second installation can only be the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("ringwatch")
        .build()?;
    let ended = runtime.block_on(run(loaded, catalogue));
    // A look-up of a name that hangs runs on a thread of its own and must not hold the end up.
    runtime.shutdown_background();
    ended
}

async fn run(loaded: Loaded, catalogue: Catalogue) -> anyhow::Result<()> {
    let Loaded { settings, notes } = loaded;
    let started = Instant::now();
    let clock = Clock::system();
    let mut signals = Signals::listen()?;
    let spans = span_table(&settings);
    let telemetry = start_telemetry(&settings.service.telemetry, &clock, spans.as_ref())?;
    for note in &notes {
        tracing::warn!(
            place = %note.place(),
            note = note.message(),
            "the configuration is valid, and hardly meant as it stands"
        );
    }
    let node = tokio::select! {
        node = Node::start(settings, catalogue, &clock, started, spans) => node?,
        signal = signals.next() => bail!("{signal} came before the node was up"),
    };
    let reason = until_told(&node, started, &mut signals).await;
    let books = node.books();
    let stopped = tokio::select! {
        () = node.stop(DRAIN) => reason,
        signal = signals.next() => {
            close_books(&books);
            Err(anyhow!("a second signal ({signal}): left at once; what was not delivered is lost"))
        }
    };
    tracing::info!("stopped");
    telemetry.stop();
    stopped
}

/// Waits until the node is told to stop, or cannot go on; then the error says why.
async fn until_told(node: &Node, started: Instant, signals: &mut Signals) -> anyhow::Result<()> {
    let mut membership = node.membership();
    let ready = async {
        membership.joined().await;
        tracing::info!(
            seconds = started.elapsed().as_secs_f64(),
            release = env!("CARGO_PKG_VERSION"),
            "ready"
        );
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = ready => Ok(()),
        signal = signals.next() => {
            tracing::info!(signal, "Shutdown signal received");
            Ok(())
        }
        failure = node.failed() => {
            tracing::error!(%failure, "the node cannot go on and stops");
            Err(failure.into())
        }
    }
}
