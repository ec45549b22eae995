//! Where the store's work is done: a thread of its own for a disk, the caller's for memory.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::store::{Batch, Kv, MemoryKv, StoreError, StoreMetrics};

/// How many writes may wait.
const WAITING: usize = 64;
/// Writes that wait are made together up to this size.
const TOGETHER_BYTES: usize = 1 << 20;
/// A disk that takes longer is as good as broken, and nobody shall hang on it. Long: the group goes on
/// without this node meanwhile, and a node that gave its store up has to be started again.
const LIMIT: Duration = Duration::from_secs(30);

/// Takes reads and writes. Cheap to clone. After one failed write all fail: what a disk keeps after it failed
/// to sync is not known.
#[derive(Clone, Debug)]
pub(crate) struct Desk(Arc<Inner>);

struct Inner {
    kv: Arc<dyn Kv>,
    way: Way,
    failed: OnceLock<StoreError>,
}

enum Way {
    Thread(mpsc::Sender<Job>),
    Inline(MemoryKv),
}

struct Job {
    batch: Batch,
    durable: bool,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk")
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Desk {
    /// With a thread that writes. It ends with the last clone.
    pub(crate) fn with_thread(kv: Arc<dyn Kv>, metrics: StoreMetrics) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let writer = Arc::clone(&kv);
        let thread = std::thread::Builder::new().name("state-store".to_owned());
        let spawned = thread.spawn(move || write_all(&*writer, waiting, &metrics));
        spawned.map_err(|error| StoreError::io("start the state store's thread", &error))?;
        Ok(Self::new(kv, Way::Thread(jobs)))
    }

    /// On the caller's thread.
    pub(crate) fn inline(kv: &MemoryKv) -> Self {
        Self::new(Arc::new(kv.clone()), Way::Inline(kv.clone()))
    }

    fn new(kv: Arc<dyn Kv>, way: Way) -> Self {
        Self(Arc::new(Inner {
            kv,
            way,
            failed: OnceLock::new(),
        }))
    }

    /// Writes, durable when it returns.
    pub(crate) async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.submit(batch, true).await
    }

    /// Writes, durable with the next [`Desk::write`].
    pub(crate) async fn write_lazily(&self, batch: Batch) -> Result<(), StoreError> {
        self.submit(batch, false).await
    }

    /// Makes everything durable that was written before.
    pub(crate) async fn sync(&self) -> Result<(), StoreError> {
        self.submit(Batch::new(), true).await
    }

    async fn submit(&self, batch: Batch, durable: bool) -> Result<(), StoreError> {
        if let Some(error) = self.0.failed.get() {
            return Err(error.clone());
        }
        let written = match &self.0.way {
            Way::Thread(jobs) => submit(jobs, batch, durable).await,
            Way::Inline(kv) if durable => {
                if let Some(delay) = kv.delay() {
                    tokio::time::sleep(delay).await;
                }
                kv.write(&batch)
            }
            Way::Inline(kv) => kv.write_lazily(&batch),
        };
        written.inspect_err(|error| {
            let _ = self.0.failed.set(error.clone());
        })
    }

    /// Runs what blocks: on a thread for that, or here.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Kv) -> Result<T, StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        match &self.0.way {
            Way::Inline(kv) => work(kv),
            Way::Thread(_) => {
                let done = tokio::task::spawn_blocking(move || work(&*inner.kv)).await;
                done.unwrap_or_else(|error| Err(StoreError::Stopped(error.to_string())))
            }
        }
    }

    /// How many bytes the store takes.
    pub(crate) async fn bytes_on_disk(&self) -> u64 {
        self.run(|kv| Ok(kv.bytes_on_disk())).await.unwrap_or(0)
    }

    /// Closes the store, when what was submitted before is written.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let written = self.sync().await;
        let _ = self.0.failed.set(StoreError::Closed);
        self.run(Kv::close).await.and(written)
    }
}

async fn submit(jobs: &mpsc::Sender<Job>, batch: Batch, durable: bool) -> Result<(), StoreError> {
    let (done, wait) = oneshot::channel();
    let job = Job { batch, durable, done };
    let round = async {
        jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        wait.await.unwrap_or(Err(StoreError::Closed))
    };
    tokio::time::timeout(LIMIT, round).await.unwrap_or_else(|_| {
        Err(StoreError::Slow {
            what: "write".to_owned(),
            seconds: LIMIT.as_secs(),
        })
    })
}

/// The thread: takes what waits, writes it as one, tells all.
fn write_all(kv: &dyn Kv, mut waiting: mpsc::Receiver<Job>, metrics: &StoreMetrics) {
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = first.batch;
        let mut durable = first.durable;
        let mut done = vec![first.done];
        while batch.bytes() < TOGETHER_BYTES {
            let Ok(next) = waiting.try_recv() else { break };
            batch.append(next.batch);
            durable |= next.durable;
            done.push(next.done);
        }
        let written = if durable {
            metrics.time_sync(|| kv.write(&batch))
        } else {
            kv.write_lazily(&batch)
        };
        let failed = written.is_err();
        for done in done {
            let _ = done.send(written.clone());
        }
        if failed {
            break;
        }
    }
}
