//! What else a store remembers: its id, its group, and what was promised.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::desk::Desk;
use crate::store::key::Meta as Single;
use crate::store::{Batch, StoreError, StoreMetrics, single};

/// The single facts of a store. Clones are of the same store.
#[derive(Clone, Debug)]
pub struct Meta {
    desk: Desk,
    raft_id: u64,
    facts: Arc<Mutex<Facts>>,
    metrics: StoreMetrics,
}

#[derive(Debug)]
struct Facts {
    group: Option<u64>,
    promise: Option<Vec<u8>>,
    /// In how many parts the promise is stored.
    parts: u16,
}

impl Meta {
    pub(crate) fn new(
        desk: Desk,
        raft_id: u64,
        group: Option<u64>,
        promise: (Option<Vec<u8>>, u16),
        metrics: StoreMetrics,
    ) -> Self {
        let (promise, parts) = promise;
        let facts = Facts {
            group,
            promise,
            parts,
        };
        let facts = Arc::new(Mutex::new(facts));
        Self {
            desk,
            raft_id,
            facts,
            metrics,
        }
    }

    /// The store's Raft id.
    pub fn raft_id(&self) -> u64 {
        self.raft_id
    }

    /// The group that the store belongs to, if it belongs to one.
    pub fn group(&self) -> Option<u64> {
        self.lock().group
    }

    /// Says to which group the store belongs. Durable when it returns.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn set_group(&self, group: u64) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        single::put(&mut batch, Single::Group, &Some(group))?;
        self.desk.write(batch).await?;
        self.lock().group = Some(group);
        Ok(())
    }

    /// What was promised when a group was to be founded.
    pub fn promise(&self) -> Option<Vec<u8>> {
        self.lock().promise.clone()
    }

    /// Promises, or takes a promise back. Durable when it returns.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn set_promise(&self, promise: Option<Vec<u8>>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        let mut parts = self.lock().parts;
        single::replace(&mut batch, Single::Promise, &promise, &mut parts)?;
        {
            // It may be written though nobody waits for it any more: the next one must find all of its parts.
            let mut facts = self.lock();
            facts.parts = facts.parts.max(parts);
        }
        self.desk.write(batch).await?;
        let mut facts = self.lock();
        facts.promise = promise;
        facts.parts = parts;
        Ok(())
    }

    /// How many bytes the store takes on disk. Also shown as a metric.
    pub async fn bytes_on_disk(&self) -> u64 {
        let bytes = self.desk.bytes_on_disk().await;
        self.metrics.disk(bytes);
        bytes
    }

    /// Makes everything durable and closes the store, so that it can be opened again or set aside. The log
    /// and the machine fail from then on.
    ///
    /// # Errors
    /// If something was not written; the store is closed all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.desk.close().await
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
