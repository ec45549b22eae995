//! A record: a key and bytes of any length, stored in parts that fit, each with its own checksum.
//!
//! Stored value = number of parts (2 bytes) + payload + xxh3 over stored key, number and payload (8 bytes).
//! The first of several parts begins with the hash of the whole value, which is also the seed of its parts'
//! checksums: a part that was left over from another value does not pass for one of this.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::store::error::Damage;
use crate::store::kv::{Batch, LARGEST_VALUE};
use crate::store::{Kv, StoreError};

const HEAD: usize = 2;
const CHECK: usize = 8;
const WHOLE: usize = 8;
const ROOM: usize = LARGEST_VALUE - HEAD - CHECK;

/// Puts a record into a batch. Gives the number of its parts, at least 1.
pub(crate) fn put(batch: &mut Batch, key: &[u8], value: &[u8]) -> Result<u16, StoreError> {
    if value.len() <= ROOM {
        put_part(batch, key, 0, 1, 0, &[value]);
        return Ok(1);
    }
    let rest = value.len() + WHOLE - ROOM;
    let parts = u16::try_from(1 + rest.div_ceil(ROOM)).map_err(|_| StoreError::TooLarge {
        what: "a record".to_owned(),
        bytes: value.len(),
    })?;
    let whole = xxh3_64(value);
    let (first, rest) = value.split_at(ROOM - WHOLE);
    put_part(batch, key, 0, parts, whole, &[&whole.to_be_bytes(), first]);
    for (part, payload) in (1..).zip(rest.chunks(ROOM)) {
        put_part(batch, key, part, parts, whole, &[payload]);
    }
    Ok(parts)
}

/// Removes the parts `from..to` of a record.
pub(crate) fn delete_parts(batch: &mut Batch, key: &[u8], parts: std::ops::Range<u16>) {
    for part in parts {
        batch.delete(part_key(key, part));
    }
}

fn put_part(batch: &mut Batch, key: &[u8], part: u16, parts: u16, seed: u64, payload: &[&[u8]]) {
    let key = part_key(key, part);
    let size = payload.iter().map(|piece| piece.len()).sum::<usize>();
    let mut stored = Vec::with_capacity(HEAD + size + CHECK);
    stored.extend_from_slice(&parts.to_be_bytes());
    for piece in payload {
        stored.extend_from_slice(piece);
    }
    let check = checksum(seed, &key, &stored);
    stored.extend_from_slice(&check.to_be_bytes());
    batch.put(key, stored);
}

fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 2);
    stored.extend_from_slice(key);
    stored.extend_from_slice(&part.to_be_bytes());
    stored
}

fn checksum(seed: u64, key: &[u8], stored: &[u8]) -> u64 {
    let mut hasher = Xxh3::with_seed(seed);
    hasher.update(key);
    hasher.update(stored);
    hasher.digest()
}

/// A whole record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) parts: u16,
}

/// Makes records of stored pairs that come in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    key: Vec<u8>,
    value: Vec<u8>,
    whole: u64,
    parts: u16,
    next: u16,
}

impl Assembler {
    /// Takes the next pair, gives the record that it completes.
    pub(crate) fn take(&mut self, key: &[u8], stored: &[u8]) -> Result<Option<Record>, StoreError> {
        let Some((key, part)) = key.split_last_chunk::<2>() else {
            return Err(bad(Damage::Records, key, "is no key"));
        };
        let part = u16::from_be_bytes(*part);
        let Some((content, check)) = stored.split_last_chunk::<CHECK>() else {
            return Err(bad(Damage::Checksum, key, "is too short"));
        };
        let Some((parts, payload)) = content.split_first_chunk::<HEAD>() else {
            return Err(bad(Damage::Checksum, key, "is too short"));
        };
        let parts = u16::from_be_bytes(*parts);
        if part != self.next || (part > 0 && (key != self.key || parts != self.parts)) {
            return Err(bad(Damage::Records, key, "has parts missing"));
        }
        let mut payload = payload;
        if part == 0 {
            self.begin(key, parts);
            if parts > 1 {
                let Some((whole, rest)) = payload.split_first_chunk::<WHOLE>() else {
                    return Err(bad(Damage::Checksum, key, "is too short"));
                };
                self.whole = u64::from_be_bytes(*whole);
                payload = rest;
            }
        }
        if checksum(self.whole, &part_key(key, part), content) != u64::from_be_bytes(*check) {
            return Err(bad(Damage::Checksum, key, "is not what was written"));
        }
        self.value.extend_from_slice(payload);
        self.next = part.saturating_add(1);
        if self.next < parts {
            Ok(None)
        } else {
            self.complete().map(Some)
        }
    }

    /// That nothing was begun and not completed.
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        match self.next {
            0 => Ok(()),
            _ => Err(bad(Damage::Records, &self.key, "has parts missing")),
        }
    }

    fn begin(&mut self, key: &[u8], parts: u16) {
        self.key = key.to_vec();
        self.value = Vec::new();
        self.parts = parts;
        self.whole = 0;
    }

    fn complete(&mut self) -> Result<Record, StoreError> {
        let done = std::mem::take(self);
        if done.parts > 1 && xxh3_64(&done.value) != done.whole {
            return Err(bad(Damage::Checksum, &done.key, "is not what was written"));
        }
        Ok(Record {
            key: done.key,
            value: done.value,
            parts: done.parts,
        })
    }
}

/// Shows the records from `from` to before `to` until `visit` says `false` or fails.
pub(crate) fn scan(
    kv: &dyn Kv,
    from: &[u8],
    to: &[u8],
    visit: &mut dyn FnMut(Record) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut assembler = Assembler::default();
    let mut failed = None;
    let mut stopped = false;
    kv.range(from, to, &mut |key, stored| {
        let go_on = match assembler.take(key, stored) {
            Ok(None) => Ok(true),
            Ok(Some(record)) => visit(record),
            Err(error) => Err(error),
        };
        stopped = matches!(go_on, Ok(false));
        match go_on {
            Ok(go_on) => go_on,
            Err(error) => {
                failed = Some(error);
                false
            }
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None if stopped => Ok(()),
        None => assembler.finish(),
    }
}

/// One record, by its key.
pub(crate) fn read(kv: &dyn Kv, key: &[u8]) -> Result<Option<Record>, StoreError> {
    let mut end = part_key(key, u16::MAX);
    end.push(0);
    let mut found = None;
    scan(kv, key, &end, &mut |record| {
        found = Some(record);
        Ok(false)
    })?;
    Ok(found)
}

fn bad(damage: Damage, key: &[u8], what: &str) -> StoreError {
    let key: String = key.iter().take(24).map(|byte| format!("{byte:02x}")).collect();
    StoreError::damaged(damage, format!("record {key} {what}"))
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
