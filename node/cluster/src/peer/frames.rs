//! Frames and baselines as bytes, and from bytes that may hold anything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::ipc::{self, IpcError};
use ringwatch_frame::{Epoch, FrameId, FrameMeta, PendingFrame, Resource, StreamId, TargetId, Tick, Value};

/// More rows than any reading yields.
const MAX_ROWS: usize = 10_000_000;
/// What stands in place of a receiver in a baseline.
const BASELINE: &str = "baseline";

/// Why bytes are not the frame that they should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameFault {
    /// They are no frame.
    #[error(transparent)]
    Ipc(#[from] IpcError),
    /// Arrow gave up on them.
    #[error("not a frame: its lengths contradict each other")]
    Torn,
    /// They are another frame.
    #[error("the frame is of another target, stream or tick than the message")]
    Identity,
    /// There are too many rows, or rows without columns.
    #[error("the frame has {0} rows in {1} columns, which no reading has")]
    Rows(usize, usize),
    /// The resource of a baseline holds more than texts.
    #[error("the metadata of the baseline is not text")]
    Metadata,
}

/// What a frame must be about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) target: &'a TargetId,
    pub(super) stream: &'a StreamId,
}

impl About<'_> {
    fn check(self, id: &FrameId) -> Result<(), FrameFault> {
        let same = id.target == *self.target && id.stream == *self.stream;
        if same { Ok(()) } else { Err(FrameFault::Identity) }
    }
}

pub(super) fn encode_frame(frame: &PendingFrame) -> Result<Vec<u8>, IpcError> {
    ipc::encode(&frame.meta, &frame.rows)
}

/// A frame of this stream, of whatever tick.
pub(super) fn decode_frame(about: About<'_>, bytes: &[u8]) -> Result<PendingFrame, FrameFault> {
    let (meta, rows) = decode(bytes)?;
    about.check(&meta.id)?;
    Ok(PendingFrame { meta, rows })
}

/// A baseline as the frame of `tick`. What its schema's metadata says travels as the frame's resource.
pub(super) fn encode_baseline(
    about: About<'_>,
    tick: Tick,
    baseline: &RecordBatch,
) -> Result<Vec<u8>, IpcError> {
    let schema = baseline.schema();
    let said = schema.metadata().iter();
    let resource: Resource = said
        .map(|(key, value)| (Arc::from(key.as_str()), Value::from(value.as_str())))
        .collect();
    let meta = FrameMeta {
        id: FrameId {
            target: about.target.clone(),
            stream: about.stream.clone(),
            tick,
            epoch: Epoch::default(),
        },
        source: BASELINE.into(),
        resource: Arc::new(resource),
    };
    ipc::encode(&meta, baseline)
}

/// The baseline of this stream after `tick`.
pub(super) fn decode_baseline(about: About<'_>, tick: Tick, bytes: &[u8]) -> Result<RecordBatch, FrameFault> {
    let (meta, mut rows) = decode(bytes)?;
    about.check(&meta.id)?;
    if meta.id.tick != tick {
        return Err(FrameFault::Identity);
    }
    for (key, value) in meta.resource.iter() {
        let Value::Text(value) = value else {
            return Err(FrameFault::Metadata);
        };
        rows.schema_metadata_mut().insert(key, value.to_string());
    }
    Ok(rows)
}

fn decode(bytes: &[u8]) -> Result<(FrameMeta, RecordBatch), FrameFault> {
    // Arrow checks what columns hold, but trusts the lengths and offsets that a message states, and panics
    // where they lead out of it. Nothing of ours is half done then.
    let decoded = catch_unwind(AssertUnwindSafe(|| ipc::decode(bytes)));
    let (meta, rows) = decoded.map_err(|_| FrameFault::Torn)??;
    if rows.num_rows() > MAX_ROWS || (rows.num_columns() == 0 && rows.num_rows() > 0) {
        return Err(FrameFault::Rows(rows.num_rows(), rows.num_columns()));
    }
    Ok((meta, rows))
}
