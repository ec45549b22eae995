//! The bytes of a snapshot.
//!
//! Magic, length of the header, header, one zstd frame of records (length and bytes of key, then of value),
//! and at the end the xxh3 of all before it. Lengths are big-endian. Records come in the order of their keys.

use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::group::types::SnapshotMeta;
use crate::machine::Machine;
use crate::store::StoreError;
use crate::store::error::Damage;

const MAGIC: [u8; 8] = *b"rwsnap\x00\x01";
/// The format that this program writes, and the newest it reads.
const FORMAT: u16 = 1;
const LEVEL: i32 = 3;
const CHECK: u64 = 8;
const LARGEST_HEADER: u32 = 4 << 20;
const LARGEST_KEY: u32 = 64 << 10;
const LARGEST_VALUE: u32 = 64 << 20;
/// A state is some tens of megabytes; what says to be more is nothing that we wrote.
const LARGEST_STATE: u64 = 1 << 30;
const BUFFER: usize = 64 << 10;

/// What a snapshot says before its records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    format: u16,
    pub(crate) meta: SnapshotMeta,
    pub(crate) count: u64,
    pub(crate) digest: u64,
}

impl Header {
    pub(crate) fn new(meta: SnapshotMeta, count: u64, digest: u64) -> Self {
        Self {
            format: FORMAT,
            meta,
            count,
            digest,
        }
    }
}

/// Writes a snapshot. Nothing is synced.
pub(crate) fn write(
    to: impl Write,
    header: &Header,
    records: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
) -> io::Result<()> {
    let mut to = Hashing::new(to);
    let header = postcard::to_stdvec(header).map_err(io::Error::other)?;
    to.write_all(&MAGIC)?;
    to.write_all(&length(header.len())?)?;
    to.write_all(&header)?;
    let mut packed = zstd::stream::write::Encoder::new(to, LEVEL)?;
    for (key, value) in records {
        packed.write_all(&length(key.len())?)?;
        packed.write_all(&key)?;
        packed.write_all(&length(value.len())?)?;
        packed.write_all(&value)?;
    }
    let mut to = packed.finish()?;
    let check = to.hasher.digest().to_be_bytes();
    to.inner.write_all(&check)?;
    to.inner.flush()
}

/// Checks the whole file and reads its header. Leaves it where the records begin.
pub(crate) fn check(from: &mut (impl Read + Seek)) -> Result<Header, StoreError> {
    let end = from.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
    let content = end.checked_sub(CHECK).ok_or_else(|| damaged("is too short"))?;
    from.rewind().map_err(|error| unreadable(&error))?;
    let mut hasher = Xxh3::new();
    let mut buffer = vec![0; BUFFER];
    let mut left = content;
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        let Some(part) = buffer.get_mut(..want) else { break };
        from.read_exact(part).map_err(|error| unreadable(&error))?;
        hasher.update(part);
        left -= want as u64;
    }
    let mut said = [0; 8];
    from.read_exact(&mut said).map_err(|error| unreadable(&error))?;
    if u64::from_be_bytes(said) != hasher.digest() {
        return Err(damaged("is not what was written"));
    }
    from.rewind().map_err(|error| unreadable(&error))?;
    read_header(from)
}

/// Reads the header alone: what it says is not proven.
pub(crate) fn read_header(from: &mut impl Read) -> Result<Header, StoreError> {
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic).map_err(|error| unreadable(&error))?;
    if magic != MAGIC {
        return Err(damaged("is no snapshot"));
    }
    let header = read_bytes(from, LARGEST_HEADER).map_err(|error| unreadable(&error))?;
    let header = header.ok_or_else(|| damaged("has no header"))?;
    // The format comes first, so that a later one is known as such.
    let (format, _) = postcard::take_from_bytes::<u16>(&header).map_err(|_| damaged("has no format"))?;
    if format > FORMAT {
        return Err(StoreError::Newer {
            found: format,
            known: FORMAT,
        });
    }
    postcard::from_bytes(&header).map_err(|error| damaged(format!("has no header: {error}")))
}

/// Checks a snapshot and makes a machine of it, record for record.
pub(crate) fn read(from: &mut (impl Read + Seek)) -> Result<(Header, Machine), StoreError> {
    let header = check(from)?;
    let end = from
        .seek(SeekFrom::End(-(CHECK.cast_signed())))
        .map_err(|error| unreadable(&error))?;
    from.rewind().map_err(|error| unreadable(&error))?;
    read_header(from)?;
    let at = from.stream_position().map_err(|error| unreadable(&error))?;
    let packed = from.take(end.saturating_sub(at));
    let unpacked = zstd::stream::read::Decoder::new(packed).map_err(|error| unreadable(&error))?;
    let mut records = Records {
        from: unpacked.take(LARGEST_STATE),
        failed: None,
    };
    let machine = Machine::load(&mut records);
    if let Some(error) = records.failed {
        return Err(unreadable(&error));
    }
    let machine = machine.map_err(|error| damaged(error.to_string()))?;
    if machine.count() != header.count || machine.digest() != header.digest {
        return Err(damaged("has other records than it says"));
    }
    Ok((header, machine))
}

struct Records<R> {
    from: R,
    failed: Option<io::Error>,
}

impl<R: Read> Iterator for Records<R> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed.is_some() {
            return None;
        }
        match read_record(&mut self.from) {
            Ok(record) => record,
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }
}

fn read_record(from: &mut impl Read) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let Some(key) = read_bytes(from, LARGEST_KEY)? else {
        return Ok(None);
    };
    let value = read_bytes(from, LARGEST_VALUE)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Some((key, value)))
}

/// A length and as many bytes; `None` at the end. The memory is taken as the bytes come, not as they are
/// announced.
fn read_bytes(from: &mut impl Read, largest: u32) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut got = 0;
    while let Some(rest) = length.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 if got == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => got += more,
        }
    }
    let length = u32::from_be_bytes(length);
    if length > largest {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    let read = from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if read as u64 != u64::from(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(bytes))
}

fn length(bytes: usize) -> io::Result<[u8; 4]> {
    u32::try_from(bytes)
        .map(u32::to_be_bytes)
        .map_err(io::Error::other)
}

fn unreadable(error: &io::Error) -> StoreError {
    StoreError::io("read a snapshot", error)
}

fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::damaged(Damage::Checksum, format!("a snapshot {what}"))
}

/// Hashes what passes.
struct Hashing<W> {
    inner: W,
    hasher: Xxh3,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Xxh3::new(),
        }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
