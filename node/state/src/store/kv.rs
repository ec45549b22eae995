//! The narrow trait between the log, the machine and what keeps bytes.

use crate::store::StoreError;

/// The largest value that is stored, in bytes. Larger ones are stored in parts: sled writes pages above 128
/// KiB (sixteen values) into files that it never syncs.
pub const LARGEST_VALUE: usize = 4096;

/// Ordered bytes on something that lasts. All calls block: those that may take long are made on threads of
/// their own.
///
/// A store writes in order: when a write is durable, all before it are, lazy ones too.
pub trait Kv: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows the pairs from `from` to before `to`, in the order of their keys, until `visit` says `false`.
    fn range(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError>;

    /// Writes all of a batch or nothing. Durable when it returns.
    fn write(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Writes all of a batch or nothing. Readable when it returns, durable with the next [`Kv::write`] at the
    /// latest: for what can be made again from what is durable.
    fn write_lazily(&self, batch: &Batch) -> Result<(), StoreError>;

    /// How many bytes it takes, as far as that is known.
    fn bytes_on_disk(&self) -> u64;

    /// Makes everything durable and lets go of it. Every call after it fails with [`StoreError::Closed`].
    fn close(&self) -> Result<(), StoreError>;
}

/// Changes that are made together. Of two changes of one key the later one holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    bytes: usize,
}

impl Batch {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.changes.push((key, Some(value)));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.changes.push((key, None));
    }

    /// Adds what `other` changes, after one's own.
    pub fn append(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.changes.extend(other.changes);
    }

    /// Key and new value, `None`: removed; in the order they were made.
    pub fn changes(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.changes
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// The size of keys and values, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// That every value may be stored as it is.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let largest = self
            .changes()
            .filter_map(|(_, value)| value.map(<[u8]>::len))
            .max();
        match largest {
            Some(bytes) if bytes > LARGEST_VALUE => Err(StoreError::TooLarge {
                what: "a value".to_owned(),
                bytes,
            }),
            _ => Ok(()),
        }
    }
}
