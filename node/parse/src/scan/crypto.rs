//! Addresses of Bitcoin: both of their encodings carry check sums.

use sha2::{Digest as _, Sha256};

use super::Class;
use super::bytes::is_word;
use super::pass::Pass;

static BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// A word that may be an address of either encoding.
pub(super) fn address(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let text = pass.text;
    let word = text.range(start, end);
    let is_one = match word {
        [b'1' | b'3', ..] => matches!(word.len(), 25..=35) && is_base58(word),
        [b'b', b'c', b'1', ..] | [b'B', b'C', b'1', ..] => matches!(word.len(), 14..=90) && is_bech32(word),
        _ => return None,
    };
    (is_one && pass.wants(Class::Crypto) && !is_word(text.at(end)))
        .then(|| pass.keep(Class::Crypto, start, end))
}

/// A version, twenty bytes, and the first four bytes of their double hash.
fn is_base58(word: &[u8]) -> bool {
    let mut bytes = [0_u8; 25];
    for letter in word {
        let Some(digit) = BASE58.iter().position(|b| b == letter) else {
            return false;
        };
        let mut carry = digit;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return false;
        }
    }
    let (value, check) = bytes.split_at(21);
    matches!(value.first(), Some(0 | 5)) && Sha256::digest(Sha256::digest(value)).starts_with(check)
}

/// BIP 173 and BIP 350: the check sum over the human-readable part `bc` and all digits.
fn is_bech32(word: &[u8]) -> bool {
    let is_upper = word.first() == Some(&b'B');
    let mut sum = [3, 3, 0, 2, 3].into_iter().fold(1, polymod);
    for letter in word.iter().skip(3) {
        let is_mixed = if is_upper {
            letter.is_ascii_lowercase()
        } else {
            letter.is_ascii_uppercase()
        };
        let digit = BECH32.iter().position(|b| *b == letter.to_ascii_lowercase());
        let (false, Some(digit)) = (is_mixed, digit) else {
            return false;
        };
        sum = polymod(sum, digit as u32);
    }
    matches!(sum, 1 | 0x2bc8_30a3)
}

fn polymod(sum: u32, digit: u32) -> u32 {
    static GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = sum >> 25;
    let next = ((sum & 0x01ff_ffff) << 5) ^ digit;
    GENERATOR
        .iter()
        .enumerate()
        .filter(|(bit, _)| (top >> bit) & 1 == 1)
        .fold(next, |next, (_, part)| next ^ part)
}
