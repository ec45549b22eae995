//! A file beside the store that says how far it was: a store that lost its end is no torn write but damage.
//!
//! sled takes a damaged end of its file for a write that was cut off, and comes up as it was before. A vote
//! or an acknowledged entry would be forgotten without a word. So after each durable write its number goes
//! into this file. It is written in place and not synced: after a power cut it may say less than what is
//! stored, which is fine, but never more.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::store::StoreError;

const SLOT: usize = 4096;
const SLOTS: u64 = 2;

/// The open file.
#[derive(Debug)]
pub(crate) struct Witness {
    file: File,
    path: String,
}

impl Witness {
    /// Makes the file of a new store. Durable when it returns, but for its name.
    pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
        let make = || {
            let mut file = File::create_new(path)?;
            for _ in 0..SLOTS {
                let mut slot = slot(0).to_vec();
                slot.resize(SLOT, 0);
                file.write_all(&slot)?;
            }
            file.sync_all()
        };
        make().map_err(|error| StoreError::file("create", path, &error))
    }

    /// Opens it. Gives the number that it says, `None` if it does not say a number.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<u64>), StoreError> {
        let read = || {
            let mut file = File::options().read(true).write(true).open(path)?;
            let mut bytes = Vec::new();
            (&mut file).take(2 * SLOT as u64).read_to_end(&mut bytes)?;
            Ok((file, bytes))
        };
        let (file, bytes) = read().map_err(|error| StoreError::file("open", path, &error))?;
        let said = bytes.chunks(SLOT).filter_map(number).max();
        let path = path.display().to_string();
        Ok((Self { file, path }, said))
    }

    /// Says that write `number` is durable.
    pub(crate) fn say(&mut self, number: u64) -> Result<(), StoreError> {
        let at = (number % SLOTS) * SLOT as u64;
        let mut write = || {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(&slot(number))
        };
        write().map_err(|error| StoreError::io(format!("write `{}`", self.path), &error))
    }
}

fn slot(number: u64) -> [u8; 16] {
    let mut slot = [0; 16];
    let (left, right) = slot.split_at_mut(8);
    left.copy_from_slice(&number.to_be_bytes());
    right.copy_from_slice(&xxh3_64(left).to_be_bytes());
    slot
}

fn number(slot: &[u8]) -> Option<u64> {
    let (number, rest) = slot.split_first_chunk::<8>()?;
    let check = rest.first_chunk::<8>()?;
    (xxh3_64(number).to_be_bytes() == *check).then(|| u64::from_be_bytes(*number))
}
