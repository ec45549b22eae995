//! User and password in a URL (RFC 3986, section 3.2.1).

use super::super::Class;
use super::super::bytes::is_word;
use super::super::pass::Pass;
use super::value::is_placeholder;

/// The longest user and password together.
const LONGEST: usize = 512;

/// At the colon of `://`: what stands before the `@`, if it is two parts.
pub(in super::super) fn url(pass: &mut Pass<'_, '_>, at: usize) -> usize {
    let text = pass.text;
    let is_scheme = is_word(text.before(at)) && text.at(at + 2) == b'/';
    if !is_scheme || !pass.wants(Class::UrlWithCredentials) {
        return at + 1;
    }
    let start = at + 3;
    let ends = |b: u8| {
        b.is_ascii_whitespace()
            || matches!(
                b,
                b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | 0
            )
    };
    let authority_end = text.run(start, LONGEST, |b| !ends(b));
    let authority = text.range(start, authority_end);
    let Some(length) = authority.iter().rposition(|b| *b == b'@') else {
        return at + 1;
    };
    let user_info = authority.get(..length).unwrap_or_default();
    let password = user_info
        .iter()
        .position(|b| *b == b':')
        .and_then(|colon| user_info.get(colon + 1..));
    match password {
        Some(password) if !password.is_empty() && !is_placeholder(password) => {
            // What stands before the `@` is no part of an e-mail address.
            pass.keep(Class::UrlWithCredentials, start, start + length) + 1
        }
        _ => at + 1,
    }
}
