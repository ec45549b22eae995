//! What a pass writes: the text for people, and the canonical tokens, from which the fingerprint is made.
//!
//! Canonical tokens are units of a fixed size where that goes, so that they are quickly written and hashed: a word is
//! sixteen bytes, an operator eight. The first byte says which it is, so two sequences never make the same bytes.

use super::key::{KEY_BYTES, chunk, lower_key};
use super::pass::Frame;

/// How many bytes an operator or a bracket takes in the canonical tokens.
pub(super) const SIGN_BYTES: usize = 8;
/// Begins a name or a word that does not fit into one unit. No byte of UTF-8 text.
const LONG: u8 = 0xFE;

/// A piece of the text, in bytes.
pub(super) type Span = (usize, usize);

/// What is written, and what is found on the way. Kept from text to text.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) text: Vec<u8>,
    pub(super) canon: Vec<u8>,
    pub(super) tables: Vec<Span>,
    pub(super) procedures: Vec<Span>,
    pub(super) ctes: Vec<Span>,
    pub(super) comments: Vec<Span>,
    pub(super) commands: Vec<&'static str>,
    pub(super) frames: Vec<Frame>,
}

impl Output {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.canon.clear();
        self.tables.clear();
        self.procedures.clear();
        self.ctes.clear();
        self.comments.clear();
        self.commands.clear();
        self.frames.clear();
    }

    /// Writes a space if there is to be one, without a branch.
    #[inline]
    pub(super) fn space(&mut self, wanted: bool) {
        let end = self.text.len() + usize::from(wanted);
        self.text.push(b' ');
        self.text.truncate(end);
    }

    /// Writes a word of up to sixteen bytes to both: as it stands, and by its key.
    #[inline]
    pub(super) fn short_word(&mut self, chunk: [u8; KEY_BYTES], key: u128, len: usize) {
        let end = self.text.len() + len.min(KEY_BYTES);
        self.text.extend_from_slice(&chunk);
        self.text.truncate(end);
        self.key(key);
    }

    /// Writes an operator of one character.
    pub(super) fn sign(&mut self, byte: u8) {
        self.canon
            .extend_from_slice(&u64::from(byte).to_le_bytes());
    }

    /// Writes a word of up to sixteen bytes, by its key.
    #[inline]
    pub(super) fn key(&mut self, key: u128) {
        self.canon.extend_from_slice(&key.to_le_bytes());
    }

    /// Writes a word, in lower case.
    pub(super) fn word(&mut self, bytes: &[u8]) {
        if bytes.len() <= KEY_BYTES {
            self.key(lower_key(chunk(bytes, 0), bytes.len()));
        } else {
            self.long(bytes.iter().map(u8::to_ascii_lowercase));
        }
    }

    /// Writes an operator.
    pub(super) fn operator(&mut self, bytes: &[u8]) {
        let mut unit = [0; SIGN_BYTES];
        if bytes.len() > SIGN_BYTES {
            return self.long(bytes.iter().copied());
        }
        for (to, from) in unit.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.canon.extend_from_slice(&unit);
    }

    /// Whether the tokens up to this place end in `=`.
    pub(super) fn ends_with_equals(&self, canon: usize) -> bool {
        let before = self.canon.get(..canon).unwrap_or_default();
        before.ends_with(&u64::from(b'=').to_le_bytes())
    }

    pub(super) fn is_same(&self, one: Stretch, other: Stretch) -> bool {
        let tokens = |stretch: Stretch| self.canon.get(stretch.start..stretch.end);
        tokens(one).is_some() && tokens(one) == tokens(other)
    }

    /// Writes bytes of any length.
    pub(super) fn long(&mut self, bytes: impl ExactSizeIterator<Item = u8>) {
        self.canon.push(LONG);
        self.canon.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.canon.extend(bytes);
    }

    pub(super) fn truncate(&mut self, place: Place) {
        self.text.truncate(place.text);
        self.canon.truncate(place.canon);
    }
}

/// A place in both outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) text: usize,
    pub(super) canon: usize,
}

/// A stretch of the canonical tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: usize,
    pub(super) end: usize,
}
