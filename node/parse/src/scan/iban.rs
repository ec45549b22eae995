//! International bank account numbers (ISO 13616-1).

use super::Class;
use super::bytes::{Bytes, is_word};
use super::iban_registry::structure;
use super::pass::Pass;

/// At a word of two letters and digits: country, check digits, and a number of the country's own length and
/// structure, all in one or with blanks or minus signs among them.
pub(super) fn iban(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    let text = pass.text;
    let (first, second) = (text.at(start), text.at(start + 1));
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    if !pass.wants(Class::Iban) || !text.is_digit(start + 2) || !text.is_digit(start + 3) {
        return None;
    }
    let is_lower = match (first, second) {
        (b'A'..=b'Z', b'A'..=b'Z') => false,
        (b'a'..=b'z', b'a'..=b'z') => true,
        _ => return None,
    };
    let structure = structure(country)?;
    let mut rest = Rest::new(text, start + 4, is_lower);
    for (count, what) in structure {
        for _ in 0..*count {
            rest.next(*what)?;
        }
    }
    let end = rest.at;
    let check = text.range(start + 2, start + 4);
    let remainder = country
        .iter()
        .chain(check)
        .fold(rest.remainder, |all, byte| append(all, *byte));
    let goes_on = is_word(text.at(end));
    (remainder == 1 && !goes_on).then(|| pass.keep(Class::Iban, start, end))
}

/// What is behind the check digits, read one by one.
struct Rest<'t> {
    text: Bytes<'t>,
    at: usize,
    is_lower: bool,
    /// Of what was read, modulo 97.
    remainder: u32,
}

impl<'t> Rest<'t> {
    fn new(text: Bytes<'t>, at: usize, is_lower: bool) -> Self {
        Self {
            text,
            at,
            is_lower,
            remainder: 0,
        }
    }

    fn next(&mut self, what: u8) -> Option<()> {
        if matches!(self.text.at(self.at), b' ' | b'-') {
            self.at += 1;
        }
        let byte = self.text.at(self.at);
        let is_letter = if self.is_lower {
            byte.is_ascii_lowercase()
        } else {
            byte.is_ascii_uppercase()
        };
        let fits = match what {
            b'n' => byte.is_ascii_digit(),
            b'a' => is_letter,
            _ => is_letter || byte.is_ascii_digit(),
        };
        self.remainder = append(self.remainder, byte.to_ascii_uppercase());
        self.at += 1;
        fits.then_some(())
    }
}

/// One more character in the calculation of ISO 7064, MOD 97-10: letters count from 10 on.
fn append(remainder: u32, byte: u8) -> u32 {
    match byte {
        b'A'..=b'Z' => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
        _ => (remainder * 10 + u32::from(byte.wrapping_sub(b'0'))) % 97,
    }
}
