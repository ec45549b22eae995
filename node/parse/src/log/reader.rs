//! Bytes to entries.

use super::entry::Entry;
use super::prefix::Prefix;
use super::records::{LogFormat, Records};
use super::{csv, json, stderr};

/// What of the log was not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Entries that are larger than the limit.
    pub too_large: u64,
    /// What is no entry of this format: the rest of one whose begin was not read, mostly. What follows each
    /// other counts once.
    pub unreadable: u64,
}

/// Finds the plans in a log, from any place on and in chunks of any size.
///
/// Memory is bounded by the limit of an entry. Bytes that are no UTF-8 are replaced. Where one file ends and
/// the next begins is for the caller to know, who then calls [`Self::flush`].
#[derive(Debug)]
pub struct Reader {
    records: Records,
    prefix: Prefix,
    skipped: Skipped,
}

impl Reader {
    /// The limit of an entry, in bytes, if none is given.
    pub const ENTRY_BYTES: usize = 10 * 1024 * 1024;

    /// A reader of a log of this format.
    pub fn new(format: LogFormat) -> Self {
        Self {
            records: Records::new(format, Self::ENTRY_BYTES),
            prefix: Prefix::unknown(),
            skipped: Skipped::default(),
        }
    }

    /// Skips entries that have more bytes in the log, escapes included.
    #[must_use]
    pub fn with_entry_bytes(mut self, bytes: usize) -> Self {
        self.records.limit(bytes);
        self
    }

    /// Knows what stands before each message of a `stderr` log.
    #[must_use]
    pub fn with_prefix(mut self, prefix: Prefix) -> Self {
        self.prefix = prefix;
        self
    }

    /// Reads a chunk and gives each plan whose entry ends in it. A `stderr` entry ends where the next one
    /// begins.
    pub fn read(&mut self, chunk: &[u8], mut each: impl FnMut(Entry<'_>)) {
        let Self {
            records,
            prefix,
            skipped,
        } = self;
        let format = records.format();
        records.push(chunk, skipped, &mut |record, skipped| {
            entry(format, prefix, record, skipped, &mut each);
        });
    }

    /// Takes what has been read as the end of the log, gives the plan if that was one, and forgets it.
    pub fn flush(&mut self, mut each: impl FnMut(Entry<'_>)) {
        let Self {
            records,
            prefix,
            skipped,
        } = self;
        let format = records.format();
        records.flush(skipped, &mut |record, skipped| {
            entry(format, prefix, record, skipped, &mut each);
        });
    }

    /// What was not read so far.
    pub const fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// How many bytes are kept of the entry that is not whole yet. A cursor into the log that is saved lies
    /// before them.
    pub const fn pending(&self) -> usize {
        self.records.pending()
    }
}

fn entry(
    format: LogFormat,
    prefix: &Prefix,
    record: &[u8],
    skipped: &mut Skipped,
    each: &mut dyn FnMut(Entry<'_>),
) {
    let text = String::from_utf8_lossy(record);
    let found = match format {
        LogFormat::Stderr => Ok(stderr::entry(&text, prefix)),
        LogFormat::Csv => csv::entry(&text),
        LogFormat::Json => json::entry(&text),
    };
    match found {
        Ok(Some(entry)) => each(entry),
        Ok(None) => {}
        Err(Unreadable) => skipped.unreadable += 1,
    }
}

/// It looked like an entry and is none.
pub(super) struct Unreadable;
