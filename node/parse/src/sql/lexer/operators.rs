//! Operators, and variables, which begin like one.

use super::class::{Class, is_word};
use super::{Kind, Lexer};
use crate::sql::key::end_of;

impl Lexer<'_> {
    /// Reads on in an operator that began with the `?` that was the last token, for those that PostgreSQL
    /// has.
    pub(in crate::sql) fn extend_question(&mut self) -> usize {
        if matches!(self.peek(0), Some(b'|' | b'&' | b'#' | b'-')) && !self.begins_comment() {
            self.operator_run();
        }
        self.at
    }

    /// Whether the next byte begins a number.
    pub(in crate::sql) fn number_is_next(&self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut solid = rest
            .iter()
            .skip_while(|&&b| self.classes[usize::from(b)] == Class::Space);
        match solid.next() {
            Some(b'0'..=b'9') => true,
            Some(b'.') => solid.next().is_some_and(u8::is_ascii_digit),
            _ => false,
        }
    }

    /// `@name`, `@@global.name`, `@'name'`, and the host of `user@host`.
    pub(super) fn variable(&mut self) -> Kind {
        self.at += 1;
        match self.peek(0) {
            Some(b'@') => self.at += 1,
            Some(quote @ (b'\'' | b'"')) => return self.backslash_string(quote),
            Some(b'`') => {
                return match self.quoted_name(b'`') {
                    Kind::QuotedName => Kind::Variable,
                    cut => cut,
                };
            }
            _ => {}
        }
        let start = self.at;
        self.at = end_of(self.bytes, self.at, is_word);
        if self.at > start {
            Kind::Variable
        } else {
            Kind::Operator
        }
    }

    pub(in crate::sql) fn operator(&mut self) -> Kind {
        if self.is_postgresql() {
            self.operator_run();
            return Kind::Operator;
        }
        let rest = self.rest();
        let two = |pair: &[u8; 2]| {
            matches!(
                pair,
                b"<=" | b">=" | b"<>" | b"!=" | b"||" | b"&&" | b"<<" | b">>" | b"->" | b":="
            )
        };
        self.at += match rest {
            [b'<', b'=', b'>', ..] | [b'-', b'>', b'>', ..] => 3,
            [a, b, ..] if two(&[*a, *b]) => 2,
            _ => 1,
        };
        Kind::Operator
    }

    /// The longest operator, as PostgreSQL takes it: up to a comment, and not with a sign at its end unless
    /// it has one of the characters that no standard operator has. A `?` in it is a parameter, save in `@?`.
    fn operator_run(&mut self) {
        let start = self.at;
        let second = self.peek(1).map(|byte| self.classes[usize::from(byte)]);
        if !matches!(
            second,
            Some(Class::Operator | Class::Minus | Class::Slash | Class::Question)
        ) {
            self.at += 1;
            return;
        }
        let mut is_special = false;
        while let Some(byte) = self.peek(0) {
            let class = self.classes[usize::from(byte)];
            let goes_on = match class {
                Class::Operator => true,
                Class::Minus | Class::Slash => self.at == start || !self.begins_comment(),
                Class::Question => self.at == start + 1 && self.before() == Some(b'@'),
                _ => false,
            };
            if !goes_on {
                break;
            }
            is_special |= b"~!@#%^&|`?".contains(&byte);
            self.at += 1;
        }
        while !is_special && self.at > start + 1 && matches!(self.before(), Some(b'+' | b'-')) {
            self.at -= 1;
        }
    }
}
