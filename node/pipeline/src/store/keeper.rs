//! The keeper: writes a component's newest state, seldom, on a thread that may block.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::IntCounter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{StateStore, StoreError};

/// After a failed write the next is tried at the latest so much later.
const RETRY: Duration = Duration::from_secs(30);

/// Makes the text of a state when it is written, not when it is handed over.
type Snapshot = Arc<dyn Fn() -> Result<Vec<u8>, serde_json::Error> + Send + Sync>;

/// Takes a component's newest state; never waits. The last one that is dropped ends the task, after a last
/// write.
#[derive(Clone)]
pub struct Keeper {
    newest: watch::Sender<Option<Snapshot>>,
    status: Arc<Mutex<KeeperStatus>>,
}

impl Keeper {
    /// Hands over `state`; one that was handed over before and is not written yet is forgotten.
    pub fn put<T: Serialize + Send + Sync + 'static>(&self, state: T) {
        let snapshot: Snapshot = Arc::new(move || serde_json::to_vec(&state));
        self.newest.send_replace(Some(snapshot));
    }

    /// How the writing goes.
    pub fn status(&self) -> KeeperStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How the writing of a state goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeeperStatus {
    /// Where it is written.
    pub place: String,
    /// How many writes succeeded since the start.
    pub saves: u64,
    /// How many failed since the start.
    pub failures: u64,
    /// Why the last one failed; `None` when it succeeded or there was none.
    pub fault: Option<String>,
}

/// Ends the keeper's task. Dropping it ends the task at once, without a last write.
#[derive(Debug)]
pub struct KeeperHandle {
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl KeeperHandle {
    /// Writes what is not written yet and ends, at the latest at `deadline`. Says whether it came to that
    /// end.
    pub async fn stop(self, deadline: Instant) -> bool {
        self.stop.cancel();
        matches!(timeout_at(deadline, self.task).await, Ok(Ok(())))
    }
}

/// Starts the task that writes what `component` hands over to `store`, at most once in `every`. Failed writes
/// are counted in `failures`.
pub fn start_keeper(
    component: &str,
    store: Arc<dyn StateStore>,
    every: Duration,
    failures: IntCounter,
) -> (Keeper, KeeperHandle) {
    let (newest, handed) = watch::channel(None);
    let status = Arc::new(Mutex::new(KeeperStatus {
        place: store.place(),
        ..KeeperStatus::default()
    }));
    let stop = CancellationToken::new();
    let writer = Writer {
        component: component.to_owned(),
        store,
        every,
        failures,
        status: Arc::clone(&status),
        stop: stop.clone(),
    };
    let task = AbortOnDropHandle::new(tokio::spawn(writer.run(handed)));
    (Keeper { newest, status }, KeeperHandle { stop, task })
}

/// What `store` holds for `component`. What cannot be read is said in the log once, and then nothing is
/// remembered.
pub async fn recall<T: DeserializeOwned + Send + 'static>(
    component: &str,
    store: &Arc<dyn StateStore>,
) -> Option<T> {
    let (name, store) = (component.to_owned(), Arc::clone(store));
    let reading = tokio::task::spawn_blocking(move || match store.load() {
        Ok(bytes) => bytes.and_then(|bytes| decode(&name, &*store, &bytes)),
        Err(error) => {
            tracing::warn!(component = %name, %error, "the state could not be read: nothing is remembered");
            None
        }
    });
    reading.await.unwrap_or(None)
}

fn decode<T: DeserializeOwned>(component: &str, store: &dyn StateStore, bytes: &[u8]) -> Option<T> {
    match serde_json::from_slice(bytes) {
        Ok(state) => Some(state),
        Err(error) => {
            let (place, aside) = (store.place(), store.set_aside());
            tracing::warn!(%component, place, aside, %error,
                "the state is not one of this component: it was set aside, and nothing is remembered");
            None
        }
    }
}

struct Writer {
    component: String,
    store: Arc<dyn StateStore>,
    every: Duration,
    failures: IntCounter,
    status: Arc<Mutex<KeeperStatus>>,
    stop: CancellationToken,
}

impl Writer {
    async fn run(self, mut handed: watch::Receiver<Option<Snapshot>>) {
        let stop = self.stop.clone();
        let mut is_unsaved = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = handed.changed() => if changed.is_err() { break },
                () = sleep(RETRY), if is_unsaved => {}
            }
            is_unsaved = !self.write(&mut handed).await;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = sleep(self.every) => {}
            }
        }
        let is_newer = handed.borrow().has_changed();
        if is_unsaved || is_newer {
            self.write(&mut handed).await;
        }
    }

    /// Writes the newest state; whether there is nothing left to write.
    async fn write(&self, handed: &mut watch::Receiver<Option<Snapshot>>) -> bool {
        let Some(snapshot) = handed.borrow_and_update().clone() else {
            return true;
        };
        let store = Arc::clone(&self.store);
        let writing = tokio::task::spawn_blocking(move || store.save(&snapshot()?));
        let result = writing.await.unwrap_or(Err(StoreError::Cut));
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                if status.fault.take().is_some() {
                    tracing::info!(component = %self.component, place = status.place,
                        "the state is written again");
                }
                status.saves += 1;
                true
            }
            Err(error) => {
                self.failures.inc();
                status.failures += 1;
                if status.fault.replace(error.to_string()).is_none() {
                    tracing::warn!(component = %self.component, %error,
                        "the state could not be written: a restart would forget it; it is tried again");
                }
                false
            }
        }
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
