//! Frames as bytes: Arrow's IPC stream format with the identity in the schema's metadata. The same bytes serve
//! replication, handoff and the durable queue.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Metadata, Schema};

use crate::{ColumnType, Epoch, FrameId, FrameMeta, Resource, StreamId, TargetId, Tick, Value};

const VERSION: &str = "1";
const PREFIX: &str = "ringwatch.frame.";

/// Why bytes are not a frame.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// Arrow could not read or write them.
    #[error("not a frame: {0}")]
    Arrow(#[from] ArrowError),
    /// Part of the identity is absent or unreadable.
    #[error("not a frame: `{0}` is absent or unreadable")]
    Identity(&'static str),
    /// The frame was written by a version of Ringwatch that this one does not know.
    #[error("frame of format {0}, but this version reads format {VERSION}: upgrade this node")]
    Version(String),
    /// There are fewer or more rows than were written, as when the end is missing.
    #[error(
        "not a whole frame: {found} rows in {batches} batches, but {expected} rows in one batch were written"
    )]
    Rows {
        /// Rows that were written.
        expected: usize,
        /// Rows that are there.
        found: usize,
        /// Batches that are there.
        batches: usize,
    },
    /// A column is of a type that frames do not hold.
    #[error("not a frame: column `{0}` is of a type that frames do not hold")]
    Column(String),
}

/// The bytes of a frame with this identity and these rows.
///
/// # Errors
/// When Arrow refuses the columns.
pub fn encode(meta: &FrameMeta, batch: &RecordBatch) -> Result<Vec<u8>, IpcError> {
    let schema = batch.schema();
    let schema = Schema::new_with_metadata(schema.fields().clone(), to_metadata(meta, batch.num_rows()));
    let batch = RecordBatch::try_new_with_options(
        Arc::new(schema),
        batch.columns().to_vec(),
        &arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )?;
    let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref())?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

/// The identity and the rows in `bytes`.
///
/// # Errors
/// When the bytes are not a whole frame of a known format.
pub fn decode(bytes: &[u8]) -> Result<(FrameMeta, RecordBatch), IpcError> {
    let reader = StreamReader::try_new(Cursor::new(bytes), None)?;
    let schema = reader.schema();
    let meta = from_metadata(schema.metadata())?;
    for field in schema.fields() {
        ColumnType::of(field.data_type()).ok_or_else(|| IpcError::Column(field.name().clone()))?;
    }
    let expected = rows(schema.metadata())?;
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let found = batches.iter().map(RecordBatch::num_rows).sum();
    // Bytes that end after the schema are a stream without batches to Arrow, so that is no error there.
    let [whole] = batches.as_slice() else {
        return Err(IpcError::Rows {
            expected,
            found,
            batches: batches.len(),
        });
    };
    if found != expected {
        return Err(IpcError::Rows {
            expected,
            found,
            batches: 1,
        });
    }
    let plain = Arc::new(Schema::new(schema.fields().clone()));
    let rows = arrow_array::RecordBatchOptions::new().with_row_count(Some(whole.num_rows()));
    Ok((
        meta,
        RecordBatch::try_new_with_options(plain, whole.columns().to_vec(), &rows)?,
    ))
}

fn to_metadata(meta: &FrameMeta, rows: usize) -> Metadata {
    let id = &meta.id;
    let mut map = Metadata::from([
        (format!("{PREFIX}version"), VERSION.to_owned()),
        (format!("{PREFIX}target"), id.target.to_string()),
        (format!("{PREFIX}stream"), id.stream.name().to_owned()),
        (format!("{PREFIX}tick"), id.tick.unix_nanos().to_string()),
        (format!("{PREFIX}epoch"), id.epoch.to_string()),
        (format!("{PREFIX}source"), meta.source.to_string()),
        (format!("{PREFIX}rows"), rows.to_string()),
    ]);
    if let Some(database) = id.stream.database() {
        map.insert(format!("{PREFIX}database"), database.to_owned());
    }
    for (at, (key, value)) in meta.resource.iter().enumerate() {
        // The position is part of the key, because a map forgets the order; the letter is the value's type.
        let (kind, text) = match value {
            Value::Text(text) => ('s', text.to_string()),
            Value::Int(number) => ('i', number.to_string()),
            Value::Double(number) => ('d', format!("{:016x}", number.to_bits())),
            Value::Bool(bit) => ('b', bit.to_string()),
        };
        map.insert(format!("{PREFIX}resource.{at:06}.{kind}.{key}"), text);
    }
    map
}

fn rows(map: &Metadata) -> Result<usize, IpcError> {
    let rows = map.get(&format!("{PREFIX}rows"));
    rows.and_then(|rows| rows.parse().ok())
        .ok_or(IpcError::Identity("rows"))
}

fn from_metadata(map: &Metadata) -> Result<FrameMeta, IpcError> {
    let get = |key: &'static str| map.get(&format!("{PREFIX}{key}")).ok_or(IpcError::Identity(key));
    let version = get("version")?;
    if version != VERSION {
        return Err(IpcError::Version(version.clone()));
    }
    let stream = match map.get(&format!("{PREFIX}database")) {
        Some(database) => StreamId::of_database(get("stream")?, database),
        None => StreamId::of_server(get("stream")?),
    };
    let id = FrameId {
        target: TargetId::from_name(get("target")?),
        stream,
        tick: Tick::from_unix_nanos(get("tick")?.parse().map_err(|_| IpcError::Identity("tick"))?),
        epoch: Epoch(get("epoch")?.parse().map_err(|_| IpcError::Identity("epoch"))?),
    };
    Ok(FrameMeta {
        id,
        source: get("source")?.as_str().into(),
        resource: Arc::new(resource(map)?),
    })
}

fn resource(map: &Metadata) -> Result<Resource, IpcError> {
    let prefix = format!("{PREFIX}resource.");
    let mut entries: Vec<(&str, &str)> = map
        .iter()
        .filter_map(|(k, v)| Some((k.strip_prefix(&prefix)?, v.as_str())))
        .collect();
    entries.sort_unstable();
    let bad = || IpcError::Identity("resource");
    let mut resource = Resource::default();
    for (key, text) in entries {
        let (_, key) = key.split_once('.').ok_or_else(bad)?;
        let (kind, key) = key.split_once('.').ok_or_else(bad)?;
        let value = match kind {
            "s" => Value::from(text),
            "i" => Value::Int(text.parse().map_err(|_| bad())?),
            "d" => Value::Double(f64::from_bits(u64::from_str_radix(text, 16).map_err(|_| bad())?)),
            "b" => Value::Bool(text.parse().map_err(|_| bad())?),
            _ => return Err(bad()),
        };
        resource.set(key, value);
    }
    Ok(resource)
}
