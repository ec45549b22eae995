//! The state machine, as openraft uses it: applies entries, makes and installs snapshots.
//!
//! What an entry changed is written in one batch with how far the machine is, but lazily: the entry itself is
//! durable in the log, and what a crash takes from the machine is applied again.

mod shared;
mod snapshots;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, ErrorSubject, ErrorVerb, OptionalSend};
use serde::{Deserialize, Serialize};

use crate::group::types::{
    Answers, Entry, LogId, Snapshot, SnapshotFile, SnapshotMeta, StorageError, StoredMembership, Types,
};
use crate::machine::Change;
use crate::store::desk::Desk;
use crate::store::key::{self, Meta};
use crate::store::snapshot::{Shelf, Source};
use crate::store::{Batch, StoreError, record, single};

pub use shared::{AppliedAt, Shared};
pub use snapshots::SnapshotMaker;

pub(crate) use shared::State;

/// Entries that are applied together are written together up to this size.
const BATCH_BYTES: usize = 1 << 20;

/// What the store says of its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MachineMeta {
    /// Records of other generations are left over.
    pub(crate) generation: u32,
    /// The last entry that was applied.
    pub(crate) applied: Option<LogId>,
    /// How many records there are, and their digest.
    pub(crate) count: u64,
    pub(crate) digest: u64,
}

/// The machine with its store.
#[derive(Debug)]
pub struct MachineStore {
    desk: Desk,
    shared: Arc<Shared>,
    shelf: Shelf,
    generation: u32,
    parts: Parts,
}

/// In how many parts things are stored that may have several: a smaller value leaves none of them behind.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// Of the machine's records, those that have more than one.
    pub(crate) records: HashMap<Vec<u8>, u16>,
    pub(crate) membership: u16,
}

/// What several entries changed and is not written yet.
#[derive(Debug, Default)]
struct Unwritten {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    membership: bool,
}

impl Unwritten {
    fn add(&mut self, changes: Vec<Change>) {
        for Change { key, value } in changes {
            self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            self.changes.insert(key, value);
        }
    }
}

impl MachineStore {
    pub(crate) fn new(desk: Desk, shared: Arc<Shared>, shelf: Shelf, generation: u32, parts: Parts) -> Self {
        Self {
            desk,
            shared,
            shelf,
            generation,
            parts,
        }
    }

    /// The state, to be read by all.
    pub fn state(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    async fn apply_all(
        &mut self,
        entries: impl Iterator<Item = Entry> + Send,
    ) -> Result<Vec<Answers>, StoreError> {
        let mut answers = Vec::new();
        let mut unwritten = Unwritten::default();
        let mut touched = Vec::new();
        for entry in entries {
            unwritten.membership |= matches!(entry.payload, EntryPayload::Membership(_));
            match self.shared.apply(&entry) {
                Ok(applied) => {
                    answers.push(Answers::of(&applied.answers));
                    unwritten.add(applied.changes);
                    touched.extend(applied.touched);
                }
                Err(error) => {
                    self.write(std::mem::take(&mut unwritten)).await?;
                    return Err(error);
                }
            }
            if unwritten.bytes > BATCH_BYTES {
                self.write(std::mem::take(&mut unwritten)).await?;
            }
        }
        self.write(unwritten).await?;
        self.shared.publish(touched);
        Ok(answers)
    }

    /// Writes changes and how far the machine is.
    async fn write(&mut self, unwritten: Unwritten) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for (key, value) in &unwritten.changes {
            put_record(
                &mut batch,
                &mut self.parts.records,
                self.generation,
                key,
                value.as_deref(),
            )?;
        }
        let (meta, membership) = self.shared.meta(self.generation);
        single::put(&mut batch, Meta::Machine, &meta)?;
        if unwritten.membership {
            single::replace(
                &mut batch,
                Meta::Membership,
                &membership,
                &mut self.parts.membership,
            )?;
        }
        self.desk.write_lazily(batch).await
    }
}

/// Puts a change of one of the machine's records into a batch.
fn put_record(
    batch: &mut Batch,
    parts: &mut HashMap<Vec<u8>, u16>,
    generation: u32,
    record: &[u8],
    value: Option<&[u8]>,
) -> Result<(), StoreError> {
    let key = key::machine_key(generation, record);
    let before = parts.get(record).copied().unwrap_or(1);
    let now = match value {
        Some(value) => record::put(batch, &key, value)?,
        None => 0,
    };
    record::delete_parts(batch, &key, now..before);
    if now > 1 {
        parts.insert(record.to_vec(), now);
    } else {
        parts.remove(record);
    }
    Ok(())
}

impl RaftStateMachine<Types> for MachineStore {
    type SnapshotBuilder = SnapshotMaker;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        Ok(self.shared.position())
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Answers>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let applied = self.apply_all(entries.into_iter()).await;
        applied.map_err(|error| error.raft(ErrorSubject::StateMachine, ErrorVerb::Write))
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotMaker {
        SnapshotMaker::new(self.desk.clone(), Arc::clone(&self.shared), self.shelf.clone())
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotFile>, StorageError> {
        let shelf = self.shelf.clone();
        let source = self.desk.run(move |_| shelf.receive()).await;
        let source = source.map_err(|error| error.raft(ErrorSubject::Snapshot(None), ErrorVerb::Write))?;
        Ok(Box::new(source.into_snapshot()))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<SnapshotFile>,
    ) -> Result<(), StorageError> {
        let source = Source::of(*snapshot).await;
        let installed = self.install(meta, source).await;
        installed
            .map_err(|error| error.raft(ErrorSubject::Snapshot(Some(meta.signature())), ErrorVerb::Write))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let newest = snapshots::newest(&self.desk, &self.shelf).await;
        newest.map_err(|error| error.raft(ErrorSubject::Snapshot(None), ErrorVerb::Read))
    }
}
