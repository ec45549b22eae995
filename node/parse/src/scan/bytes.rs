//! What a byte is to the scanner, and looking at a text by place. Behind both ends a text reads as NUL, which
//! is part of no value.

/// A digit.
pub(super) const DIGIT: u8 = 1;
/// A lower-case letter.
pub(super) const LOWER: u8 = 2;
/// A capital letter.
pub(super) const UPPER: u8 = 4;
/// `_`.
pub(super) const UNDERSCORE: u8 = 8;
/// All that words are made of.
pub(super) const WORD: u8 = DIGIT | LOWER | UPPER | UNDERSCORE;
/// A sign at which something may begin.
pub(super) const SIGN: u8 = 16;
/// A hexadecimal digit.
const HEX: u8 = 32;

static KINDS: [u8; 256] = kinds();

const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        kinds[at] = match byte {
            b'0'..=b'9' => DIGIT | HEX,
            b'a'..=b'f' => LOWER | HEX,
            b'A'..=b'F' => UPPER | HEX,
            b'g'..=b'z' => LOWER,
            b'G'..=b'Z' => UPPER,
            b'_' => UNDERSCORE,
            b'@' | b':' | b'-' | b'+' | b'(' | b'[' => SIGN,
            _ => 0,
        };
        at += 1;
    }
    kinds
}

/// What this byte is.
#[inline]
pub(super) fn kind(byte: u8) -> u8 {
    KINDS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Whether it is a letter, a digit or `_`.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    kind(byte) & WORD != 0
}

/// Whether it is a hexadecimal digit.
#[inline]
pub(super) fn is_hex(byte: u8) -> bool {
    kind(byte) & HEX != 0
}

/// A text, looked at by place.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'t>(pub(super) &'t [u8]);

impl<'t> Bytes<'t> {
    /// The byte here.
    #[inline]
    pub(super) fn at(self, place: usize) -> u8 {
        self.0.get(place).copied().unwrap_or_default()
    }

    /// The byte before this place.
    #[inline]
    pub(super) fn before(self, place: usize) -> u8 {
        place.checked_sub(1).map_or(0, |place| self.at(place))
    }

    /// The byte before that one.
    #[inline]
    pub(super) fn second_before(self, place: usize) -> u8 {
        place.checked_sub(2).map_or(0, |place| self.at(place))
    }

    /// The bytes of a range; nothing where it is none.
    #[inline]
    pub(super) fn range(self, start: usize, end: usize) -> &'t [u8] {
        self.0.get(start..end).unwrap_or_default()
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn is_digit(self, place: usize) -> bool {
        self.at(place).is_ascii_digit()
    }

    /// Where the bytes of which this is true end, at most `most` of them.
    #[inline]
    pub(super) fn run(self, start: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let mut at = start;
        let last = start.saturating_add(most).min(self.len());
        while at < last && is(self.at(at)) {
            at += 1;
        }
        at
    }

    /// Where the bytes before `end` of which this is true begin, at most `most` of them.
    #[inline]
    pub(super) fn run_back(self, end: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        let first = end.saturating_sub(most);
        let mut at = end;
        while at > first && is(self.at(at - 1)) {
            at -= 1;
        }
        at
    }

    /// Whether no letter, digit or `_` touches the range.
    #[inline]
    pub(super) fn stands_alone(self, start: usize, end: usize) -> bool {
        !is_word(self.before(start)) && !is_word(self.at(end))
    }
}
