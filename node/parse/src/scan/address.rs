//! Addresses of machines: internet protocol and hardware.

use std::net::Ipv6Addr;

use super::Class;
use super::bytes::{Bytes, is_hex, is_word};
use super::number::value;
use super::pass::Pass;

/// The longest text of a version 6 address: eight groups, or six and a version 4 address.
const LONGEST: usize = 45;
/// The longest zone behind an address: the name of a network interface.
const ZONE: usize = 16;

/// Four numbers up to 255 with points between them, and the length of a prefix behind them.
pub(super) fn ipv4(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    if !pass.wants(Class::IpAddress) {
        return None;
    }
    let text = pass.text;
    let end = four_octets(text, start)?;
    let goes_on = is_word(text.at(end)) || (text.at(end) == b'.' && is_word(text.at(end + 1)));
    let is_tail = text.before(start) == b'.' && is_word(text.second_before(start));
    if goes_on || is_tail || is_version(text, start, end) {
        return None;
    }
    let end = prefix(text, end, 32);
    Some(pass.keep(Class::IpAddress, start, end))
}

fn four_octets(text: Bytes<'_>, start: usize) -> Option<usize> {
    let mut at = start;
    for octet in 0..4 {
        let end = text.run(at, 4, |b| b.is_ascii_digit());
        let digits = text.range(at, end);
        let is_octet = matches!(digits.len(), 1..=3) && (digits.len() == 1 || digits.first() != Some(&b'0'));
        if !is_octet || value(digits) > 255 {
            return None;
        }
        at = end;
        if octet < 3 {
            if text.at(at) != b'.' {
                return None;
            }
            at += 1;
        }
    }
    Some(at)
}

/// The versions of programs have four numbers too: `version 10.4.32.1`, `Name/118.0.0.0`.
fn is_version(text: Bytes<'_>, start: usize, end: usize) -> bool {
    let word_end = text.run_back(start, 2, |b| matches!(b, b' ' | b'=' | b':' | b'"'));
    let word = text.run_back(word_end, 8, |b| b.is_ascii_alphabetic());
    let word = text.range(word, word_end);
    let is_said = word.eq_ignore_ascii_case(b"version") || word.eq_ignore_ascii_case(b"release");
    let is_product =
        text.before(start) == b'/' && start > 1 && text.second_before(start).is_ascii_alphabetic();
    is_said || (is_product && text.range(start, end).ends_with(b".0.0.0"))
}

/// The end with the length of a prefix, where one is there.
fn prefix(text: Bytes<'_>, end: usize, most: u32) -> usize {
    if text.at(end) != b'/' {
        return end;
    }
    let digits_end = text.run(end + 1, 4, |b| b.is_ascii_digit());
    let digits = text.range(end + 1, digits_end);
    let is_one = matches!(digits.len(), 1..=3) && value(digits) <= most && !is_word(text.at(digits_end));
    if is_one { digits_end } else { end }
}

/// At a colon: a version 6 address or a hardware address.
pub(super) fn colon(pass: &mut Pass<'_, '_>, at: usize) -> usize {
    let text = pass.text;
    let has_right = is_hex(text.at(at + 1)) || text.at(at + 1) == b':';
    if !has_right {
        return at + 1;
    }
    if at < pass.no_address_before || !(pass.wants(Class::IpAddress) || pass.wants(Class::MacAddress)) {
        return at + 1;
    }
    let start = text.run_back(at, 5, is_hex);
    let end = text.run(at, LONGEST + 2, |b| is_hex(b) || b == b':' || b == b'.');
    pass.no_address_before = end;
    let touches = |byte: u8| is_word(byte) || matches!(byte, b':' | b'.');
    if at - start > 4 || touches(text.before(start)) || end - start > LONGEST + 1 {
        return at + 1;
    }
    // Eight groups have fifteen bytes at least: a time of day is neither.
    let has_gap = || text.range(start, end).windows(2).any(|two| two == b"::");
    if end - start < 15 && !has_gap() {
        return at + 1;
    }
    if let Some(end) = mac(pass, start, end) {
        return end;
    }
    ipv6(pass, start, end).unwrap_or(at + 1)
}

/// Six pairs with colons between them.
fn mac(pass: &mut Pass<'_, '_>, start: usize, run_end: usize) -> Option<usize> {
    let text = pass.text;
    let end = start + 17;
    let is_one = pass.wants(Class::MacAddress) && run_end >= end && is_mac(text, start, b':');
    let goes_on = is_word(text.at(end)) || (text.at(end) == b':' && is_hex(text.at(end + 1)));
    (is_one && !goes_on).then(|| pass.keep(Class::MacAddress, start, end))
}

