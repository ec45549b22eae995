//! A drill for crash tests: writes entries whose content is known, and says afterwards what is left of them.
//!
//! It goes the way that the group goes: vote, appended entries, applied, a snapshot now and then, purged. A
//! process that is to be killed or cut off writes and prints each acknowledged index; another one verifies.

use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::{CommittedLeaderId, EntryPayload, RaftLogId, RaftLogReader, RaftSnapshotBuilder};
use prometheus::Registry;
use ringwatch_frame::Clock;
use ringwatch_proto::v1;

use crate::group::types::{Entry, EntryBytes, LogId, StorageError, Vote};
use crate::store::{Opened, Place, SetAside, StoreError, StoreMetrics, open};

/// The node that all entries of a drill are of.
const NODE: u64 = 1;
/// A snapshot is made, and the log purged, each time that so many entries were appended; so many stay.
const SNAPSHOT_EVERY: u64 = 500;
const STAY: u64 = 100;

/// A store that is being drilled.
#[derive(Debug)]
pub struct Drill {
    store: Opened,
    next: u64,
    bytes: usize,
}

/// What was found in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drilled {
    /// The store was empty: nothing was ever acknowledged in it, or it was set aside.
    pub fresh: bool,
    /// It was set aside.
    pub set_aside: Option<SetAside>,
    /// Index of the last entry; `None`: there is none.
    pub last: Option<u64>,
    /// How many entries were read and compared with what was written.
    pub compared: u64,
}

/// Why a drill ended.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The store could not be opened or closed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It failed while it was used.
    #[error(transparent)]
    Storage(#[from] Box<StorageError>),
    /// An entry is not the one that was written.
    #[error("entry {0} has another content than was written")]
    Content(u64),
}

impl From<StorageError> for DrillError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Box::new(error))
    }
}

impl Drill {
    /// Opens the store in a directory, to go on after its last entry. Entries hold `bytes` bytes each.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub async fn open(directory: &std::path::Path, bytes: usize) -> Result<Self, DrillError> {
        let metrics = StoreMetrics::register(&Registry::new())
            .map_err(|error| StoreError::Stopped(error.to_string()))?;
        let place = Place::Disk(directory.to_owned());
        let mut store = open(&place, &Clock::system(), &metrics).await?;
        if store.log.read_vote().await?.is_none() {
            store.log.save_vote(&Vote::new(1, NODE)).await?;
        }
        let last = store.log.get_log_state().await?.last_log_id;
        let next = last.map_or(0, |last| last.index + 1);
        Ok(Self { store, next, bytes })
    }

    /// Appends `entries` entries in one write, applies them, and now and then makes a snapshot and purges.
    /// Gives the index of the last one: it and all before it are acknowledged.
    ///
    /// # Errors
    /// If the store fails; nothing of the call is acknowledged then.
    pub async fn append(&mut self, entries: u64) -> Result<u64, DrillError> {
        let made: Vec<Entry> = (self.next..self.next + entries)
            .map(|index| entry(index, self.bytes))
            .collect();
        self.store.log.blocking_append(made.clone()).await?;
        let before = self.next;
        self.next += entries;
        self.store.machine.apply(made).await?;
        if before / SNAPSHOT_EVERY != self.next / SNAPSHOT_EVERY {
            self.store
                .machine
                .get_snapshot_builder()
                .await
                .build_snapshot()
                .await?;
            self.store
                .log
                .purge(log_id(self.next.saturating_sub(STAY)))
                .await?;
        }
        Ok(self.next.saturating_sub(1))
    }

    /// Closes the store.
    ///
    /// # Errors
    /// If something could not be written.
    pub async fn close(self) -> Result<(), DrillError> {
        Ok(self.store.meta.close().await?)
    }

    /// Opens the store in a directory, compares every entry with what was written, and closes it.
    ///
    /// # Errors If an entry is another one, or the store cannot be opened at all. A store that was set aside
    /// is no error.
    pub async fn verify(directory: &std::path::Path, bytes: usize) -> Result<Drilled, DrillError> {
        let mut drill = Self::open(directory, bytes).await?;
        let entries = drill.store.log.try_get_log_entries(..).await?;
        for found in &entries {
            let index = found.get_log_id().index;
            if *found != entry(index, bytes) {
                return Err(DrillError::Content(index));
            }
        }
        let drilled = Drilled {
            fresh: drill.store.fresh,
            set_aside: drill.store.set_aside.clone(),
            last: drill.next.checked_sub(1),
            compared: entries.len() as u64,
        };
        drill.close().await?;
        Ok(drilled)
    }
}

fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(1, NODE), index)
}

/// The entry that a drill writes at an index: without commands, and with a text of `bytes` bytes made of the
/// index.
fn entry(index: u64, bytes: usize) -> Entry {
    let mut random = fastrand::Rng::with_seed(index);
    let text = std::iter::repeat_with(|| random.alphanumeric())
        .take(bytes)
        .collect();
    let content = v1::StateEntry {
        time_unix_nano: i64::try_from(index).unwrap_or(i64::MAX),
        node: text,
        ..Default::default()
    };
    Entry {
        log_id: log_id(index),
        payload: EntryPayload::Normal(EntryBytes::of(&content)),
    }
}
