//! The log's times.

/// `2026-11-21 10:53:45.123 UTC`.
const SHAPE: &[u8] = b"0000-00-00 00:00:00";
const HOUR_MS: i64 = 3_600_000;

/// Whether a line begins with a time.
pub(super) fn begins_with_time(line: &[u8]) -> bool {
    line.len() >= SHAPE.len()
        && line.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            shape => byte == shape,
        })
}

/// Milliseconds since 1970 of a time; `Some(None)` where its zone is a name that does not tell the offset.
pub(super) fn milliseconds(text: &str) -> Option<Option<i64>> {
    if !begins_with_time(text.as_bytes()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let rest = text.get(SHAPE.len()..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.split_at_checked(end)?
        }
        None => ("", rest),
    };
    let fraction = format!("{fraction:0<3}")
        .get(..3)
        .and_then(|digits| digits.parse::<i64>().ok())?;
    let local = days * 24 * HOUR_MS + seconds * 1000 + fraction;
    Some(offset(zone.trim()).map(|offset| local - offset))
}

/// Milliseconds that a zone is ahead: `UTC`, `+02`, `-03:30`.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.split(' ').next().unwrap_or_default();
    if matches!(zone, "UTC" | "GMT" | "Z") {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let hours: i64 = hours.parse().ok().filter(|hours| (0..=15).contains(hours))?;
    let minutes: i64 = minutes.parse().ok().filter(|minutes| (0..60).contains(minutes))?;
    Some(sign * (hours * HOUR_MS + minutes * 60_000))
}

/// Days since 1970 of a date of the Gregorian calendar: years that begin in March make leap days the last of
/// a year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}
