//! Private keys as PEM (RFC 7468) and OpenPGP blocks (RFC 9580).

use super::super::Class;
use super::super::pass::Pass;

/// At two minus signs: the block that begins here. One without an end goes as far as its letters do, so that
/// a key that was cut off is found too.
pub(in super::super) fn pem(pass: &mut Pass<'_, '_>, at: usize) -> usize {
    let text = pass.text;
    // A rule of minus signs is gone over at once.
    let signs = text.run(at, text.len(), |b| b == b'-');
    if text.range(signs, signs + 6) != b"BEGIN " || signs - at < 5 {
        return signs;
    }
    let label_end = text.run(signs + 6, 48, |b| {
        b.is_ascii_uppercase() || matches!(b, b' ' | b'0'..=b'9')
    });
    let label = text.range(signs + 6, label_end);
    let is_key = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if !is_key || !pass.wants(Class::PrivateKey) || text.range(label_end, label_end + 5) != b"-----" {
        return label_end;
    }
    let mut end = label_end + 5;
    loop {
        end = text.run(end, text.len(), is_body);
        if text.at(end) != b'-' {
            break;
        }
        if text.range(end, end + 5) == b"-----" {
            let last = text.run(end + 5, 48, |b| b.is_ascii_uppercase() || b == b' ');
            end = text.run(last, 5, |b| b == b'-');
            break;
        }
        end += 1;
    }
    pass.keep(Class::PrivateKey, signs - 5, end)
}

/// Part of the letters of a key, of its headers, or of its line ends as strings write them.
fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte.is_ascii_whitespace()
        || matches!(
            byte,
            b'+' | b'/' | b'=' | b':' | b',' | b'.' | b'\\' | b'(' | b')'
        )
}
