//! The one pass over a text: words and signs, each handed to those who know what may begin there.

use super::bytes::{Bytes, DIGIT, SIGN, WORD, kind};
use super::{Class, Classes, Found, address, context, email, number, phone, redact, secret, word};

/// What the parts of the scanner work with.
pub(super) struct Pass<'t, 'f> {
    pub(super) text: Bytes<'t>,
    pub(super) classes: Classes,
    whole_values: bool,
    found: &'f mut Vec<Found>,
    /// Up to here hexadecimal digits and colons are known to be no address.
    pub(super) no_address_before: usize,
}

impl<'t, 'f> Pass<'t, 'f> {
    pub(super) fn new(
        text: &'t [u8],
        classes: Classes,
        whole_values: bool,
        found: &'f mut Vec<Found>,
    ) -> Self {
        Self {
            text: Bytes(text),
            classes,
            whole_values,
            found,
            no_address_before: 0,
        }
    }

    pub(super) fn run(&mut self) {
        if self.classes == Classes::NONE {
            return;
        }
        let mut at = 0;
        while let Some(byte) = self.text.0.get(at).copied() {
            let this = kind(byte);
            if this & WORD != 0 {
                let start = at;
                let mut all = this;
                at += 1;
                while let Some(byte) = self.text.0.get(at).copied() {
                    let next = kind(byte);
                    if next & WORD == 0 {
                        break;
                    }
                    all |= next;
                    at += 1;
                }
                at = self.word(start, at, all);
            } else if this & SIGN != 0 {
                at = self.sign(at, byte);
            } else {
                at += 1;
            }
        }
    }

    #[inline]
    fn word(&mut self, start: usize, end: usize, kinds: u8) -> usize {
        match kinds & WORD {
            DIGIT => number::number(self, start, end),
            kinds if kinds & DIGIT == 0 => word::letters(self, start, end),
            _ => word::mixed(self, start, end),
        }
    }

    fn sign(&mut self, at: usize, byte: u8) -> usize {
        match byte {
            b'@' => email::email(self, at),
            b':' if self.text.at(at + 1) == b'/' => secret::url(self, at),
            b':' => address::colon(self, at),
            b'-' => {
                if self.text.at(at + 1) == b'-' {
                    secret::pem(self, at)
                } else {
                    address::dash(self, at)
                }
            }
            b'+' => phone::international(self, at),
            b'(' => phone::bracket(self, at),
            _ => redact::hidden_end(self.text.0, at).unwrap_or(at + 1),
        }
    }

    /// Whether this class is looked for.
    #[inline]
    pub(super) fn wants(&self, class: Class) -> bool {
        self.classes.has(class)
    }

    /// Keeps what was found, and says where to go on.
    pub(super) fn keep(&mut self, class: Class, start: usize, end: usize) -> usize {
        self.found.push(Found { class, start, end });
        end
    }

    /// Whether something says that this is a value of the class: a word before it, another one of the class
    /// right before it, as in a list.
    pub(super) fn is_said(&self, class: Class, start: usize, words: &context::Words) -> bool {
        self.follows(class, start) || context::is_said(self.text, start, words)
    }

    /// The same, or that the text is nothing else.
    pub(super) fn is_evident(&self, class: Class, start: usize, end: usize, words: &context::Words) -> bool {
        (self.whole_values && context::is_all(self.text, start, end)) || self.is_said(class, start, words)
    }

    fn follows(&self, class: Class, start: usize) -> bool {
        let before = self.found.iter().rev().take(4).find(|found| found.end <= start);
        let Some(last) = before.filter(|found| found.class == class && start - found.end <= 4) else {
            return false;
        };
        let between = self.text.range(last.end, start);
        between
            .iter()
            .all(|b| matches!(b, b' ' | b',' | b';' | b'/' | b'|' | b'"' | b'\''))
    }
}
