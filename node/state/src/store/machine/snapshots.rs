//! Making snapshots of the machine, and taking one in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::{ErrorSubject, ErrorVerb, RaftSnapshotBuilder};

use super::{MachineMeta, MachineStore, Shared, put_record};
use crate::group::types::{LogId, Snapshot, SnapshotMeta, StorageError, Types};
use crate::machine::{Machine, Touched};
use crate::store::desk::Desk;
use crate::store::error::Damage;
use crate::store::key::{self, Meta};
use crate::store::snapshot::{Header, Shelf, Source};
use crate::store::{Batch, StoreError, single};

/// Records of a snapshot are written in batches of this size, so that other writes come in between.
const CHUNK_BYTES: usize = 256 << 10;
/// What was applied is written at once after it; longer means that the store is gone.
const WRITTEN_LIMIT: Duration = Duration::from_secs(30);

/// Makes a snapshot of the machine.
#[derive(Debug)]
pub struct SnapshotMaker {
    desk: Desk,
    shared: Arc<Shared>,
    shelf: Shelf,
}

impl SnapshotMaker {
    pub(super) fn new(desk: Desk, shared: Arc<Shared>, shelf: Shelf) -> Self {
        Self { desk, shared, shelf }
    }

    async fn make(&self) -> Result<Snapshot, StoreError> {
        let shared = Arc::clone(&self.shared);
        let state = self.desk.run(move |_| Ok(shared.copy())).await?;
        // The log may be purged up to the snapshot, so what it holds has to be durable before it is there.
        self.wait_until_written(state.applied).await?;
        self.desk.sync().await?;
        let id = state.applied.map_or_else(
            || format!("0-0-{:016x}", fastrand::u64(..)),
            |id| format!("{}-{}-{:016x}", id.leader_id, id.index, fastrand::u64(..)),
        );
        let meta = SnapshotMeta {
            last_log_id: state.applied,
            last_membership: state.membership,
            snapshot_id: id,
        };
        let header = Header::new(meta.clone(), state.machine.count(), state.machine.digest());
        let shelf = self.shelf.clone();
        let machine = state.machine;
        let size = self
            .desk
            .run(move |_| shelf.write(&header, machine.records()))
            .await?;
        tracing::debug!(
            index = meta.last_log_id.map(|id| id.index),
            bytes = size,
            "snapshot written"
        );
        let newest = newest(&self.desk, &self.shelf).await?;
        newest.ok_or_else(|| StoreError::damaged(Damage::Records, "the snapshot just written is gone"))
    }

    async fn wait_until_written(&self, applied: Option<LogId>) -> Result<(), StoreError> {
        let index = applied.map_or(0, |id| id.index);
        let mut written = self.shared.applied();
        let waited = tokio::time::timeout(WRITTEN_LIMIT, written.wait_for(|at| at.index >= index)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(StoreError::Slow {
                what: "write what was applied".to_owned(),
                seconds: WRITTEN_LIMIT.as_secs(),
            }),
        }
    }
}

impl RaftSnapshotBuilder<Types> for SnapshotMaker {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let made = self.make().await;
        made.map_err(|error| error.raft(ErrorSubject::Snapshot(None), ErrorVerb::Write))
    }
}

/// The newest snapshot that there is.
pub(super) async fn newest(desk: &Desk, shelf: &Shelf) -> Result<Option<Snapshot>, StoreError> {
    let shelf = shelf.clone();
    let newest = desk.run(move |_| shelf.newest()).await?;
    Ok(newest.map(|(header, source)| Snapshot {
        meta: header.meta,
        snapshot: Box::new(source.into_snapshot()),
    }))
}

impl MachineStore {
    /// Takes in a snapshot. Its records are written beside the present ones, under the next generation; one
    /// last batch makes them the machine's.
    pub(super) async fn install(
        &mut self,
        meta: &SnapshotMeta,
        mut source: Source,
    ) -> Result<(), StoreError> {
        let read = move |_: &dyn crate::store::Kv| {
            let (header, machine) = source.read()?;
            Ok((header, machine, source))
        };
        let (header, machine, mut source) = self.desk.run(read).await?;
        if header.meta.last_log_id != meta.last_log_id {
            return Err(StoreError::damaged(
                Damage::Log,
                "a snapshot is of another entry than it was said to be",
            ));
        }
        let generation = self.generation.wrapping_add(1);
        self.remove_generation(generation).await?;
        let parts = self.write_machine(&machine, generation).await?;
        let mut batch = Batch::new();
        let now = MachineMeta {
            generation,
            applied: meta.last_log_id,
            count: machine.count(),
            digest: machine.digest(),
        };
        single::put(&mut batch, Meta::Machine, &now)?;
        single::replace(
            &mut batch,
            Meta::Membership,
            &meta.last_membership,
            &mut self.parts.membership,
        )?;
        self.desk.write(batch).await?;
        let old = std::mem::replace(&mut self.generation, generation);
        self.parts.records = parts;
        self.shared.replace(machine, meta);
        let shelf = self.shelf.clone();
        let header = Header::new(meta.clone(), header.count, header.digest);
        self.desk.run(move |_| shelf.adopt(&header, &mut source)).await?;
        self.shared.publish(vec![Touched::All]);
        self.remove_generation(old).await
    }

    async fn write_machine(
        &self,
        machine: &Machine,
        generation: u32,
    ) -> Result<HashMap<Vec<u8>, u16>, StoreError> {
        let mut parts = HashMap::new();
        let mut batch = Batch::new();
        for (key, value) in machine.records() {
            put_record(&mut batch, &mut parts, generation, &key, Some(&value))?;
            if batch.bytes() >= CHUNK_BYTES {
                self.desk.write_lazily(std::mem::take(&mut batch)).await?;
            }
        }
        self.desk.write_lazily(batch).await?;
        Ok(parts)
    }

    /// Removes what a generation left, piece by piece.
    pub(crate) async fn remove_generation(&self, generation: u32) -> Result<(), StoreError> {
        let (from, to) = key::generation_range(generation);
        loop {
            let (from, to) = (from.clone(), to.clone());
            let batch = self.desk.run(move |kv| {
                let mut batch = Batch::new();
                kv.range(&from, &to, &mut |key, _| {
                    batch.delete(key.to_vec());
                    batch.bytes() < CHUNK_BYTES
                })?;
                Ok(batch)
            });
            let batch = batch.await?;
            if batch.is_empty() {
                return Ok(());
            }
            self.desk.write_lazily(batch).await?;
        }
    }
}
