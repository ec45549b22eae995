//! National numbering plans, as far as their numbers can be told from other numbers by how they are written.

use super::super::number::{Groups, value};

/// How many of the groups are a number, if their form is that of one.
pub(super) fn grouped(groups: &Groups<'_>) -> Option<usize> {
    let sign = groups.sign_after(0);
    if is_north_american(groups, 0) {
        let is_written = match (sign, groups.sign_after(1)) {
            (first, second) if first == second => first != b'/',
            (b' ' | b'/', b'-') => true,
            _ => false,
        };
        return is_written.then_some(3);
    }
    if groups.digits(0) == b"1" && is_north_american(groups, 1) {
        return matches!(sign, b'-' | b'.' | b' ').then_some(4);
    }
    turkish(groups)
        .or_else(|| brazilian(groups))
        .or_else(|| chinese(groups))
        .or_else(|| with_trunk(groups))
}

/// The same where the first group, or the second behind a one or a zero, stands in brackets.
pub(super) fn in_brackets(groups: &Groups<'_>) -> Option<usize> {
    let first = groups.digits(0);
    if is_north_american(groups, 0) {
        return matches!(groups.sign_after(1), b'-' | b'.' | b' ').then_some(3);
    }
    if first == b"1" && is_north_american(groups, 1) {
        return Some(4);
    }
    if first == b"0" {
        return turkish(groups).or_else(|| with_trunk(groups));
    }
    let is_area = matches!(first, [b'1'..=b'9', b'1'..=b'9']);
    if is_area && (is_brazilian_rest(groups, 1) || groups.are(&[2, 8]) || groups.are(&[2, 9])) {
        return Some(groups.count().min(3));
    }
    turkish(groups).or_else(|| with_trunk(groups))
}

/// Area, exchange and line of the North American plan: neither begins with 0 or 1, neither is a service code
/// (N11), and areas with a 9 in the middle are kept back (NANPA).
pub(super) fn is_north_american(groups: &Groups<'_>, from: usize) -> bool {
    let (area, exchange, line) = (
        groups.digits(from),
        groups.digits(from + 1),
        groups.digits(from + 2),
    );
    let is_one = |code: &[u8]| matches!(code, [b'2'..=b'9', rest @ ..] if rest.len() == 2 && rest != b"11");
    is_one(area) && is_one(exchange) && area.get(1) != Some(&b'9') && line.len() == 4
}

/// Eleven digits that begin with the zero that is dialled before an area code, as far as one of the plans that have
/// such numbers knows the code: Bangladesh, Egypt, Germany, Iran, Iraq, Japan, Korea, Nigeria, Pakistan, Philippines,
/// Turkey, United Kingdom.
pub(super) fn is_trunk(digits: &[u8]) -> bool {
    match digits {
        [b'0', rest @ ..] if rest.len() == 10 => match rest {
            [b'1' | b'7' | b'8', ..] => true,
            [b'9', b'1'..=b'9', ..] | [b'9', b'0', b'5'..=b'9', ..] => true,
            [b'2', b'0' | b'3' | b'4' | b'8' | b'9', ..] => true,
            [b'3', b'0' | b'3' | b'4' | b'7' | b'1' | b'2', ..] => true,
            _ => is_turkish(rest),
        },
        _ => false,
    }
}

/// The same with a country code instead of the zero, without its plus sign: where the plan says more than how many
/// digits there are.
pub(super) fn has_country(digits: &[u8]) -> bool {
    match digits {
        [b'9', b'0', rest @ ..] => is_turkish(rest),
        [b'6', b'3', b'9', rest @ ..] => rest.len() == 9,
        _ => false,
    }
}

/// Areas of the Turkish plan (Bilgi Teknolojileri ve Iletisim Kurumu): those of provinces are even numbers
/// from 212 to 488, those of mobile networks 50x to 56x.
pub(super) fn is_turkish(digits: &[u8]) -> bool {
    let (10, Some(area)) = (digits.len(), digits.get(..3)) else {
        return false;
    };
    let exchange = digits.get(3).is_some_and(|digit| *digit != b'0');
    match value(area) {
        212 | 216 => exchange,
        222..=288 | 312 | 318..=392 | 412..=488 => exchange && value(area).is_multiple_of(2),
        500..=569 => true,
        _ => false,
    }
}

