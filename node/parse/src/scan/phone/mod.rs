//! Telephone numbers: international ones by the lengths that each country has, national ones by the plans
//! that can be told from other numbers by their form. What is neither needs a word that says what it is.

mod countries;
mod plans;

use super::Class;
use super::bytes::{Bytes, is_word};
use super::context::Words;
use super::number::{Digits, Groups};
use super::pass::Pass;

/// Words before a number of somebody to be called.
static WORDS: Words = Words::new(&[
    "phone", "tel", "telefon", "telefono", "telepono", "mobile", "mobil", "celular", "cell", "gsm", "fax",
    "sms", "whatsapp", "msisdn", "handy", "call",
]);

/// At a plus sign: country code and number, with signs and brackets among them.
pub(super) fn international(pass: &mut Pass<'_, '_>, at: usize) -> usize {
    let text = pass.text;
    let is_begin =
        matches!(text.at(at + 1), b'1'..=b'9') && !is_word(text.before(at)) && text.before(at) != b'+';
    if !is_begin || !pass.wants(Class::Phone) {
        return at + 1;
    }
    match dialled(text, at + 1) {
        Some(end) => pass.keep(Class::Phone, at, end),
        None => at + 1,
    }
}

/// Where an international number ends of which the country code begins here.
fn dialled(text: Bytes<'_>, start: usize) -> Option<usize> {
    let mut digits = Digits::default();
    let mut count = 0;
    let mut best = None;
    let mut at = start;
    for _ in 0..8 {
        let end = text.run(at, 16, |b| b.is_ascii_digit());
        count += end - at;
        if end == at || count > 15 {
            break;
        }
        digits.push(text.range(at, end));
        let is_end =
            !(is_word(text.at(end)) || matches!(text.at(end), b'-' | b'.') && text.is_digit(end + 1));
        let extension = matches!(text.at(end), b'x' | b'X') && text.is_digit(end + 1);
        if (is_end || extension) && countries::is_number(digits.as_slice()) {
            best = Some(end);
        }
        match next_group(text, end) {
            Some(next) => at = next,
            None => break,
        }
    }
    best
}

/// Where the next digits begin: behind one sign, brackets, or a zero in brackets, which is not dialled from
/// abroad.
fn next_group(text: Bytes<'_>, end: usize) -> Option<usize> {
    let mut at = text.run(end, 1, |b| b == b')');
    at = text.run(at, 1, |b| matches!(b, b' ' | b'-' | b'.' | b'/'));
    if text.range(at, at + 3) == b"(0)" {
        at = text.run(at + 3, 1, |b| b == b' ');
    }
    at = text.run(at, 1, |b| b == b'(');
    (at > end && text.is_digit(at)).then_some(at)
}

/// At a bracket: an area code in it, the rest behind it, and a one or a zero before it.
pub(super) fn bracket(pass: &mut Pass<'_, '_>, at: usize) -> usize {
    let text = pass.text;
    let area_end = text.run(at + 1, 6, |b| b.is_ascii_digit());
    if text.at(area_end) != b')' || area_end - at < 3 || !pass.wants(Class::Phone) {
        return at + 1;
    }
    let rest = text.run(area_end + 1, 1, |b| matches!(b, b' ' | b'-'));
    if !text.is_digit(rest) {
        return at + 1;
    }
    let before = text.run_back(at, 1, |b| b == b' ');
    let trunk = before.saturating_sub(1);
    let has_trunk = matches!(text.at(trunk), b'0' | b'1') && before > 0 && !is_word(text.before(trunk));
    let mut groups = Groups::read(text, at + 1);
    if groups.count() != 1 {
        return at + 1;
    }
    if has_trunk {
        groups = Groups::read(text, trunk);
        if groups.count() != 1 {
            return at + 1;
        }
        groups.sign(b' ');
        groups.push(at + 1, area_end);
    }
    groups.sign(b'(');
    groups.extend(rest);
    let start = if has_trunk { trunk } else { at };
    if is_word(text.before(start)) || text.before(start) == b'+' {
        return at + 1;
    }
    let count = plans::in_brackets(&groups).or_else(|| {
        let is_said = pass.is_said(Class::Phone, start, &WORDS);
        is_said.then(|| plans::said(&groups)).flatten()
    });
    match count {
        Some(count) => pass.keep(Class::Phone, start, groups.end(count)),
        None => at + 1,
    }
}

/// Groups of digits with one sign between them.
pub(super) fn grouped(pass: &mut Pass<'_, '_>, groups: &Groups<'_>) -> Option<usize> {
    if !pass.wants(Class::Phone) {
        return None;
    }
    let start = groups.start();
    if groups.digits(0).starts_with(b"00") {
        // The country code is the rest of the first group, and no zero is dialled behind it.
        let is_zero = groups.digits(1).first() == Some(&b'0') || groups.digits(0).get(2) == Some(&b'0');
        let end = if is_zero {
            None
        } else {
            dialled(pass.text, start + 2)
        }?;
        return Some(pass.keep(Class::Phone, start, end));
    }
    let count = plans::grouped(groups)
        .filter(|count| groups.stand_alone(*count))
        .or_else(|| {
            let count = plans::said(groups)?;
            pass.is_said(Class::Phone, start, &WORDS).then_some(count)
        })?;
    Some(pass.keep(Class::Phone, start, groups.end(count)))
}

/// A number right behind letters, as where a blank was forgotten: only the form that is plainest.
pub(super) fn behind_letters(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let text = pass.text;
    let digits = text.run_back(end, 4, |b| b.is_ascii_digit());
    let is_behind = pass.wants(Class::Phone)
        && end - digits == 3
        && text.range(start, digits).iter().all(u8::is_ascii_lowercase);
    if !is_behind {
        return None;
    }
    let groups = Groups::read(text, digits);
    let is_one = groups.one_sign(3) == Some(b'-') && plans::is_north_american(&groups, 0);
    (is_one && groups.sign_after(2) != b'-').then(|| pass.keep(Class::Phone, digits, groups.end(3)))
}

/// Digits without signs.
pub(super) fn bare(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    if !pass.wants(Class::Phone) {
        return None;
    }
    let text = pass.text;
    let is_joint = |byte: u8| matches!(byte, b'-' | b'/');
    let is_part = (is_joint(text.before(start)) && start > 1 && is_word(text.second_before(start)))
        || (is_joint(text.at(end)) && is_word(text.at(end + 1)));
    let digits = text.range(start, end);
    if is_part {
        return None;
    }
    let is_one = match digits {
        // With the zero that is dialled before an area code. Identifiers of that length do not begin with one
        // zero.
        _ if plans::is_trunk(digits) => true,
        [b'0', b'0', rest @ ..] => {
            countries::is_number(rest) && pass.is_evident(Class::Phone, start, end, &WORDS)
        }
        [b'2'..=b'5', ..] if plans::is_turkish(digits) => pass.is_evident(Class::Phone, start, end, &WORDS),
        _ if plans::has_country(digits) => pass.is_evident(Class::Phone, start, end, &WORDS),
        _ => (9..=13).contains(&digits.len()) && pass.is_said(Class::Phone, start, &WORDS),
    };
    is_one.then(|| pass.keep(Class::Phone, start, end))
}
