//! Snapshots: the machine's whole state in one compressed, checksummed file.

mod format;
mod shelf;

pub(crate) use format::Header;
pub(crate) use shelf::{MemoryShelf, Shelf, Source};

use std::io::SeekFrom;

use tokio::io::AsyncSeekExt;

use crate::group::types::{SnapshotFile, SnapshotMeta};
use crate::store::StoreError;

/// Reads a snapshot that was received, checks all of it, and says what it is of. It is at its beginning then.
/// One that fails here must not be installed: that would end the group on this node.
///
/// # Errors
/// If it is damaged, is nothing that this program reads, or cannot be read.
pub async fn check_snapshot(snapshot: SnapshotFile) -> Result<(SnapshotMeta, SnapshotFile), StoreError> {
    let mut source = Source::of(snapshot).await;
    let (header, source) = match source {
        Source::Memory(_) => (source.read()?.0, source),
        Source::Disk(_) => {
            let read = move || source.read().map(|(header, _)| (header, source));
            let read = tokio::task::spawn_blocking(read).await;
            read.unwrap_or_else(|error| Err(StoreError::Stopped(error.to_string())))?
        }
    };
    let mut snapshot = source.into_snapshot();
    let rewound = snapshot.seek(SeekFrom::Start(0)).await;
    rewound.map_err(|error| StoreError::io("read a snapshot", &error))?;
    Ok((header.meta, snapshot))
}

#[cfg(test)]
mod tests;
