//! Words as numbers: sixteen bytes at once, in lower case.

/// As many bytes as one key holds.
pub(super) const KEY_BYTES: usize = 16;

/// Sixteen bytes.
pub(super) type Chunk = [u8; KEY_BYTES];

/// Sixteen bytes of `source` from `start` on; past its end there are zeros, for which `room` is used. By
/// reference, so that the processor loads all of them at once from where they are: what was stored by halves
/// is slow to load whole.
#[inline(always)]
pub(super) fn chunk<'a>(source: &'a [u8], start: usize, room: &'a mut Chunk) -> &'a Chunk {
    match source.get(start..).and_then(<[u8]>::first_chunk) {
        Some(found) => found,
        None => {
            fill(source.get(start..).unwrap_or_default(), room);
            room
        }
    }
}

#[cold]
fn fill(rest: &[u8], room: &mut Chunk) {
    *room = [0; KEY_BYTES];
    for (to, from) in room.iter_mut().zip(rest) {
        *to = *from;
    }
}

/// How many bytes at the beginning of a chunk are `wanted`. All sixteen are looked at at once, so `wanted`
/// should be made of comparisons and `|`, without a jump.
#[inline(always)]
pub(super) fn run_of(chunk: &Chunk, wanted: impl Fn(u8) -> bool) -> usize {
    let mut marks = *chunk;
    for byte in &mut marks {
        *byte = if wanted(*byte) { 0 } else { u8::MAX };
    }
    (u128::from_le_bytes(marks).trailing_zeros() / 8) as usize
}

/// Where the bytes from `start` on that are all `wanted` end, see [`run_of`].
#[inline]
pub(super) fn end_of(source: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let mut at = start;
    loop {
        let run = run_of(chunk(source, at, &mut [0; KEY_BYTES]), &wanted);
        at += run;
        if run < KEY_BYTES || at >= source.len() {
            return at.min(source.len());
        }
    }
}

/// The first `len` bytes of a chunk in lower case, zeros after them.
#[inline(always)]
pub(super) fn lower_key(chunk: &Chunk, len: usize) -> u128 {
    let bits = u128::from_le_bytes(*chunk) & KEPT[len.min(KEY_BYTES)];
    u128::from(lower(bits as u64)) | (u128::from(lower((bits >> 64) as u64)) << 64)
}

/// Sets bit 5 of every byte from `A` to `Z`: in each byte the top bit of `from` says `>= A`, that of `past`
/// says `> Z`.
#[inline(always)]
fn lower(bytes: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let low = bytes & !TOPS;
    let past = low + ONES * (0x7f - b'Z') as u64;
    let from = low + ONES * (0x80 - b'A') as u64;
    bytes | ((!bytes & TOPS & (from ^ past)) >> 2)
}

/// For each length the bits of as many bytes.
static KEPT: [u128; KEY_BYTES + 1] = {
    let mut kept = [u128::MAX; KEY_BYTES + 1];
    let mut len = 0;
    while len < KEY_BYTES {
        kept[len] = (1 << (8 * len)) - 1;
        len += 1;
    }
    kept
};

/// The key of the `len` bytes from `start` on, of which only the first sixteen count.
pub(super) fn key_of(source: &[u8], start: usize, len: usize) -> u128 {
    lower_key(chunk(source, start, &mut [0; KEY_BYTES]), len)
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
                let mut room = [9; KEY_BYTES];
                let found = chunk(&text[..len], start, &mut room);
                let kept = (len - start).min(KEY_BYTES);
                assert_eq!(found[..kept], text[start..start + kept]);
                assert!(found[kept..].iter().all(|b| *b == 0));
                assert_eq!(
                    end_of(&text[..len], start, |b| b < 20),
                    len.min(start.max(19)),
                    "{start} {len}"
                );
                assert_eq!(end_of(&text[..len], start, |_| true), len);
            }
        }
    }
}
