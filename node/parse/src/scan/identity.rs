//! Numbers that an authority gives to a person, an account or a bank, made of digits.

use super::Class;
use super::bytes::Bytes;
use super::context::Words;
use super::number::{Groups, value};
use super::pass::Pass;

static SSN: Words = Words::new(&["ssn", "social", "security", "sin"]);
static ITIN: Words = Words::new(&["itin", "taxpayer", "individual", "tax"]);
static NHS: Words = Words::new(&["nhs", "national health", "patient"]);
static ROUTING: Words = Words::new(&["routing", "aba", "rtn", "bank"]);
static PASSPORT: Words = Words::new(&["passport", "travel document"]);
static BANK: Words = Words::new(&["bank", "account", "acct", "checking", "savings", "debit"]);

/// Digits in groups with one sign between them.
pub(super) fn grouped(pass: &mut Pass<'_, '_>, groups: &Groups<'_>) -> Option<usize> {
    american(pass, groups)
        .or_else(|| health_service(pass, groups))
        .or_else(|| routing(pass, groups))
}

/// Social security and taxpayer numbers: 3-2-4 digits, or with one of the signs left out.
fn american(pass: &mut Pass<'_, '_>, groups: &Groups<'_>) -> Option<usize> {
    let forms: [&[usize]; 3] = [&[3, 2, 4], &[3, 6], &[5, 4]];
    let form = forms.into_iter().find(|form| groups.are(form))?;
    let sign = groups.one_sign(form.len())?;
    if sign == b'/' || !groups.stand_alone(form.len()) {
        return None;
    }
    let digits = groups.joined(form.len());
    let (start, end) = (groups.start(), groups.end(form.len()));
    let (class, words) = if is_itin(digits.as_slice()) {
        (Class::UsItin, &ITIN)
    } else if is_ssn(digits.as_slice()) {
        (Class::UsSsn, &SSN)
    } else {
        return None;
    };
    // 5-4 is how postal codes are written; a blank or a point within stands between any two numbers.
    let is_plain = match form.len() {
        3 => true,
        _ => sign == b'-' && groups.digits(0).len() == 3,
    };
    if !pass.wants(class) || !(is_plain || pass.is_said(class, start, words)) {
        return None;
    }
    Some(pass.keep(class, start, end))
}

/// Area, group and serial number as they are given out (Social Security Administration), without those that
/// are known from advertisements.
fn is_ssn(digits: &[u8]) -> bool {
    let (Some(area), Some(group), Some(serial)) = (digits.get(..3), digits.get(3..5), digits.get(5..9))
    else {
        return false;
    };
    let is_area = !matches!(value(area), 0 | 666 | 900..);
    let is_shown = matches!(digits, b"078051120" | b"219099999" | b"123456789");
    is_area && value(group) != 0 && value(serial) != 0 && !is_shown && !is_one_digit(digits)
}

fn is_one_digit(digits: &[u8]) -> bool {
    digits.windows(2).all(|two| matches!(two, [a, b] if a == b))
}

/// 9, and a group that is given out to those without a social security number (Internal Revenue Service).
fn is_itin(digits: &[u8]) -> bool {
    let group = digits.get(3..5).map_or(0, value);
    digits.len() == 9
        && digits.first() == Some(&b'9')
        && digits != b"987654321"
        && !is_one_digit(digits)
        && matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

fn health_service(pass: &mut Pass<'_, '_>, groups: &Groups<'_>) -> Option<usize> {
    if !pass.wants(Class::UkNhs) || !groups.are(&[3, 3, 4]) {
        return None;
    }
    let sign = groups.one_sign(3)?;
    let is_one = matches!(sign, b' ' | b'-') && groups.stand_alone(3) && is_nhs(groups.joined(3).as_slice());
    is_one.then(|| pass.keep(Class::UkNhs, groups.start(), groups.end(3)))
}

/// Ten digits, the last one a check digit modulo 11 (NHS data dictionary).
fn is_nhs(digits: &[u8]) -> bool {
    let [first @ .., last] = digits else { return false };
    if first.len() != 9 || first.iter().all(|digit| digit == last) {
        return false;
    }
    let weighted = first
        .iter()
        .zip((2..=10).rev())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight);
    let check = (11 - weighted.sum::<u32>() % 11) % 11;
    check == u32::from(last - b'0')
}