/// Six pairs of hexadecimal digits which are the address of something: neither all zeros nor that of
/// everybody.
fn is_mac(text: Bytes<'_>, start: usize, sign: u8) -> bool {
    let bytes = text.range(start, start + 17);
    let fits = |(place, byte): (usize, &u8)| {
        if place % 3 == 2 {
            *byte == sign
        } else {
            is_hex(*byte)
        }
    };
    let is_all = |all: u8| bytes.iter().all(|b| *b == sign || b.eq_ignore_ascii_case(&all));
    bytes.len() == 17 && bytes.iter().enumerate().all(fits) && !is_all(b'0') && !is_all(b'f')
}

/// At a minus with two hexadecimal digits before it: a hardware address that does not begin with two digits.
pub(super) fn dash(pass: &mut Pass<'_, '_>, at: usize) -> usize {
    let is_pair = at >= 2 && is_hex(pass.text.before(at)) && is_hex(pass.text.second_before(at));
    if !is_pair || pass.text.at(at + 3) != b'-' {
        return at + 1;
    }
    dashed(pass, at - 2).unwrap_or(at + 1)
}

/// Six pairs with minus signs between them.
pub(super) fn dashed(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    let text = pass.text;
    if !pass.wants(Class::MacAddress) || !is_mac(text, start, b'-') {
        return None;
    }
    let end = start + 17;
    let goes_on = text.at(end) == b'-' && is_hex(text.at(end + 1));
    let is_tail = text.before(start) == b'-';
    (text.stands_alone(start, end) && !goes_on && !is_tail).then(|| pass.keep(Class::MacAddress, start, end))
}

/// Three groups of four with points between them.
pub(super) fn dotted(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    let text = pass.text;
    let end = start + 14;
    let bytes = text.range(start, end);
    let fits = |(place, byte): (usize, &u8)| {
        if place % 5 == 4 {
            *byte == b'.'
        } else {
            is_hex(*byte)
        }
    };
    let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
    let is_one = pass.wants(Class::MacAddress)
        && bytes.len() == 14
        && bytes.iter().enumerate().all(fits)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && text.stands_alone(start, end)
        && !matches!(text.before(start), b'.' | b'*' | b'[')
        && !(text.at(end) == b'.' && is_word(text.at(end + 1)));
    is_one.then(|| pass.keep(Class::MacAddress, start, end))
}

/// A version 6 address (RFC 4291, RFC 5952), with the zone or the length of a prefix behind it.
fn ipv6(pass: &mut Pass<'_, '_>, start: usize, run_end: usize) -> Option<usize> {
    let text = pass.text;
    if !pass.wants(Class::IpAddress) {
        return None;
    }
    // A stop at the end of a sentence, or a colon behind the address, is not part of it.
    let mut end = run_end;
    while matches!(text.before(end), b'.') || (text.before(end) == b':' && text.second_before(end) != b':') {
        end -= 1;
    }
    let address = std::str::from_utf8(text.range(start, end)).ok()?;
    address.parse::<Ipv6Addr>().ok()?;
    if is_word(text.at(run_end)) || !is_plausible(text, address, end) {
        return None;
    }
    if text.at(end) == b'%' {
        let zone = text.run(end + 1, ZONE, |b| is_word(b) || matches!(b, b'.' | b'-'));
        end = if zone > end + 1 { zone } else { end };
    }
    let end = prefix(text, end, 128);
    Some(pass.keep(Class::IpAddress, start, end))
}

/// Two colons are the cast of SQL and the path of other languages as well: behind them stands a name then, and no name
/// begins with a digit.
fn is_plausible(text: Bytes<'_>, address: &str, end: usize) -> bool {
    let Some((left, right)) = address.split_once("::") else {
        return true;
    };
    let next = text.at(text.run(end, 4, |b| b == b' '));
    let is_end = matches!(next, 0 | b'/' | b',' | b';' | b')' | b']' | b'%' | b'\n' | b'\r');
    if address == "::" {
        let from = end - 2;
        let is_quoted = matches!(text.at(end), b'"' | b'\'') && text.before(from) == text.at(end);
        let blank = text.run_back(from, 1, |b| b == b' ');
        let before = text.before(blank);
        let is_free = matches!(before, 0 | b'\n' | b'[' | b'(' | b'=' | b':' | b',')
            || (blank < from && is_word(before));
        return is_quoted || (is_free && is_end);
    }
    let has_digit = |part: &str| part.bytes().any(|b| b.is_ascii_digit());
    if left.contains(':') || right.contains(':') {
        return true;
    }
    match (left.len(), right.bytes().next()) {
        (0, _) => has_digit(right),
        (_, None) => left.len() == 4 || (is_end && has_digit(left)),
        (_, Some(b'0'..=b'9')) => true,
        // `2024::dec`: DEC is a type.
        (length, _) => length == 4 && has_digit(left) && !right.eq_ignore_ascii_case("dec"),
    }
}
