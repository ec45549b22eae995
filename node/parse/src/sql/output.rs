//! What a pass writes: the text for people, and the canonical tokens, from which the fingerprint is made.
//!
//! Canonical tokens are units of a fixed size where that goes, so that they are quickly written and hashed: a
//! word is sixteen bytes, an operator eight. The first byte says which it is, so two sequences never make the
//! same bytes.

use super::key::{Chunk, KEY_BYTES, key_of};
use super::pass::Frame;

/// How many bytes an operator or a bracket takes in the canonical tokens.
pub(super) const SIGN_BYTES: usize = 8;
/// Begins a name or a word that does not fit into one unit. No byte of UTF-8 text.
const LONG: u8 = 0xFE;

/// A piece of the text, in bytes.
pub(super) type Span = (u32, u32);

/// Bytes that are written in chunks of which only the beginning counts: that takes no branch on their length.
/// It keeps its memory, and what is behind `len` means nothing.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Writes the first `len` bytes of a chunk.
    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, chunk: &[u8; N], len: usize) {
        match self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
            Some(slot) => *slot = *chunk,
            None => self.put_growing(chunk),
        }
        self.len += len;
    }

    /// Writes the first `len` bytes of a chunk, with a space before them if there is to be one.
    #[inline(always)]
    pub(super) fn put_spaced(&mut self, space: bool, chunk: &Chunk, len: usize) {
        const SPACED: usize = KEY_BYTES + 1;
        let begin = usize::from(space);
        let room = self.bytes.get_mut(self.len..);
        let Some(slot) = room.and_then(<[u8]>::first_chunk_mut::<SPACED>) else {
            self.put(b" ", begin);
            return self.put(chunk, len);
        };
        slot[0] = b' ';
        if let Some(word) = slot.get_mut(begin..begin + KEY_BYTES) {
            word.copy_from_slice(chunk);
        }
        self.len += begin + len;
    }

    /// Writes a byte, with a space before it if there is to be one.
    #[inline(always)]
    pub(super) fn put_byte(&mut self, space: bool, byte: u8) {
        let pair = if space { [b' ', byte] } else { [byte; 2] };
        self.put(&pair, 1 + usize::from(space));
    }

    /// Writes a key. By halves, as a processor has it in two registers: what is stored whole from there
    /// stalls it.
    #[inline(always)]
    fn put_key(&mut self, key: u128) {
        let halves = [key as u64, (key >> 64) as u64].map(u64::to_le_bytes);
        let room = self.bytes.get_mut(self.len..);
        let Some(slot) = room.and_then(<[u8]>::first_chunk_mut::<KEY_BYTES>) else {
            return self.put(&key.to_le_bytes(), KEY_BYTES);
        };
        let (low, high) = slot.split_at_mut(SIGN_BYTES);
        low.copy_from_slice(&halves[0]);
        high.copy_from_slice(&halves[1]);
        self.len += KEY_BYTES;
    }

    /// Writes bytes of any number.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.put_growing(bytes);
        self.len += bytes.len();
    }

    #[cold]
    fn put_growing(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if self.bytes.len() < end {
            self.bytes.resize(end.max(2 * self.bytes.len()).max(1024), 0);
        }
        if let Some(slot) = self.bytes.get_mut(self.len..end) {
            slot.copy_from_slice(bytes);
        }
    }
}

/// What is written, and what is found on the way. Kept from text to text.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) text: Buffer,
    pub(super) canon: Buffer,
    pub(super) tables: Vec<Span>,
    pub(super) procedures: Vec<Span>,
    pub(super) ctes: Vec<Span>,
    pub(super) comments: Vec<Span>,
    pub(super) commands: Vec<&'static str>,
    pub(super) frames: Vec<Frame>,
}

impl Output {
    pub(super) fn clear(&mut self) {
        self.text.truncate(0);
        self.canon.truncate(0);
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
        self.text.put(b" ", usize::from(wanted));
    }

    /// Writes an operator of one character to the canonical tokens.
    #[inline]
    pub(super) fn sign(&mut self, byte: u8) {
        self.canon.put(&u64::from(byte).to_le_bytes(), SIGN_BYTES);
    }

    /// Writes an operator of up to eight bytes to the canonical tokens.
    #[inline]
    pub(super) fn operator(&mut self, chunk: &Chunk, len: usize) {
        let bits = u128::from_le_bytes(*chunk) & ((1_u128 << (8 * len)) - 1);
        self.canon.put(&(bits as u64).to_le_bytes(), SIGN_BYTES);
    }

    /// Writes a word of up to sixteen bytes to the canonical tokens, by its key.
    #[inline]
    pub(super) fn key(&mut self, key: u128) {
        self.canon.put_key(key);
    }

    /// Writes a word to the canonical tokens, in lower case.
    pub(super) fn word(&mut self, bytes: &[u8]) {
        if bytes.len() <= KEY_BYTES {
            self.key(key_of(bytes, 0, bytes.len()));
        } else {
            self.long(bytes, |byte| byte.to_ascii_lowercase());
        }
    }

    /// Writes bytes of any number to the canonical tokens, each as `change` makes it.
    pub(super) fn long(&mut self, bytes: &[u8], change: impl Fn(u8) -> u8) {
        self.canon.put(&[LONG], 1);
        self.canon.put(&(bytes.len() as u64).to_le_bytes(), SIGN_BYTES);
        for byte in bytes {
            self.canon.put(&[change(*byte)], 1);
        }
    }

    /// Whether the tokens up to this place end in `=`.
    pub(super) fn ends_with_equals(&self, canon: u32) -> bool {
        let before = self.canon.as_slice().get(..canon as usize).unwrap_or_default();
        before.ends_with(&u64::from(b'=').to_le_bytes())
    }

    pub(super) fn is_same(&self, one: Stretch, other: Stretch) -> bool {
        let tokens = |stretch: Stretch| {
            self.canon
                .as_slice()
                .get(stretch.start as usize..stretch.end as usize)
        };
        tokens(one).is_some() && tokens(one) == tokens(other)
    }

    pub(super) fn truncate(&mut self, place: Place) {
        self.text.truncate(place.text as usize);
        self.canon.truncate(place.canon as usize);
    }
}

/// A place in both outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) text: u32,
    pub(super) canon: u32,
}

/// A stretch of the canonical tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: u32,
    pub(super) end: u32,
}
