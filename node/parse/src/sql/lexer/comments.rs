//! Comments, and those of MySQL that are none.

use super::{Kind, Lexer};
use crate::sql::Dialect;
use crate::sql::key::end_of;

impl Lexer<'_> {
    /// Whether a comment begins here. MySQL wants a space after `--`.
    pub(super) fn begins_comment(&self) -> bool {
        match (self.peek(0), self.peek(1)) {
            (Some(b'/'), Some(b'*')) => true,
            (Some(b'-'), Some(b'-')) => {
                self.is_postgresql() || self.peek(2).is_none_or(|b| b == b' ' || b.is_ascii_control())
            }
            (Some(b'#'), _) => !self.is_postgresql(),
            _ => false,
        }
    }

    pub(super) fn comment(&mut self) -> Kind {
        match (self.peek(0), self.is_postgresql()) {
            (Some(b'/'), true) => self.nested_comment(),
            (Some(b'/'), false) => self.block_comment(),
            (_, true) => {
                self.at = end_of(self.bytes, self.at, |b| (b != b'\n') & (b != b'\r'));
                Kind::Comment
            }
            (_, false) => {
                self.at = end_of(self.bytes, self.at, |b| b != b'\n');
                Kind::Comment
            }
        }
    }

    fn cut_comment(&mut self) -> Kind {
        self.at = self.bytes.len();
        Kind::CutComment
    }

    /// Comments of PostgreSQL nest.
    fn nested_comment(&mut self) -> Kind {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Kind::Comment;
                    }
                }
                _ => self.at += 1,
            }
        }
        self.cut_comment()
    }

    /// A comment of MySQL, or the beginning of a version comment. A server of another version skips that up
    /// to the first `*/`: a token that goes beyond it is read in two ways, and hidden with all that follows.
    fn block_comment(&mut self) -> Kind {
        let is_version = self.peek(2) == Some(b'!')
            || (self.dialect == Dialect::MariaDb && self.peek(2) == Some(b'M') && self.peek(3) == Some(b'!'));
        if self.version_end != 0 {
            return self.cut();
        }
        let open = self.at;
        self.at += 2;
        let Some(length) = self.rest().windows(2).position(|pair| pair == b"*/") else {
            return if is_version {
                self.cut()
            } else {
                self.cut_comment()
            };
        };
        if !is_version {
            self.at += length + 2;
            return Kind::Comment;
        }
        self.version_end = self.at + length;
        self.skip(|b| matches!(b, b'!' | b'M'));
        let digits = self
            .rest()
            .iter()
            .take(6)
            .take_while(|b| b.is_ascii_digit())
            .count();
        self.at += if digits >= 5 { digits } else { 0 };
        debug_assert!(self.at > open);
        Kind::Mark
    }
}
