//! Where words end.

use super::class::is_word;

/// How many bytes are looked at together: as many as a number has bits.
const BLOCK: usize = 64;

/// Which bytes of a block of the text go on with no word. Blocks are looked at as a whole, with wide
/// instructions, and one ahead: all that follows waits for the end of a word, and that is a matter of a few
/// cycles then.
pub(super) struct Gaps {
    /// Where the present block begins.
    block: usize,
    bits: u64,
    /// Those of the block behind it.
    ahead: u64,
}

impl Gaps {
    pub(super) fn new(text: &[u8]) -> Self {
        Self {
            block: 0,
            bits: look(text, 0),
            ahead: look(text, BLOCK),
        }
    }

    /// The first byte from `at` on that goes on with no word, or the end of the text. Quick if the places
    /// are asked for in their order.
    #[inline(always)]
    pub(super) fn next(&mut self, text: &[u8], at: usize) -> usize {
        let mut at = at;
        loop {
            let block = at - at % BLOCK;
            if block != self.block {
                self.go(text, block);
            }
            let rest = self.bits >> (at % BLOCK);
            if rest != 0 {
                return (at + rest.trailing_zeros() as usize).min(text.len());
            }
            at = block + BLOCK;
        }
    }

    fn go(&mut self, text: &[u8], block: usize) {
        self.bits = if block == self.block + BLOCK {
            self.ahead
        } else {
            look(text, block)
        };
        self.block = block;
        self.ahead = look(text, block + BLOCK);
    }
}

/// The bits of a block. Behind the text there are only gaps.
fn look(text: &[u8], block: usize) -> u64 {
    if let Some(bytes) = text.get(block..).and_then(<[u8]>::first_chunk) {
        return gaps(bytes);
    }
    let rest = text.get(block..).unwrap_or_default();
    if rest.is_empty() {
        return u64::MAX;
    }
    let mut bytes = [0; BLOCK];
    for (to, from) in bytes.iter_mut().zip(rest) {
        *to = *from;
    }
    gaps(&bytes)
}

/// A bit for each byte.
fn gaps(bytes: &[u8; BLOCK]) -> u64 {
    // Multiplied with this, the lowest bits of eight bytes come together in the highest byte, in their order.
    const TOGETHER: u64 = 0x0102_0408_1020_4080;
    let mut marks = [0; BLOCK];
    for (mark, byte) in marks.iter_mut().zip(bytes) {
        *mark = u8::from(!is_word(*byte));
    }
    let (eights, _) = marks.as_chunks::<8>();
    let bits = eights
        .iter()
        .map(|eight| u64::from_le_bytes(*eight).wrapping_mul(TOGETHER) >> 56);
    bits.rev().fold(0, |all, byte| (all << 8) | byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_they_end_byte_by_byte() {
        let text: Vec<u8> = (0..300_u32)
            .map(|at| {
                if at * at % 17 < 3 {
                    b' '
                } else {
                    b'a' + (at % 26) as u8
                }
            })
            .collect();
        for len in [0, 1, 63, 64, 65, 128, 200, 300] {
            let text = &text[..len];
            let mut gaps = Gaps::new(text);
            for at in (0..=len).chain((0..=len).rev()) {
                let expected = text[at..]
                    .iter()
                    .position(|b| !is_word(*b))
                    .map_or(len, |run| at + run);
                assert_eq!(gaps.next(text, at), expected, "{at} of {len}");
            }
        }
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"_$".contains(&byte) || !byte.is_ascii();
            assert_eq!(
                gaps(&[byte; BLOCK]),
                if expected { 0 } else { u64::MAX },
                "{byte}"
            );
        }
    }
}
