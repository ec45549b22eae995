//! JSON web tokens (RFC 7519).

use serde_json::Value;

use super::super::Class;
use super::super::bytes::{Bytes, is_word};
use super::super::pass::Pass;

/// The longest header that is decoded, in letters of base64.
const HEADER: usize = 2048;

/// Header, payload and signature with points between; the header is JSON that names an algorithm.
pub(in super::super) fn jwt(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    let text = pass.text;
    let is_begin = text.range(start, start + 3) == b"eyJ" && !matches!(text.before(start), b'-' | b'.');
    if !pass.wants(Class::Jwt) || !is_begin {
        return None;
    }
    let header_end = text.run(start, HEADER, is_base64);
    if text.at(header_end) != b'.' || !has_algorithm(text.range(start, header_end)) {
        return None;
    }
    let payload_end = part(text, header_end)?;
    let mut end = part(text, payload_end)?;
    // An encrypted one has five parts.
    for _ in 0..2 {
        end = if text.at(end) == b'.' {
            part(text, end).unwrap_or(end)
        } else {
            end
        };
    }
    Some(pass.keep(Class::Jwt, start, end))
}

fn is_base64(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// The end of the part behind a point.
fn part(text: Bytes<'_>, point: usize) -> Option<usize> {
    (text.at(point) == b'.').then(|| text.run(point + 1, text.len(), is_base64))
}

fn has_algorithm(header: &[u8]) -> bool {
    let decoded = decode(header);
    let value = serde_json::from_slice::<Value>(&decoded);
    value.is_ok_and(|value| value.get("alg").is_some_and(Value::is_string))
}

/// Base64 for URLs without padding (RFC 4648, section 5).
fn decode(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            _ => 63,
        };
        held = ((held << 6) | u32::from(six)) & 0x000f_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_decoded() {
        assert_eq!(decode(b"eyJhbGciOiJIUzI1NiJ9"), br#"{"alg":"HS256"}"#);
        assert!(has_algorithm(b"eyJhbGciOiJIUzI1NiJ9") && !has_algorithm(b"eyJhIjoxfQ"));
    }
}
