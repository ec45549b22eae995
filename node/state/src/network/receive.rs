//! Takes a snapshot in parts, and goes on where it stopped.

use openraft::Vote;
use openraft::error::Fatal;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use super::send::{Part, Received};
use super::{CallError, SNAPSHOT_PART};
use crate::group::types::{LogId, Raft, Snapshot, SnapshotFile};
use crate::store::check_snapshot;

/// The largest snapshot that is taken, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024 * 1024;

/// What is being received: at most one snapshot at a time.
#[derive(Default)]
pub(crate) struct Receiver(Mutex<Slot>);

#[derive(Default)]
struct Slot {
    now: Option<Receiving>,
    /// The last one that was installed. Its sender may not have been told.
    installed: Option<Key>,
}

/// The same id, size and end from the same store is the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    from: u64,
    id: String,
    total: u64,
    last: Option<LogId>,
}

struct Receiving {
    key: Key,
    file: Box<SnapshotFile>,
    next: u64,
}

impl Receiver {
    /// Takes a part from the store `from`. When it was the last one the whole is installed.
    pub(crate) async fn take(&self, raft: &Raft, from: u64, part: Part) -> Result<Received, CallError> {
        if part.total > LARGEST || part.data.len() > SNAPSHOT_PART || part.meta.snapshot_id.len() > 256 {
            return Err(CallError::Refused("the snapshot is too large".into()));
        }
        let mine = raft.metrics().borrow().vote;
        if part.vote < mine {
            // Its leader has been deposed.
            return Ok(received(mine, 0, false));
        }
        let key = Key {
            from,
            id: part.meta.snapshot_id.clone(),
            total: part.total,
            last: part.meta.last_log_id,
        };
        let mut slot = self.0.lock().await;
        if slot.installed.as_ref() == Some(&key) {
            return Ok(received(part.vote, part.total, true));
        }
        let mut receiving = match slot.now.take() {
            Some(now) if now.key == key => now,
            _ => Receiving::begin(raft, key).await?,
        };
        if part.offset == receiving.next && (!part.data.is_empty() || part.total == 0) {
            let written = receiving.write(&part.data).await;
            written
                .map_err(|error| CallError::Refused(format!("the snapshot cannot be written: {error}")))?;
            if receiving.next == receiving.key.total {
                let key = receiving.key.clone();
                let answer = receiving.install(raft, part).await?;
                slot.installed = Some(key);
                return Ok(answer);
            }
        }
        let next = receiving.next;
        slot.now = Some(receiving);
        Ok(received(part.vote, next, false))
    }
}

fn received(vote: Vote<u64>, next: u64, done: bool) -> Received {
    Received { vote, next, done }
}

impl Receiving {
    async fn begin(raft: &Raft, key: Key) -> Result<Self, CallError> {
        let file = raft.begin_receiving_snapshot().await;
        let file =
            file.map_err(|error| CallError::Refused(format!("no snapshot can be taken now: {error}")))?;
        Ok(Self { key, file, next: 0 })
    }

    async fn write(&mut self, data: &[u8]) -> std::io::Result<()> {
        let end = self.next + data.len() as u64;
        if end > self.key.total {
            return Err(std::io::Error::other("it is longer than was said"));
        }
        self.file.write_all(data).await?;
        self.next = end;
        Ok(())
    }

    async fn install(mut self, raft: &Raft, part: Part) -> Result<Received, CallError> {
        let flushed: std::io::Result<()> = self.file.flush().await;
        flushed.map_err(|error| CallError::Refused(format!("the snapshot cannot be read: {error}")))?;
        // One that is damaged would end the group on this node.
        let checked = check_snapshot(*self.file).await;
        let (meta, snapshot) = checked
            .map_err(|error| CallError::Refused(format!("the snapshot is not what was sent: {error}")))?;
        if meta.last_log_id != part.meta.last_log_id {
            return Err(CallError::Refused("the snapshot is another than was said".into()));
        }
        let snapshot = Snapshot {
            meta: part.meta,
            snapshot: Box::new(snapshot),
        };
        let installed = raft.install_full_snapshot(part.vote, snapshot).await;
        let answer = installed.map_err(|error: Fatal<u64>| CallError::Lost(error.to_string()))?;
        Ok(received(answer.vote, part.total, true))
    }
}
