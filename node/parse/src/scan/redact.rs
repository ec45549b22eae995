//! What takes the place of a value that was found.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{Class, Found};

/// What becomes of a value. To drop what holds one is the caller's matter.
#[derive(Clone, Debug)]
pub enum Action {
    /// `[REDACTED:class]` takes its place.
    Redact,
    /// `[class:16 hexadecimal digits]` takes its place: the beginning of a keyed hash (HMAC-SHA-256) of the
    /// class and the value. Separators and letter case of numbers do not count, so that one card is one hash
    /// however it is written.
    Hash(HashKey),
}

/// The key of a hash. It is never shown.
#[derive(Clone)]
pub struct HashKey(Arc<Padded>);

/// Hashes that have taken in the two paddings of the key.
struct Padded {
    inner: Sha256,
    outer: Sha256,
}

const BLOCK: usize = 64;

impl HashKey {
    /// A key of any length; 16 random bytes or more keep the values from being guessed.
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if key.len() > BLOCK {
            fill(&mut block, &Sha256::digest(key));
        } else {
            fill(&mut block, key);
        }
        let of = |pad: u8| Sha256::new_with_prefix(block.map(|byte| byte ^ pad));
        Self(Arc::new(Padded {
            inner: of(0x36),
            outer: of(0x5c),
        }))
    }

    /// HMAC (RFC 2104) of the parts, its first 64 bits.
    fn short(&self, name: &str, value: &[u8]) -> u64 {
        let mut inner = self.0.inner.clone();
        inner.update(name.as_bytes());
        inner.update([0]);
        inner.update(value);
        let mut outer = self.0.outer.clone();
        outer.update(inner.finalize());
        let hash = outer.finalize();
        hash.iter()
            .take(8)
            .fold(0, |all, byte| (all << 8) | u64::from(*byte))
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(..)")
    }
}

fn fill(block: &mut [u8; BLOCK], key: &[u8]) {
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
}

/// A hash that shows at least one letter: sixteen digits alone could be the number of a card.
fn lettered(hash: u64) -> u64 {
    let has_letter = (0..16).any(|place| (hash >> (4 * place)) & 15 > 9);
    if has_letter { hash } else { hash | (15 << 60) }
}

/// The value as it is hashed: one way to write what can be written in several.
fn canonical(class: Class, value: &str) -> Vec<u8> {
    match class {
        Class::Email | Class::MacAddress | Class::IpAddress => value.to_ascii_lowercase().into_bytes(),
        Class::CreditCard
        | Class::Iban
        | Class::Phone
        | Class::UsSsn
        | Class::UsItin
        | Class::UkNhs
        | Class::UkNino
        | Class::AbaRouting => {
            let kept = value.bytes().filter(u8::is_ascii_alphanumeric);
            kept.map(|b| b.to_ascii_uppercase()).collect()
        }
        _ => value.as_bytes().to_vec(),
    }
}

/// `found` is sorted and none is over another; what is not so, or not within the text, is left out.
pub(super) fn redact<'n>(
    text: &str,
    found: &[Found],
    action: &Action,
    name: impl Fn(Class) -> &'n str,
) -> String {
    let mut out = String::with_capacity(text.len() + 16 * found.len());
    let mut done = 0;
    for one in found {
        let (Some(before), Some(value)) = (text.get(done..one.start), text.get(one.start..one.end)) else {
            continue;
        };
        out.push_str(before);
        let name = name(one.class);
        match action {
            Action::Redact => {
                out.push_str("[REDACTED:");
                out.push_str(name);
                out.push(']');
            }
            Action::Hash(key) => {
                let hash = key.short(name, &canonical(one.class, value));
                // Writing to a string cannot fail.
                let _ = fmt::Write::write_fmt(&mut out, format_args!("[{name}:{:016x}]", lettered(hash)));
            }
        }
        done = one.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// A text in which all that was found is hidden, and the way back to its places.
pub(super) struct Hidden<'f> {
    pub(super) text: String,
    found: &'f [Found],
    /// For each that was found, where what took its place begins and ends.
    places: Vec<(usize, usize)>,
}

impl<'f> Hidden<'f> {
    pub(super) fn of<'n>(text: &str, found: &'f [Found], name: impl Fn(Class) -> &'n str) -> Self {
        let mut places = Vec::with_capacity(found.len());
        let (mut written, mut done) = (0, 0);
        for one in found {
            let start = written + (one.start - done);
            written = start + "[REDACTED:]".len() + name(one.class).len();
            done = one.end;
            places.push((start, written));
        }
        Self {
            text: redact(text, found, &Action::Redact, name),
            found,
            places,
        }
    }

    /// Something found in the hidden text, as it is in the original one; `None` where it is nothing but what
    /// hides.
    pub(super) fn original(&self, one: Found) -> Option<Found> {
        let start = self.back(one.start, true);
        let end = self.back(one.end, false);
        (start < end).then_some(Found { start, end, ..one })
    }

    fn back(&self, at: usize, is_start: bool) -> usize {
        let place = self.places.partition_point(|(start, _)| *start < at);
        let Some(last) = place.checked_sub(1) else {
            return at;
        };
        let (Some((_, end)), Some(found)) = (self.places.get(last), self.found.get(last)) else {
            return at;
        };
        match at.checked_sub(*end) {
            Some(behind) => found.end + behind,
            None if is_start => found.start,
            None => found.end,
        }
    }
}

/// How long the name in a hidden value may be.
const NAME: usize = 64;

/// Where something hidden that begins at `at` ends: `[REDACTED:name]` or `[name:16 hexadecimal digits]`.
pub(super) fn hidden_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?.strip_prefix(b"[")?;
    let is_name = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
    let length = |part: &[u8]| part.iter().take(NAME + 1).take_while(|b| is_name(b)).count();
    let (name, tail) = match rest.strip_prefix(b"REDACTED:") {
        Some(rest) => {
            let name = length(rest);
            (name, rest.get(name..)?)
        }
        None => {
            let name = length(rest);
            let hash = rest.get(name..)?.strip_prefix(b":")?;
            let is_hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
            let tail = hash.get(16..)?;
            let hash = hash.get(..16)?;
            let is_hash = hash.iter().all(is_hex) && !hash.iter().all(u8::is_ascii_digit);
            (is_hash.then_some(name)?, tail)
        }
    };
    let is_hidden = (1..=NAME).contains(&name) && tail.first() == Some(&b']');
    is_hidden.then(|| bytes.len() - tail.len() + 1)
}

/// Whether all of a range is within something hidden.
pub(super) fn is_within_hidden(bytes: &[u8], start: usize, end: usize) -> bool {
    let window = start.saturating_sub(NAME + 24);
    let before = bytes.get(window..=start).unwrap_or_default();
    let Some(open) = before.iter().rposition(|b| *b == b'[') else {
        return false;
    };
    hidden_end(bytes, window + open).is_some_and(|hidden| end <= hidden)
}
