//! Protobuf's wire format, as far as OTLP needs it. All tags that are used are below 16, so a key is one byte.

use prost::encoding::{encode_varint, encoded_len_varint};

use crate::project::Plain;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;
/// Bytes of a length that is written after what it counts: five hold up to 32 GiB, and no reader takes more.
const LATE: usize = 5;
const LONGEST_VARINT: usize = 10;

/// A message that has begun and whose length is not known yet.
#[must_use = "a message that does not end has no length"]
pub(super) struct Open {
    start: usize,
    body: usize,
}

const fn key(tag: u8, kind: u8) -> u8 {
    tag << 3 | kind
}

/// Begins a message.
pub(super) fn begin(out: &mut Vec<u8>, tag: u8) -> Open {
    let start = out.len();
    out.push(key(tag, BYTES));
    out.extend_from_slice(&[0; LATE]);
    Open {
        start,
        body: out.len(),
    }
}

/// Ends a message: its length is written where it began, padded to full width.
#[expect(clippy::needless_pass_by_value, reason = "a message ends once")]
pub(super) fn end(out: &mut [u8], open: Open) {
    let length = out.len() - open.body;
    for (at, byte) in out[open.body - LATE..open.body].iter_mut().enumerate() {
        let more = if at + 1 < LATE { 0x80 } else { 0 };
        *byte = low_bits(length >> (7 * at)) | more;
    }
}

/// Ends a message, or takes it back when there is nothing in it.
pub(super) fn end_unless_empty(out: &mut Vec<u8>, open: Open, items: u64) {
    if items == 0 {
        out.truncate(open.start);
    } else {
        end(out, open);
    }
}

const fn low_bits(value: usize) -> u8 {
    low_bits_of(value as u64)
}

const fn low_bits_of(value: u64) -> u8 {
    (value & 0x7f) as u8
}

/// A string, bytes, or a message whose bytes are there.
#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    length(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// The key and the length of what follows. Nearly all lengths have one or two bytes, which are written at once.
#[inline]
pub(super) fn length(out: &mut Vec<u8>, tag: u8, length: usize) {
    if length < 0x80 {
        out.extend_from_slice(&[key(tag, BYTES), low_bits(length)]);
    } else if length < 0x4000 {
        out.extend_from_slice(&[key(tag, BYTES), low_bits(length) | 0x80, low_bits(length >> 7)]);
    } else {
        out.push(key(tag, BYTES));
        encode_varint(length as u64, out);
    }
}

/// A whole number.
#[inline]
pub(super) fn varint(out: &mut Vec<u8>, tag: u8, value: u64) {
    let mut field = [0; 1 + LONGEST_VARINT];
    field[0] = key(tag, VARINT);
    let length = 1 + put_varint(value, &mut field[1..]);
    out.extend_from_slice(&field[..length]);
}

/// Writes a varint to the front of `bytes`, which have room for the longest, and gives its length.
#[inline]
fn put_varint(value: u64, bytes: &mut [u8]) -> usize {
    let mut rest = value;
    let mut length = 0;
    for byte in bytes.iter_mut().take(LONGEST_VARINT) {
        length += 1;
        *byte = low_bits_of(rest);
        rest >>= 7;
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    length
}

/// Eight bytes: an instant, a double or a point's whole number.
#[inline]
pub(super) fn fixed64(out: &mut Vec<u8>, tag: u8, value: [u8; 8]) {
    out.push(key(tag, FIXED64));
    out.extend_from_slice(&value);
}

/// Four bytes.
#[inline]
pub(super) fn fixed32(out: &mut Vec<u8>, tag: u8, value: [u8; 4]) {
    out.push(key(tag, FIXED32));
    out.extend_from_slice(&value);
}

/// One `KeyValue`. A value is written also when it is zero, empty or false: it is part of a `oneof`.
pub(super) fn attribute(out: &mut Vec<u8>, tag: u8, name: &str, value: &Plain<'_>) {
    let inner = any_value_size(value);
    length(out, tag, sized(name.len()) + sized(inner));
    bytes(out, 1, name.as_bytes());
    any_value(out, 2, value);
}

/// An `AnyValue` of any type.
#[inline]
pub(super) fn any_value(out: &mut Vec<u8>, tag: u8, value: &Plain<'_>) {
    if let Plain::Int(int) = value {
        return int_value(out, tag, int.cast_unsigned());
    }
    length(out, tag, any_value_size(value));
    match value {
        Plain::Text(text) => bytes(out, 1, text.as_bytes()),
        Plain::Bool(bit) => varint(out, 2, u64::from(*bit)),
        Plain::Int(int) => varint(out, 3, int.cast_unsigned()),
        Plain::Double(double) => fixed64(out, 4, double.to_le_bytes()),
    }
}

/// An `AnyValue` that is a whole number: the most frequent but text, and so written at once.
#[inline]
fn int_value(out: &mut Vec<u8>, tag: u8, int: u64) {
    let mut field = [0; 3 + LONGEST_VARINT];
    let length = put_varint(int, &mut field[3..]);
    field[..3].copy_from_slice(&[key(tag, BYTES), low_bits(1 + length), key(3, VARINT)]);
    out.extend_from_slice(&field[..3 + length]);
}

/// The size of an `AnyValue` without its key and length.
#[inline]
pub(super) fn any_value_size(value: &Plain<'_>) -> usize {
    match value {
        Plain::Int(int) => 1 + encoded_len_varint(int.cast_unsigned()),
        Plain::Double(_) => 9,
        Plain::Bool(_) => 2,
        Plain::Text(text) => sized(text.len()),
    }
}

/// The size of a field that holds `length` bytes: key, length and bytes.
#[inline]
pub(super) fn sized(length: usize) -> usize {
    let prefix = if length < 0x80 {
        2
    } else if length < 0x4000 {
        3
    } else {
        1 + encoded_len_varint(length as u64)
    };
    prefix + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_varints_of_any_width() {
        for size in [
            0,
            1,
            0x7f,
            0x80,
            0x3fff,
            0x4000,
            0x1f_ffff,
            0x20_0000,
            u32::MAX as usize,
        ] {
            let mut out = Vec::new();
            length(&mut out, 2, size);
            let mut wanted = vec![key(2, BYTES)];
            encode_varint(size as u64, &mut wanted);
            assert_eq!(out, wanted, "{size}");
            assert_eq!(sized(size), wanted.len() + size, "{size}");
        }
    }

    #[test]
    fn numbers_are_varints_of_any_width() {
        let edges = (0..64).flat_map(|bit| [1_u64 << bit, (1_u64 << bit) - 1]);
        for value in edges.chain([u64::MAX]) {
            let mut out = Vec::new();
            varint(&mut out, 3, value);
            let mut wanted = vec![key(3, VARINT)];
            encode_varint(value, &mut wanted);
            assert_eq!(out, wanted, "{value}");
        }
    }
}
