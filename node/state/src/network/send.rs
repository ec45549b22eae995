//! Sends a snapshot in parts; the receiver says from where to go on.

use std::io::SeekFrom;
use std::time::Duration;

use openraft::error::{Fatal, StreamingError, Unreachable};
use openraft::raft::SnapshotResponse;
use openraft::{AnyError, ErrorSubject, ErrorVerb, StorageIOError, Vote};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::timeout;

use super::{CallError, Caller, Method, SNAPSHOT_PART, decode, encode};
use crate::group::types::{Snapshot, SnapshotMeta, Types};

/// How often in a row a part may fail before the snapshot is given up for now.
const ATTEMPTS: u32 = 10;
/// What is waited after the first failure; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How long the receiver may take for installing all of it.
const INSTALL: Duration = Duration::from_secs(60);

/// One part of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) vote: Vote<u64>,
    pub(crate) meta: SnapshotMeta,
    /// The size of the whole, in bytes.
    pub(crate) total: u64,
    /// Where the part begins.
    pub(super) offset: u64,
    /// The bytes. Empty at first: the sender asks from where to go on.
    #[serde(with = "serde_bytes_like")]
    pub(super) data: Vec<u8>,
}

/// The answer to a part.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Received {
    /// The receiver's vote: a higher one ends the sender's leadership.
    pub(super) vote: Vote<u64>,
    /// From where to go on.
    pub(super) next: u64,
    /// It has been installed, or is not wanted any more.
    pub(super) done: bool,
}

/// Bytes as bytes, not as a list of numbers.
mod serde_bytes_like {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(data: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(data)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Bytes::deserialize(from).map(Vec::from)
    }
}

type Sent = Result<SnapshotResponse<u64>, StreamingError<Types, Fatal<u64>>>;

/// Sends `snapshot` to the store `raft` of `node`; each part but the last has `limit`.
pub(super) async fn snapshot(
    caller: &Caller,
    node: &str,
    raft: u64,
    vote: Vote<u64>,
    mut snapshot: Snapshot,
    limit: Duration,
) -> Sent {
    let total = snapshot
        .snapshot
        .seek(SeekFrom::End(0))
        .await
        .map_err(|error| read_failed(&error))?;
    let mut part = Part {
        vote,
        meta: snapshot.meta,
        total,
        offset: 0,
        data: Vec::new(),
    };
    let mut failures = 0;
    let mut wait = FIRST_WAIT;
    loop {
        let last = !part.data.is_empty() && part.offset + part.data.len() as u64 == total;
        let limit = if last || total == 0 { INSTALL } else { limit };
        match send(caller, node, raft, &part, limit).await {
            Ok(received) if received.done || received.vote > vote => {
                return Ok(SnapshotResponse::new(received.vote));
            }
            Ok(received) => {
                if received.next > total || (received.next <= part.offset && !part.data.is_empty()) {
                    // It begins anew: bounded like a failure, or two nodes could go round for ever.
                    failures += 1;
                } else {
                    failures = 0;
                    wait = FIRST_WAIT;
                }
                part.offset = received.next.min(total);
                part.data = read(&mut snapshot.snapshot, part.offset).await?;
            }
            Err(error) => {
                failures += 1;
                if failures >= ATTEMPTS {
                    return Err(StreamingError::Unreachable(Unreachable::new(&error)));
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
                // Ask again from where to go on: the part may have arrived.
                part.offset = 0;
                part.data = Vec::new();
            }
        }
        if failures >= ATTEMPTS {
            let error = CallError::Refused("the receiver begins anew again and again".into());
            return Err(StreamingError::Unreachable(Unreachable::new(&error)));
        }
    }
}

async fn send(
    caller: &Caller,
    node: &str,
    raft: u64,
    part: &Part,
    limit: Duration,
) -> Result<Received, CallError> {
    let call = caller.call(node, raft, Method::Snapshot, encode(part)?);
    let answer = timeout(limit, call).await;
    decode(&answer.unwrap_or_else(|_| Err(CallError::Lost("no answer in time".into())))?)
}

async fn read(
    file: &mut crate::group::types::SnapshotFile,
    offset: u64,
) -> Result<Vec<u8>, StreamingError<Types, Fatal<u64>>> {
    let mut data = Vec::with_capacity(SNAPSHOT_PART);
    file.seek(SeekFrom::Start(offset))
        .await
        .map_err(|error| read_failed(&error))?;
    let part = file.take(SNAPSHOT_PART as u64).read_to_end(&mut data).await;
    part.map_err(|error| read_failed(&error))?;
    Ok(data)
}

fn read_failed(error: &std::io::Error) -> StreamingError<Types, Fatal<u64>> {
    let source = StorageIOError::new(
        ErrorSubject::Snapshot(None),
        ErrorVerb::Read,
        AnyError::new(error),
    );
    StreamingError::StorageError(source.into())
}
