//! Words of digits, alone or in groups with one sign between them.

use super::bytes::{Bytes, is_word};
use super::pass::Pass;
use super::{address, card, identity, phone, redact};

/// More groups than this belong to nothing that is looked for.
const GROUPS: usize = 6;

/// Groups of digits with one sign between each two.
pub(super) struct Groups<'t> {
    text: Bytes<'t>,
    count: usize,
    spans: [(usize, usize); GROUPS],
    /// The sign behind each group, where another one follows it.
    signs: [u8; GROUPS],
}

impl<'t> Groups<'t> {
    /// Reads them from the first digit on. A group that goes over into letters is not one.
    pub(super) fn read(text: Bytes<'t>, start: usize) -> Self {
        let mut groups = Self {
            text,
            count: 0,
            spans: [(0, 0); GROUPS],
            signs: [0; GROUPS],
        };
        groups.extend(start);
        groups
    }

    /// Reads on: what follows the last group from here on.
    pub(super) fn extend(&mut self, start: usize) {
        let mut at = start;
        while self.count < GROUPS {
            let end = self.text.run(at, 20, |b| b.is_ascii_digit());
            if end == at || is_word(self.text.at(end)) {
                break;
            }
            self.push(at, end);
            let sign = self.text.at(end);
            if !matches!(sign, b' ' | b'-' | b'.' | b'/') || !self.text.is_digit(end + 1) {
                return;
            }
            self.sign(sign);
            at = end + 1;
        }
        self.sign(0);
    }

    pub(super) fn push(&mut self, start: usize, end: usize) {
        if let Some(span) = self.spans.get_mut(self.count) {
            *span = (start, end);
            self.count += 1;
        }
    }

    /// Notes the sign behind the last group.
    pub(super) fn sign(&mut self, sign: u8) {
        if let Some(last) = self
            .count
            .checked_sub(1)
            .and_then(|last| self.signs.get_mut(last))
        {
            *last = sign;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn span(&self, group: usize) -> (usize, usize) {
        self.spans.get(group).copied().unwrap_or_default()
    }

    pub(super) fn start(&self) -> usize {
        self.span(0).0
    }

    /// Where the first `count` groups end.
    pub(super) fn end(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.span(last).1)
    }

    pub(super) fn digits(&self, group: usize) -> &'t [u8] {
        let (start, end) = self.span(group);
        self.text.range(start, end)
    }

    /// Whether the first groups have these lengths.
    pub(super) fn are(&self, lengths: &[usize]) -> bool {
        let has = |(group, length): (usize, &usize)| self.digits(group).len() == *length;
        self.count >= lengths.len() && lengths.iter().enumerate().all(has)
    }

    /// The sign behind this group, NUL where no other one follows.
    pub(super) fn sign_after(&self, group: usize) -> u8 {
        let is_last = group + 1 >= self.count;
        if is_last {
            0
        } else {
            self.signs.get(group).copied().unwrap_or_default()
        }
    }

    /// The one sign between the first `count` groups.
    pub(super) fn one_sign(&self, count: usize) -> Option<u8> {
        let first = self.sign_after(0);
        let same = (1..count.saturating_sub(1)).all(|group| self.sign_after(group) == first);
        (count > 1 && first != 0 && same).then_some(first)
    }

    /// The digits of the first `count` groups together: how many, and they, as far as there is room for them.
    pub(super) fn joined(&self, count: usize) -> Digits {
        let mut digits = Digits::default();
        for group in 0..count.min(self.count) {
            digits.push(self.digits(group));
        }
        digits
    }

    /// Whether the first `count` groups are all of what is joined by signs other than the blank, and no
    /// number stands before or behind them with the blank between, where that is their own sign.
    pub(super) fn stand_alone(&self, count: usize) -> bool {
        let (start, end) = (self.start(), self.end(count));
        let has_blanks = (0..count.saturating_sub(1)).any(|group| self.sign_after(group) == b' ');
        let before = match self.text.before(start) {
            b' ' => has_blanks && is_number_before(self.text, start - 1),
            b'-' | b'.' | b'/' => {
                is_word(self.text.second_before(start)) || is_number_before(self.text, start - 1)
            }
            byte => is_word(byte),
        };
        let behind = match self.text.at(end) {
            b' ' => has_blanks && is_number_behind(self.text, end + 1),
            b'-' | b'.' | b'/' => is_number_behind(self.text, end + 1),
            byte => is_word(byte),
        };
        !before && !behind
    }
}