fn routing(pass: &mut Pass<'_, '_>, groups: &Groups<'_>) -> Option<usize> {
    if !pass.wants(Class::AbaRouting) || !groups.are(&[4, 4, 1]) {
        return None;
    }
    let is_one =
        groups.one_sign(3) == Some(b'-') && groups.stand_alone(3) && is_routing(groups.joined(3).as_slice());
    is_one.then(|| pass.keep(Class::AbaRouting, groups.start(), groups.end(3)))
}

/// A district of the Federal Reserve and the check digit with the weights 3, 7, 1 (American Bankers
/// Association).
fn is_routing(digits: &[u8]) -> bool {
    let district = digits.get(..2).map_or(99, value);
    let weighted = digits.iter().zip([3, 7, 1].into_iter().cycle());
    let sum: u32 = weighted
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    digits.len() == 9 && matches!(district, 1..=12 | 21..=32 | 61..=72 | 80) && sum.is_multiple_of(10)
}

/// Digits without signs.
pub(super) fn bare(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let class = bare_class(pass, start, end)?;
    Some(pass.keep(class, start, end))
}

fn bare_class(pass: &Pass<'_, '_>, start: usize, end: usize) -> Option<Class> {
    let text = pass.text;
    let digits = text.range(start, end);
    let is_part = |text: Bytes<'_>| {
        let is_joint = |byte: u8| matches!(byte, b'-' | b'/');
        (is_joint(text.before(start)) && start > 1 && text.second_before(start).is_ascii_alphanumeric())
            || (is_joint(text.at(end)) && text.at(end + 1).is_ascii_alphanumeric())
    };
    if is_part(text) {
        return None;
    }
    let is = |class: Class, words: &Words| pass.wants(class) && pass.is_evident(class, start, end, words);
    let is_said = |class: Class, words: &Words| pass.wants(class) && pass.is_said(class, start, words);
    match digits.len() {
        9 if is_said(Class::UsPassport, &PASSPORT) => Some(Class::UsPassport),
        9 if is_said(Class::UsBankNumber, &BANK) => Some(Class::UsBankNumber),
        9 if is_routing(digits) && is(Class::AbaRouting, &ROUTING) => Some(Class::AbaRouting),
        9 if is_itin(digits) && is(Class::UsItin, &ITIN) => Some(Class::UsItin),
        9 if is_ssn(digits) && is(Class::UsSsn, &SSN) => Some(Class::UsSsn),
        9 if is(Class::UsPassport, &PASSPORT) => Some(Class::UsPassport),
        10 if is_nhs(digits) && is(Class::UkNhs, &NHS) => Some(Class::UkNhs),
        8..=17 if is_said(Class::UsBankNumber, &BANK) => Some(Class::UsBankNumber),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_given_out_are_none() {
        assert!(is_ssn(b"219098765"));
        for wrong in [
            "000123456",
            "666123456",
            "900123456",
            "219001234",
            "219090000",
            "078051120",
            "111111111",
        ] {
            assert!(!is_ssn(wrong.as_bytes()), "{wrong}");
        }
        assert!(is_itin(b"900701234") && !is_itin(b"900661234") && !is_itin(b"800701234"));
    }

    #[test]
    fn check_digits_are_checked() {
        // 1*10+2*9+3*8+4*7+5*6+6*5+7*4+8*3+9*2 = 210 = 19*11+1, which would need the check digit 10.
        assert!(!is_nhs(b"1234567890") && is_nhs(b"9876543210"));
        assert!(is_routing(b"011000015") && !is_routing(b"011000016") && !is_routing(b"991000015"));
    }
}
