//! Reasons as words: how they are written to the file of the books, and found again.

use ringwatch_collect::outcomes;
use ringwatch_frame::DropReason;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Why a tick was missed: one of the collector's words.
pub(super) type Word = &'static str;

/// What another release calls by a word that this one does not know.
const OTHER: Word = "other";

/// Reads the reason of a missed tick.
pub(super) fn word<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    let word = <&str>::deserialize(from)?;
    Ok(outcomes().find(|known| *known == word).unwrap_or(OTHER))
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