/// Whether a number ends here, or one that is hidden: what stood beside a number is not alone when that is gone.
fn is_number_before(text: Bytes<'_>, end: usize) -> bool {
    match text.before(end) {
        b']' => redact::is_within_hidden(text.0, end - 1, end),
        byte => byte.is_ascii_digit(),
    }
}

/// The same for one that begins here.
fn is_number_behind(text: Bytes<'_>, start: usize) -> bool {
    text.is_digit(start) || redact::hidden_end(text.0, start).is_some()
}

/// Up to twenty digits.
#[derive(Clone, Copy, Default)]
pub(super) struct Digits {
    bytes: [u8; 20],
    count: usize,
}

impl Digits {
    pub(super) fn push(&mut self, digits: &[u8]) {
        for digit in digits {
            if let Some(place) = self.bytes.get_mut(self.count) {
                *place = *digit;
            }
            self.count += 1;
        }
    }

    /// All digits; none where there were more than there is room for.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.count).unwrap_or_default()
    }
}

/// The value of a few digits.
pub(super) fn value(digits: &[u8]) -> u32 {
    let add = |all: u32, digit: &u8| {
        all.saturating_mul(10)
            .saturating_add(u32::from(digit.wrapping_sub(b'0')))
    };
    digits.iter().fold(0, add)
}

/// A word of digits: where to go on.
pub(super) fn number(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> usize {
    let text = pass.text;
    let length = end - start;
    let sign = text.at(end);
    if sign == b'.'
        && length == 4
        && let Some(end) = address::dotted(pass, start)
    {
        return end;
    }
    if !matches!(sign, b' ' | b'-' | b'.' | b'/') || !text.is_digit(end + 1) {
        return if length < 8 { end } else { bare(pass, start, end) };
    }
    if sign == b'.' {
        let second = text.run(end + 1, 20, |b| b.is_ascii_digit());
        if is_word(text.at(second)) {
            return end;
        }
        // Most are figures with a point in them.
        if !matches!(text.at(second), b'.' | b'-' | b' ') || !text.is_digit(second + 1) {
            return second;
        }
        if length <= 3
            && let Some(end) = address::ipv4(pass, start)
        {
            return end;
        }
    } else if sign == b'-' && length == 4 && is_day(text, start) {
        return start + 10;
    }
    let dashed = if sign == b'-' && length == 2 {
        address::dashed(pass, start)
    } else {
        None
    };
    if let Some(end) = dashed {
        return end;
    }
    let groups = Groups::read(text, start);
    if groups.count() < 2 {
        return if length < 8 { end } else { bare(pass, start, end) };
    }
    let all = groups.end(groups.count()) - start;
    if all < 9 {
        return end;
    }
    card::grouped(pass, &groups)
        .or_else(|| identity::grouped(pass, &groups))
        .or_else(|| phone::grouped(pass, &groups))
        .unwrap_or_else(|| if length < 8 { end } else { bare(pass, start, end) })
}

/// Whether `2024-05-06` stands here: the most frequent of all groups.
fn is_day(text: Bytes<'_>, start: usize) -> bool {
    match text.range(start, start + 11) {
        [
            b'1' | b'2',
            b'9' | b'0',
            _,
            _,
            b'-',
            m,
            n,
            b'-',
            d,
            e,
            behind @ ..,
        ] => {
            [m, n, d, e].iter().all(|b| b.is_ascii_digit()) && !behind.first().is_some_and(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Digits without any sign among them.
fn bare(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> usize {
    let text = pass.text;
    if end - start > 19 {
        return end;
    }
    // Digits of a fraction are part of a number.
    let is_fraction = text.before(start) == b'.' && text.second_before(start).is_ascii_digit();
    if is_fraction || (text.at(end) == b'.' && text.is_digit(end + 1)) {
        return end;
    }
    card::bare(pass, start, end)
        .or_else(|| identity::bare(pass, start, end))
        .or_else(|| phone::bare(pass, start, end))
        .unwrap_or(end)
}
