//! Keeps the books over the lives of a node.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, Registry};
use ringwatch_frame::Clock;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::TickBooks;
use super::file::{BookFile, BookFileError};

/// They are written so long after the last time, if anything was written down since: what a node that is killed has not
/// written, nobody knows if its standby is killed too.
const SOONEST: Duration = Duration::from_secs(1);
/// Large ones less often, so that they write about as much a second, in bytes of memory; but not later than this.
const A_SECOND: usize = 512 * 1024;
const LATEST: Duration = Duration::from_secs(5);
/// Writing takes one part in so many of the time at most.
const SHARE: u32 = 20;
/// After a failed write the next one is tried so much later.
const RETRY: Duration = Duration::from_secs(30);

/// The books of a node, and what writes them to its data directory.
pub(crate) struct KeptBooks {
    books: Arc<TickBooks>,
    keeper: Option<Keeper>,
}

struct Keeper {
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl KeptBooks {
    /// Opens the books of `node`, with what its last life left in `data_dir`. Without a directory they are in
    /// memory alone.
    pub(crate) async fn open(
        data_dir: Option<&Path>,
        node: &str,
        clock: &Clock,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let Some(folder) = data_dir else {
            let books = TickBooks::new(clock, registry)?;
            return Ok(Self { books, keeper: None });
        };
        let failures = IntCounter::new(
            "ringwatch_tick_books_save_failures_total",
            "How often the books of ticks could not be written",
        )?;
        registry.register(Box::new(failures.clone()))?;
        let file = Arc::new(BookFile::new(folder, node));
        let (found, now) = (Arc::clone(&file), clock.now());
        let reading = tokio::task::spawn_blocking(move || {
            let sheet = found.load().unwrap_or_else(|error| {
                tracing::warn!(%error, "`ringwatch cluster audit` knows nothing of this node's earlier life");
                None
            });
            TickBooks::resumed(sheet, now)
        });
        let ledger = reading.await.unwrap_or_else(|_| TickBooks::resumed(None, now));
        let books = TickBooks::with(ledger, clock, registry)?;
        let stop = CancellationToken::new();
        let mut writer = Writer {
            books: Arc::clone(&books),
            file,
            failures,
            changes: None,
            is_failing: false,
        };
        // At once, so that nobody takes the end of the last life for the end of this one.
        writer.save(false).await;
        if writer.is_failing {
            let file = Arc::clone(&writer.file);
            // It panics nowhere; that it was removed is not waited for in vain.
            let _ = tokio::task::spawn_blocking(move || file.remove()).await;
        }
        let task = AbortOnDropHandle::new(tokio::spawn(writer.run(stop.clone())));
        Ok(Self {
            books,
            keeper: Some(Keeper { stop, task }),
        })
    }

    /// The books.
    pub(crate) fn books(&self) -> Arc<TickBooks> {
        Arc::clone(&self.books)
    }

    /// Nothing is written down any more: writes them for the last time, at the latest until `deadline`.
    pub(crate) async fn stop(self, deadline: Instant) {
        let Some(keeper) = self.keeper else { return };
        keeper.stop.cancel();
        if !matches!(timeout_at(deadline, keeper.task).await, Ok(Ok(()))) {
            tracing::warn!("the books of ticks could not be written before the node stopped");
        }
    }
}

struct Writer {
    books: Arc<TickBooks>,
    file: Arc<BookFile>,
    failures: IntCounter,
    /// How much was written down when they were written last in this life.
    changes: Option<u64>,
    is_failing: bool,
}

impl Writer {
    async fn run(mut self, stop: CancellationToken) {
        let mut wait = self.pause(Duration::ZERO);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep(wait) => {}
            }
            let began = Instant::now();
            self.save(false).await;
            wait = self.pause(began.elapsed());
        }
        self.save(true).await;
    }

    /// How long to wait after a write that took so long.
    fn pause(&self, took: Duration) -> Duration {
        let least = if self.is_failing {
            RETRY
        } else {
            every(self.books.bytes())
        };
        least.max(took * SHARE)
    }

    async fn save(&mut self, ended: bool) {
        let now = self.books.changes();
        if !ended && self.changes == Some(now) {
            return;
        }
        let (books, file) = (Arc::clone(&self.books), Arc::clone(&self.file));
        let writing = tokio::task::spawn_blocking(move || books.save(&file, ended));
        match writing.await.unwrap_or(Err(BookFileError::Cut)) {
            Ok(()) => {
                self.changes = Some(now);
                if self.is_failing {
                    tracing::info!(file = %self.file.path().display(), "the books of ticks are written again");
                }
                self.is_failing = false;
            }
            Err(error) => {
                self.failures.inc();
                if !self.is_failing {
                    tracing::warn!(%error,
                        "the books of ticks could not be written: a restart would forget them; it is tried again");
                }
                self.is_failing = true;
            }
        }
    }
}

/// How often books of so many bytes are written.
fn every(bytes: usize) -> Duration {
    let seconds = u32::try_from(bytes / A_SECOND).unwrap_or(u32::MAX);
    SOONEST.saturating_mul(seconds).clamp(SOONEST, LATEST)
}

#[cfg(test)]
#[path = "keeping_tests.rs"]
mod tests;
