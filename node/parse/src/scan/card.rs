//! Numbers of payment cards (ISO/IEC 7812): the ranges of the issuers, their lengths, and the check digit.

use super::Class;
use super::context::Words;
use super::number::{Groups, value};
use super::pass::Pass;

/// Words that say of a number that it is one of a card.
static WORDS: Words = Words::new(&[
    "card",
    "credit",
    "debit",
    "visa",
    "mastercard",
    "amex",
    "maestro",
    "unionpay",
    "pan",
]);

/// From when on digits are a card by themselves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    /// They are.
    Nothing,
    /// Written in groups, or with a word before them: identifiers have this length too.
    Sign,
}

/// First six digits from and to, shortest and longest length, and what is needed of those.
static ISSUERS: [(u32, u32, usize, usize, Needs); 30] = [
    (400_000, 499_999, 13, 13, Needs::Nothing), // Visa, of old
    (400_000, 499_999, 16, 16, Needs::Nothing),
    (400_000, 499_999, 19, 19, Needs::Sign),
    (510_000, 559_999, 16, 16, Needs::Nothing), // Mastercard
    (222_100, 272_099, 16, 16, Needs::Nothing),
    (340_000, 349_999, 15, 15, Needs::Nothing), // American Express
    (370_000, 379_999, 15, 15, Needs::Nothing),
    (300_000, 305_999, 14, 14, Needs::Nothing), // Diners Club
    (309_500, 309_599, 14, 14, Needs::Nothing),
    (360_000, 369_999, 14, 14, Needs::Nothing),
    (380_000, 399_999, 14, 14, Needs::Nothing),
    (300_000, 305_999, 16, 19, Needs::Sign),
    (360_000, 369_999, 15, 19, Needs::Sign),
    (380_000, 399_999, 16, 19, Needs::Sign),
    (352_800, 358_999, 16, 16, Needs::Nothing), // JCB
    (352_800, 358_999, 17, 19, Needs::Sign),
    (601_100, 601_199, 16, 16, Needs::Nothing), // Discover
    (644_000, 659_999, 16, 16, Needs::Nothing),
    (601_100, 601_199, 17, 19, Needs::Sign),
    (644_000, 659_999, 17, 19, Needs::Sign),
    (620_000, 629_999, 16, 16, Needs::Nothing), // UnionPay
    (620_000, 629_999, 17, 19, Needs::Sign),
    (220_000, 220_499, 16, 16, Needs::Nothing), // Mir
    (220_000, 220_499, 17, 19, Needs::Sign),
    (979_200, 979_299, 16, 16, Needs::Nothing), // Troy
    (500_000, 509_999, 16, 16, Needs::Nothing), // Maestro, Dankort, Verve, RuPay
    (560_000, 589_999, 16, 16, Needs::Nothing),
    (600_000, 699_999, 16, 16, Needs::Nothing),
    (560_000, 699_999, 13, 19, Needs::Sign),
    (100_000, 199_999, 15, 15, Needs::Sign), // UATP, the airlines' cards
];

/// The groups in which cards are printed.
static PRINTED: [&[usize]; 6] = [
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 5, 6],
    &[4, 4, 4, 1],
];

fn needs(digits: &[u8]) -> Option<Needs> {
    let first = value(digits.get(..6)?);
    let fits = |(from, to, shortest, longest, _): &&(u32, u32, usize, usize, Needs)| {
        (*from..=*to).contains(&first) && (*shortest..=*longest).contains(&digits.len())
    };
    let least = ISSUERS.iter().filter(fits).map(|(.., needs)| *needs).min()?;
    luhn(digits).then_some(least)
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            let doubled = digit * 2;
            match (place % 2, doubled) {
                (0, _) => digit,
                (_, 10..) => doubled - 9,
                _ => doubled,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A card in the groups in which it is printed.
pub(super) fn grouped(pass: &mut Pass<'_, '_>, groups: &Groups<'_>) -> Option<usize> {
    if groups.digits(0).len() != 4 || groups.count() < 3 || !pass.wants(Class::CreditCard) {
        return None;
    }
    let text = pass.text;
    let start = groups.start();
    let sign = groups.sign_after(0);
    // A part of something longer, such as an account number, is none.
    if text.before(start) == sign && start > 1 && text.second_before(start).is_ascii_digit() {
        return None;
    }
    for lengths in &PRINTED {
        let count = lengths.len();
        if !groups.are(lengths) || !matches!(groups.one_sign(count), Some(b' ' | b'-' | b'.')) {
            continue;
        }
        let end = groups.end(count);
        let goes_on = text.at(end) == sign && sign != b' ' && text.is_digit(end + 1);
        if !goes_on && needs(groups.joined(count).as_slice()).is_some() {
            return Some(pass.keep(Class::CreditCard, start, end));
        }
    }
    None
}

/// A card without signs.
pub(super) fn bare(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    if end - start < 13 || !pass.wants(Class::CreditCard) {
        return None;
    }
    let is_one = match needs(pass.text.range(start, end))? {
        Needs::Nothing => true,
        // Longer ones alone are what identifiers look like.
        Needs::Sign if end - start > 16 => pass.is_said(Class::CreditCard, start, &WORDS),
        Needs::Sign => pass.is_evident(Class::CreditCard, start, end, &WORDS),
    };
    is_one.then(|| pass.keep(Class::CreditCard, start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        // The example that the literature gives.
        assert!(luhn(b"79927398713"));
        for wrong in 0..10_u8 {
            assert_eq!(
                luhn(&[
                    b'7',
                    b'9',
                    b'9',
                    b'2',
                    b'7',
                    b'3',
                    b'9',
                    b'8',
                    b'7',
                    b'1',
                    b'0' + wrong
                ]),
                wrong == 3
            );
        }
    }

    #[test]
    fn an_issuer_has_its_lengths() {
        assert!(needs(b"4000000000000002") == Some(Needs::Nothing));
        assert!(needs(b"400000000000006").is_none());
        assert!(needs(b"9000000000000001").is_none());
    }
}
