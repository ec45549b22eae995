//! Words as numbers: sixteen bytes at once, in lower case.

/// As many bytes as one key holds.
pub(super) const KEY_BYTES: usize = 16;

/// Sixteen bytes of `source` from `start` on; past its end there are zeros.
#[inline]
pub(super) fn chunk(source: &[u8], start: usize) -> [u8; KEY_BYTES] {
    match source.get(start..).and_then(<[u8]>::first_chunk) {
        Some(found) => *found,
        None => last_chunk(source, start),
    }
}

fn last_chunk(source: &[u8], start: usize) -> [u8; KEY_BYTES] {
    let beyond = (start + KEY_BYTES).saturating_sub(source.len());
    if beyond >= KEY_BYTES {
        return [0; KEY_BYTES];
    }
    if let Some(last) = source.last_chunk() {
        return (u128::from_le_bytes(*last) >> (8 * beyond)).to_le_bytes();
    }
    let mut padded = [0; KEY_BYTES];
    for (to, from) in padded.iter_mut().zip(source.get(start..).unwrap_or_default()) {
        *to = *from;
    }
    padded
}

/// Where the bytes from `start` on that are all `wanted` end. Sixteen bytes are looked at at once, so `wanted` should
/// be made of comparisons.
#[inline]
pub(super) fn end_of(source: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let mut at = start;
    loop {
        let marks = chunk(source, at).map(|byte| if wanted(byte) { 0 } else { u8::MAX });
        let others = u128::from_le_bytes(marks);
        if others != 0 {
            return (at + (others.trailing_zeros() / 8) as usize).min(source.len());
        }
        at += KEY_BYTES;
        if at >= source.len() {
            return source.len();
        }
    }
}

/// The first `len` bytes of a chunk in lower case, zeros after them.
#[inline]
pub(super) fn lower_key(chunk: [u8; KEY_BYTES], len: usize) -> u128 {
    let bits = u128::from_le_bytes(chunk);
    let kept = if len < KEY_BYTES {
        bits & ((1_u128 << (8 * len)) - 1)
    } else {
        bits
    };
    lower(kept)
}

/// The key of the `len` bytes from `start` on, of which only the first sixteen count.
pub(super) fn key_of(source: &[u8], start: usize, len: usize) -> u128 {
    lower_key(chunk(source, start), len)
}

/// Sets bit 5 of every byte from `A` to `Z`: in each byte the top bit of `from` says `>= A`, that of `past` says `> Z`.
#[inline]
fn lower(bits: u128) -> u128 {
    const ONES: u128 = u128::from_ne_bytes([1; KEY_BYTES]);
    const TOPS: u128 = ONES << 7;
    let low = bits & !TOPS;
    let past = low + ONES * (0x7f - b'Z') as u128;
    let from = low + ONES * (0x80 - b'A') as u128;
    let capitals = !bits & TOPS & (from ^ past);
    bits | (capitals >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_become_small_and_nothing_else_changes() {
        for byte in 0..=u8::MAX {
            let key = key_of(&[byte, b'Q', byte], 0, 3).to_le_bytes();
            let small = byte.to_ascii_lowercase();
            assert_eq!(key[..4], [small, b'q', small, 0]);
        }
        assert_eq!(key_of(b"ABC", 1, 1), u128::from(b'b'));
        assert_eq!(key_of(b"ABC", 9, 0), 0);
    }

    #[test]
    fn chunks_at_the_end_are_filled_with_zeros() {
        let text: Vec<u8> = (1..=40).collect();
        for len in 0..=text.len() {
            for start in 0..=len {
                let found = chunk(&text[..len], start);
                let kept = (len - start).min(KEY_BYTES);
                assert_eq!(found[..kept], text[start..start + kept]);
                assert!(found[kept..].iter().all(|b| *b == 0));
                assert_eq!(end_of(&text[..len], start, |b| b < 20), len.min(start.max(19)), "{start} {len}");
                assert_eq!(end_of(&text[..len], start, |_| true), len);
            }
        }
    }
}
