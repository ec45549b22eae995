//! Reasons as words: how they are written to the file of the books, and found again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use ringwatch_frame::DropReason;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Why a tick was missed. The words are the collector's, who may know others tomorrow.
pub(super) type Word = &'static str;

/// More words than this, or longer ones, are none of the collector's.
const MOST: usize = 64;
const LONGEST: usize = 64;

/// The words that were read out of files. What is in here stays until the process ends: it is bounded.
static KNOWN: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());

/// Reads the reason of a missed tick.
pub(super) fn word<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    let word = <&str>::deserialize(from)?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.get(word) {
        return Ok(known);
    }
    if known.len() >= MOST || word.len() > LONGEST {
        return Err(D::Error::custom("no reason for a missed tick"));
    }
    let kept: Word = Box::leak(word.into());
    known.insert(kept);
    Ok(kept)
}

/// The reason why a frame was dropped.
pub(super) mod reason {
    use super::*;

    /// Writes it by its name.
    pub(in super::super) fn serialize<S: Serializer>(reason: &DropReason, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(reason.as_str())
    }

    /// Finds it by its name.
    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DropReason, D::Error> {
        let name = <&str>::deserialize(from)?;
        let found = DropReason::ALL.into_iter().find(|reason| reason.as_str() == name);
        found.ok_or_else(|| D::Error::custom("no reason for a dropped frame"))
    }
}
