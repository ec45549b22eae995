//! Words with letters in them.

use super::Class;
use super::Classes;
use super::bytes::is_hex;
use super::pass::Pass;
use super::{address, crypto, iban, papers, phone, secret};

/// What words can begin.
const SECRETS: Classes = Classes::NONE
    .with(Class::ApiKey)
    .with(Class::Jwt)
    .with(Class::PasswordAssignment);

/// What words can name.
const NAMED: Classes = Classes::NONE
    .with(Class::ApiKey)
    .with(Class::PasswordAssignment)
    .with(Class::UsDriverLicense)
    .with(Class::DateOfBirth);

/// A word without digits: where to go on.
#[inline]
pub(super) fn letters(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> usize {
    let text = pass.text;
    let next = text.at(end);
    let found = match next {
        b' ' if end - start == 2 && text.is_digit(end + 1) => papers::insured(pass, start),
        b'-' | b'.' => joined(pass, start, end),
        _ => None,
    };
    if let Some(end) = found {
        return end;
    }
    let pair = ends_with_pair(text.second_before(end), text.before(end));
    if !pair || end - start < 2 || !pass.classes.has_any(NAMED) {
        return end;
    }
    secret::keyword(pass, start, end)
        .or_else(|| papers::named(pass, start, end))
        .unwrap_or(end)
}

/// The last two letters of the names that are looked at: pass-word, pass-wd, passphra-se, passwo-rt, pa-ss,
/// ke-y, tok-en, secr-et, bear-er, creden-tial(s), au-th, b-y, licen-ce, bi-rth, bo-rn, d-ob, birthd-ay,
/// birthda-te.
static PAIRS: [u32; 32] = pairs(&[
    b"rd", b"wd", b"se", b"rt", b"ss", b"ey", b"en", b"et", b"er", b"al", b"ls", b"th", b"by", b"ce", b"rn",
    b"ob", b"ay", b"te",
]);

const fn pairs(all: &[&[u8; 2]]) -> [u32; 32] {
    let mut pairs = [0; 32];
    let mut at = 0;
    while at < all.len() {
        let [first, second] = *all[at];
        pairs[(first & 31) as usize] |= 1 << (second & 31);
        at += 1;
    }
    pairs
}

#[inline]
fn ends_with_pair(first: u8, second: u8) -> bool {
    let seconds = PAIRS.get(usize::from(first & 31)).copied().unwrap_or_default();
    seconds & (1 << (second & 31)) != 0
}

/// A word with digits and other characters: where to go on.
pub(super) fn mixed(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> usize {
    let text = pass.text;
    let length = end - start;
    let first = text.at(start);
    let next = text.at(end);
    let mut found = None;
    if matches!(first, b'1' | b'3' | b'b' | b'B') && length >= 14 {
        found = crypto::address(pass, start, end);
    }
    if found.is_none() && first.is_ascii_alphabetic() && length >= 4 {
        found = iban::iban(pass, start).or_else(|| papers::papers(pass, start, end));
        if found.is_none() && next == b' ' && length == 8 {
            found = papers::insured(pass, start);
        }
    }
    if found.is_none() && (length >= 16 || matches!(next, b'-' | b'.')) {
        found = joined(pass, start, end);
    }
    if found.is_none() && next == b'-' && text.is_digit(end + 1) {
        found = phone::behind_letters(pass, start, end);
    }
    found.unwrap_or_else(|| {
        let is_name =
            ends_with_pair(text.second_before(end), text.before(end)) && pass.classes.has_any(NAMED);
        if is_name {
            secret::keyword(pass, start, end).unwrap_or(end)
        } else {
            end
        }
    })
}

/// What begins with a word and goes on behind a sign, or is one long word.
fn joined(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let text = pass.text;
    if end - start == 4
        && text.at(end) == b'.'
        && is_hex(text.at(start))
        && let Some(end) = address::dotted(pass, start)
    {
        return Some(end);
    }
    if end - start == 2 && text.at(end) == b'-' && is_hex(text.at(start)) {
        return None;
    }
    if !pass.classes.has_any(SECRETS) {
        return None;
    }
    match text.at(start) {
        b'e' => secret::jwt(pass, start),
        _ => secret::known(pass, start, end),
    }
}