fn turkish(groups: &Groups<'_>) -> Option<usize> {
    static FORMS: [&[usize]; 9] = [
        &[1, 3, 3, 2, 2],
        &[1, 3, 3, 4],
        &[1, 3, 7],
        &[1, 10],
        &[4, 3, 2, 2],
        &[4, 3, 4],
        &[4, 7],
        &[3, 3, 2, 2],
        &[3, 3, 4],
    ];
    let form = FORMS.into_iter().find(|form| groups.are(form))?;
    let joined = groups.joined(form.len());
    let number = joined.as_slice();
    let number = match number {
        [b'0', rest @ ..] if rest.len() == 10 => rest,
        other => other,
    };
    let signs_agree = (1..form.len().saturating_sub(1))
        .all(|group| group < 2 || groups.sign_after(group) == groups.sign_after(group - 1));
    // In the North American form only those of mobile networks: provinces share their codes with areas over there.
    let is_own = form.len() != 3 || groups.digits(0).len() != 3 || number.first() == Some(&b'5');
    (is_turkish(number) && signs_agree && is_own).then_some(form.len())
}

/// Area, five digits of which the first is 9 or four, and four (Anatel).
fn brazilian(groups: &Groups<'_>) -> Option<usize> {
    let is_area = matches!(groups.digits(0), [b'1'..=b'9', b'1'..=b'9']);
    let is_written = groups.sign_after(0) == b' ' && groups.sign_after(1) == b'-';
    (is_area && is_written && is_brazilian_rest(groups, 1)).then_some(3)
}

fn is_brazilian_rest(groups: &Groups<'_>, from: usize) -> bool {
    let (first, second) = (groups.digits(from), groups.digits(from + 1));
    let is_first = match first {
        [b'9', rest @ ..] => rest.len() == 4,
        [b'2'..=b'5', rest @ ..] => rest.len() == 3,
        _ => false,
    };
    is_first && second.len() == 4
}

/// Mobile numbers of China: 13x to 19x, four and four.
fn chinese(groups: &Groups<'_>) -> Option<usize> {
    let is_network = matches!(groups.digits(0), [b'1', b'3'..=b'9', _]);
    let is_one = is_network && groups.are(&[3, 4, 4]) && matches!(groups.one_sign(3), Some(b'-' | b' '));
    is_one.then_some(3)
}

/// The zero that is dialled before an area code, the code, and the rest, nine to eleven digits together: most
/// of Europe, Asia, Africa and Oceania.
fn with_trunk(groups: &Groups<'_>) -> Option<usize> {
    let [b'0', second @ b'1'..=b'9', ..] = groups.digits(0) else {
        return None;
    };
    let _ = second;
    let first = groups.digits(0).len();
    if !(2..=5).contains(&first) {
        return None;
    }
    let mut best = None;
    let mut total = first;
    for count in 2..=groups.count().min(5) {
        let group = groups.digits(count - 1).len();
        total += group;
        if !(2..=8).contains(&group) || total > 11 {
            break;
        }
        let between = groups.sign_after(count - 2);
        // `030/123 456`: a stroke only behind the area code.
        if between == b'/' && count > 2 || count > 3 && between != groups.sign_after(count - 3) {
            break;
        }
        if (9..=11).contains(&total) && !is_date(groups) {
            best = Some(count);
        }
    }
    // A point stands between the figures of other things too.
    best.filter(|count| groups.sign_after(0) != b'.' || *count > 3)
}

/// Whether they begin as a date does.
fn is_date(groups: &Groups<'_>) -> bool {
    groups.are(&[2, 2, 4]) || groups.are(&[4, 2, 2])
}

/// Any groups that may be a number where a word says that they are one: how many of them.
pub(super) fn said(groups: &Groups<'_>) -> Option<usize> {
    if is_date(groups) {
        return None;
    }
    let sizes = |count: &usize| (9..=13).contains(&groups.joined(*count).as_slice().len());
    let is_small = |group: usize| groups.digits(group).len() <= 10;
    let count = (2..=groups.count()).rev().find(sizes)?;
    (0..count).all(is_small).then_some(count)
}
