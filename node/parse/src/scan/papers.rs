//! Numbers on papers of a person: of letters and digits, or named by the words before them.

use super::Class;
use super::context::{Words, is_said};
use super::number::{Groups, value};
use super::pass::Pass;

static DRIVER: Words = Words::new(&["driver", "driving"]);

/// Words that are not the value but stand between it and its name.
static BETWEEN: [&[u8]; 8] = [b"number", b"num", b"no", b"nr", b"id", b"is", b"of", b"on"];

/// A word of nine letters and digits that may be a number by its form.
pub(super) fn papers(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let word = pass.text.range(start, end);
    if word.len() != 9 {
        return None;
    }
    let class = if pass.wants(Class::UkNino) && is_nino(word) {
        Class::UkNino
    } else if pass.wants(Class::MedicalLicense) && is_medical(word) {
        Class::MedicalLicense
    } else if pass.wants(Class::UsPassport) && is_passport(word) {
        Class::UsPassport
    } else {
        return None;
    };
    Some(pass.keep(class, start, end))
}

/// Two letters, six digits and a letter; which letters, and which pairs, are given out (HM Revenue and
/// Customs, NIM39110).
fn is_nino(word: &[u8]) -> bool {
    let [first, second, digits @ .., suffix] = word else {
        return false;
    };
    let is_one_case = [first, second, suffix].iter().all(|b| b.is_ascii_uppercase())
        || [first, second, suffix].iter().all(|b| b.is_ascii_lowercase());
    let upper = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let is_pair = upper
        .iter()
        .all(|b| b.is_ascii_uppercase() && !b"DFIQUV".contains(b))
        && upper.get(1) != Some(&b'O')
        && !matches!(&upper, b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ");
    is_one_case
        && is_pair
        && digits.len() == 6
        && digits.iter().all(u8::is_ascii_digit)
        && matches!(suffix.to_ascii_uppercase(), b'A'..=b'D')
}

/// A national insurance number with blanks among its parts, from its two letters on. All pairs apart, or capital letters:
/// `at 123456 a` is a sentence.
pub(super) fn insured(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    if !pass.wants(Class::UkNino) {
        return None;
    }
    let text = pass.text;
    let mut word = [0; 9];
    let mut at = start;
    let mut blanks = 0;
    for (place, byte) in word.iter_mut().enumerate() {
        if matches!(place, 2 | 4 | 6 | 8) && text.at(at) == b' ' {
            blanks += 1;
            at += 1;
        }
        *byte = text.at(at);
        at += 1;
    }
    let is_written = blanks == 4 || (blanks > 0 && text.at(start).is_ascii_uppercase());
    (is_written && is_nino(&word) && text.stands_alone(start, at))
        .then(|| pass.keep(Class::UkNino, start, at))
}

/// Kind of registrant, first letter of the name or 9, and seven digits of which the last is a check digit
/// (Drug Enforcement Administration).
fn is_medical(word: &[u8]) -> bool {
    let [kind, name, digits @ ..] = word else {
        return false;
    };
    let of = |place: usize| {
        digits
            .get(place)
            .map_or(0, |digit| u32::from(digit.wrapping_sub(b'0')))
    };
    let is_form = b"ABCDEFGHJKLMPRSTUX".contains(&kind.to_ascii_uppercase())
        && (name.is_ascii_alphabetic() || *name == b'9')
        && digits.len() == 7
        && digits.iter().all(u8::is_ascii_digit);
    let sum = of(0) + of(2) + of(4) + 2 * (of(1) + of(3) + of(5));
    is_form && sum % 10 == of(6)
}

fn is_passport(word: &[u8]) -> bool {
    matches!(word, [first, digits @ ..] if first.is_ascii_uppercase() && digits.iter().all(u8::is_ascii_digit))
}

/// A word that may name what stands behind it: `licence`, `birth`, `born`, `dob`.
pub(super) fn named(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let word = pass.text.range(start, end);
    if is_named(word, &["license", "licence"]) {
        license(pass, start, end)
    } else if is_named(word, &["birth", "born", "dob", "birthday", "birthdate"]) {
        birth(pass, end)
    } else {
        None
    }
}

fn is_named(word: &[u8], names: &[&str]) -> bool {
    names.iter().any(|name| {
        let tail = word
            .len()
            .checked_sub(name.len())
            .and_then(|from| word.get(from..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name.as_bytes()))
    })
}

/// Behind `driver's license`: letters and digits in one of the lengths that the states use.
pub(super) fn license(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let text = pass.text;
    if !pass.wants(Class::UsDriverLicense) || !is_said(text, start, &DRIVER) {
        return None;
    }
    let from = behind_name(pass, end);
    let to = text.run(from, 20, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'*' | b'-')
    });
    let value = text.range(from, to);
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    ((5..=16).contains(&value.len()) && digits >= 4).then(|| pass.keep(Class::UsDriverLicense, from, to))
}

/// Behind a word of birth: a date.
fn birth(pass: &mut Pass<'_, '_>, end: usize) -> Option<usize> {
    if !pass.wants(Class::DateOfBirth) {
        return None;
    }
    let mut from = behind_name(pass, end);
    // `birth_date`, `date of birth date`
    let word = pass.text.run(from, 5, |b| b.is_ascii_alphabetic());
    if pass.text.range(from, word).eq_ignore_ascii_case(b"date") {
        from = behind_name(pass, word);
    }
    let groups = Groups::read(pass.text, from);
    let sign = groups.one_sign(3)?;
    let number = |group| value(groups.digits(group));
    let is_date = matches!(sign, b'-' | b'.' | b'/')
        && match (groups.digits(0).len(), groups.digits(2).len()) {
            (4, 1 | 2) => is_day(number(1), number(2)),
            (1 | 2, 2 | 4) => is_day(number(0), number(1)) || is_day(number(1), number(0)),
            _ => false,
        };
    is_date.then(|| pass.keep(Class::DateOfBirth, from, groups.end(3)))
}

fn is_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Where the value begins behind its name: signs and a few words are between.
fn behind_name(pass: &Pass<'_, '_>, end: usize) -> usize {
    let text = pass.text;
    let mut at = end;
    for _ in 0..3 {
        at = text.run(at, 4, |b| {
            matches!(b, b' ' | b':' | b'=' | b'#' | b'"' | b'\'' | b'.' | b'_' | b'\\')
        });
        let word_end = text.run(at, 7, |b| b.is_ascii_alphabetic());
        let word = text.range(at, word_end);
        if !BETWEEN.iter().any(|other| word.eq_ignore_ascii_case(other)) {
            break;
        }
        at = word_end;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_check_digits_are_checked() {
        assert!(is_nino(b"JG103759A") && is_nino(b"jg103759a") && !is_nino(b"jG103759A"));
        for wrong in [
            b"QQ123456C",
            b"JO103759A",
            b"GB103759A",
            b"JG103759E",
            b"JG10375XA",
        ] {
            assert!(!is_nino(wrong));
        }
        // 1+3+5 + 2*(2+4+6) = 33
        assert!(is_medical(b"AB1234563") && is_medical(b"B91234563") && !is_medical(b"AB1234564"));
        assert!(!is_medical(b"IB1234563"));
    }
}
