//! The log of the group, as openraft uses it.
//!
//! All writes are durable before they are answered. The newest entries are also kept in memory, so that they
//! are sent to followers and applied without a look at the disk.

mod entries;
mod raft;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::group::types::{Entry, LogId, Vote};
use crate::store::desk::Desk;
use crate::store::key::{self, Meta};
use crate::store::machine::Shared;
use crate::store::{Batch, StoreError, record, single};
use entries::{Entries, Kept};

pub(crate) use entries::decode;

/// What the store says of its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogMeta {
    /// The last entry that was purged.
    pub(crate) purged: Option<LogId>,
    /// The last entry that is there.
    pub(crate) last: Option<LogId>,
    /// How many there are.
    pub(crate) count: u64,
}

/// The log. Clones read the same one.
#[derive(Clone, Debug)]
pub struct LogStore {
    desk: Desk,
    log: Arc<Mutex<Log>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Log {
    vote: Option<Vote>,
    /// What openraft purged. The store may still have it, see [`LogStore::purge`].
    purged: Option<LogId>,
    entries: Entries,
    stored: LogMeta,
}

impl LogStore {
    pub(crate) fn new(
        desk: Desk,
        vote: Option<Vote>,
        stored: LogMeta,
        entries: Vec<(Entry, u16, usize)>,
        shared: Arc<Shared>,
    ) -> Self {
        let mut kept = Entries::default();
        for (entry, parts, bytes) in entries {
            kept.insert(entry, parts, bytes);
        }
        let log = Log {
            vote,
            purged: stored.purged,
            entries: kept,
            stored,
        };
        Self {
            desk,
            log: Arc::new(Mutex::new(log)),
            shared,
        }
    }

    /// The first and the last index that can be read, `None`: the log is empty.
    pub fn bounds(&self) -> Option<(u64, u64)> {
        let log = self.lock();
        Some((log.entries.first()?, log.entries.last()?.index))
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the changes that `make` puts into a batch, and then says in memory what is stored.
    async fn write<T>(
        &self,
        make: impl FnOnce(&mut Batch, &Log, &mut LogMeta) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut batch = Batch::new();
        let (made, stored) = {
            let log = self.lock();
            let mut stored = log.stored;
            let made = make(&mut batch, &log, &mut stored)?;
            single::put(&mut batch, Meta::Log, &stored)?;
            (made, stored)
        };
        self.desk.write(batch).await?;
        let mut log = self.lock();
        log.stored = stored;
        if stored.purged >= log.purged {
            log.entries.forget_purged();
        }
        Ok(made)
    }

    async fn append_all(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let applied = self.shared.applied_index();
        let parts = self
            .write(|batch, log, stored| {
                let first = entries.first().map_or(0, |entry| entry.log_id.index);
                let leaves_hole = stored.last.map_or(0, |last| last.index.saturating_add(1)) < first;
                if leaves_hole || log.purged.map(|purged| purged.index) <= applied {
                    purge_stored(batch, log, stored)?;
                }
                let mut parts = Vec::with_capacity(entries.len());
                for entry in &entries {
                    let index = entry.log_id.index;
                    if let Some(old) = log.entries.parts(index) {
                        record::delete_parts(batch, &key::log_key(index), 0..old);
                        stored.count = stored.count.saturating_sub(1);
                    }
                    let bytes = encode(entry)?;
                    parts.push((record::put(batch, &key::log_key(index), &bytes)?, bytes.len()));
                    stored.count += 1;
                    stored.last = stored.last.max(Some(entry.log_id));
                }
                Ok(parts)
            })
            .await?;
        let mut log = self.lock();
        for (entry, (parts, bytes)) in entries.into_iter().zip(parts) {
            log.entries.insert(entry, parts, bytes);
        }
        Ok(())
    }

    async fn save(&self, vote: Vote) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        single::put(&mut batch, Meta::Vote, &Some(vote))?;
        self.desk.write(batch).await?;
        self.lock().vote = Some(vote);
        Ok(())
    }

    async fn truncate_from(&self, from: u64) -> Result<(), StoreError> {
        self.write(|batch, log, stored| {
            let mut removed = 0;
            for (index, parts) in log.entries.from(from) {
                record::delete_parts(batch, &key::log_key(index), 0..parts);
                removed += 1;
            }
            if removed > 0 {
                stored.count = stored.count.saturating_sub(removed);
                stored.last = log.entries.last_before(from).or(log.purged);
            }
            Ok(())
        })
        .await?;
        self.lock().entries.truncate(from);
        Ok(())
    }

    /// Openraft purges what a snapshot covers while that snapshot is still being installed. A crash in
    /// between would leave a machine without the entries that it needs next, so until the machine is there
    /// the store keeps what was purged, and only memory forgets it.
    async fn purge_to(&self, to: LogId) -> Result<(), StoreError> {
        {
            let mut log = self.lock();
            if log.purged >= Some(to) {
                return Ok(());
            }
            log.purged = Some(to);
            log.entries.purge(to.index);
        }
        let applied = self.shared.applied_index();
        if Some(to.index) > applied {
            return Ok(());
        }
        self.write(purge_stored).await
    }

    async fn read(&self, from: u64, to: u64, most: usize) -> Result<Vec<Entry>, StoreError> {
        let found = self.lock().entries.range(from, to, most);
        let missing: Vec<u64> = found
            .iter()
            .filter_map(|kept| match kept {
                Kept::Stored(index) => Some(*index),
                Kept::Here(_) => None,
            })
            .collect();
        let read = match missing.is_empty() {
            true => Vec::new(),
            false => self.desk.run(move |kv| entries::read(kv, &missing)).await?,
        };
        let mut read = read.into_iter();
        let mut whole = Vec::with_capacity(found.len());
        for kept in found {
            match kept {
                Kept::Here(entry) => whole.push(entry),
                Kept::Stored(index) => match read.next().flatten() {
                    Some(entry) => whole.push(entry),
                    // Purged meanwhile, or lost.
                    None if self.lock().entries.parts(index).is_none() => {}
                    None => return Err(entries::damaged(index, "is missing")),
                },
            }
        }
        Ok(whole)
    }
}

/// Removes from the store what was purged.
fn purge_stored(batch: &mut Batch, log: &Log, stored: &mut LogMeta) -> Result<(), StoreError> {
    let Some(purged) = log.purged.filter(|purged| stored.purged < Some(*purged)) else {
        return Ok(());
    };
    for (index, parts) in log.entries.purged() {
        record::delete_parts(batch, &key::log_key(index), 0..parts);
        stored.count = stored.count.saturating_sub(1);
    }
    stored.purged = Some(purged);
    stored.last = stored.last.max(Some(purged));
    Ok(())
}

fn encode(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    postcard::to_stdvec(entry).map_err(|error| StoreError::Stopped(error.to_string()))
}
