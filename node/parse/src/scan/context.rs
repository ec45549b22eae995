//! What stands around a candidate: a word that says what it is, or nothing at all.

use super::bytes::{Bytes, is_word};

/// How far before a value the word may begin that says what it is, in bytes.
const NEAR: usize = 48;

/// Words that say what a value is, in lower case. One of up to four letters must be whole (`tel` is not in
/// `hotel`); a longer one may be part of a name (`phone` is in `user_phone`).
pub(super) struct Words {
    all: &'static [&'static str],
    /// A bit for each letter that one of them begins with.
    first: u32,
}

impl Words {
    pub(super) const fn new(all: &'static [&'static str]) -> Self {
        let mut first = 0;
        let mut at = 0;
        while at < all.len() {
            first |= 1 << (all[at].as_bytes()[0] & 31);
            at += 1;
        }
        Self { all, first }
    }
}

/// Whether one of the words is before the place. What is beyond a closing bracket or brace belongs to
/// something else.
#[inline(never)]
pub(super) fn is_said(text: Bytes<'_>, start: usize, words: &Words) -> bool {
    let before = text.run_back(start, NEAR, |b| !matches!(b, b']' | b'}'));
    let is_cut = before > 0 && is_word(text.before(before)) && is_word(text.at(before));
    let near = text.range(before, start);
    near.iter().enumerate().any(|(at, byte)| {
        let may_begin = byte.is_ascii_alphabetic() && words.first & (1 << (byte & 31)) != 0;
        may_begin && {
            let rest = near.get(at..).unwrap_or_default();
            words
                .all
                .iter()
                .any(|word| begins(rest, word, is_start(near, at, is_cut)))
        }
    })
}

/// Whether a word begins here: not in the middle of letters. `_` and digits are between words.
fn is_start(near: &[u8], at: usize, is_cut: bool) -> bool {
    match at.checked_sub(1).and_then(|before| near.get(before)) {
        None => !is_cut,
        Some(before) => {
            let is_hump = before.is_ascii_lowercase() && near.get(at).is_some_and(u8::is_ascii_uppercase);
            !before.is_ascii_alphabetic() || is_hump
        }
    }
}

fn begins(rest: &[u8], word: &str, is_start: bool) -> bool {
    let Some(here) = rest.get(..word.len()) else {
        return false;
    };
    if !here.eq_ignore_ascii_case(word.as_bytes()) {
        return false;
    }
    word.len() > 4 || (is_start && !rest.get(word.len()).is_some_and(u8::is_ascii_lowercase))
}

/// Whether the range is all that the text holds, but for spaces and quotes around it.
pub(super) fn is_all(text: Bytes<'_>, start: usize, end: usize) -> bool {
    // Whoever writes more blanks than this around a value wants it not to be found.
    let is_around = |b: u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`');
    text.run_back(start, NEAR, is_around) == 0 && text.run(end, NEAR, is_around) == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(before: &str, words: &'static [&'static str]) -> bool {
        is_said(Bytes(before.as_bytes()), before.len(), &Words::new(words))
    }

    #[test]
    fn short_words_are_whole_and_long_ones_may_be_parts() {
        assert!(said("Tel.: ", &["tel"]) && said("work_tel=", &["tel"]) && said("homeTel: ", &["tel"]));
        assert!(!said("hotel ", &["tel"]) && !said("tell ", &["tel"]));
        assert!(said("\"customerPhoneNumber\": \"", &["phone"]));
        assert!(!said(&format!("phone{}", " ".repeat(60)), &["phone"]));
        assert!(!said("[\"phone\"] ", &["phone"]));
    }

    #[test]
    fn a_whole_value_has_nothing_but_quotes_around_it() {
        let all = |text: &str, start, end| is_all(Bytes(text.as_bytes()), start, end);
        assert!(all(" '123' ", 2, 5) && all("123", 0, 3));
        assert!(!all("a 123", 2, 5) && !all("123 a", 0, 3));
    }
}
