//! Converters to and of numbers, truth values, times and hashes.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::text::TOO_LONG;
use crate::expr::MAX_TEXT;
use crate::expr::datum::Datum;

type Answer<'a> = Result<Datum<'a>, &'static str>;

const NOT_NUMBER: &str = "a number was needed";
const NOT_TEXT: &str = "a text was needed";
const NOT_TIME: &str = "a time was needed";

/// `number` cut towards 0, if it is within the range of whole numbers.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i64> {
    // 2^63, exactly
    const END: f64 = 9_223_372_036_854_775_808.0;
    (-END..END).contains(&number).then_some(number as i64)
}

pub(super) fn int<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(match arguments.first() {
        Some(Datum::Int(n) | Datum::Time(n)) => Datum::Int(*n),
        Some(Datum::Bool(b)) => Datum::Int(i64::from(*b)),
        Some(Datum::Double(n)) => whole(*n).map_or(Datum::Null, Datum::Int),
        Some(Datum::Text(text)) => text.trim().parse().map_or(Datum::Null, Datum::Int),
        _ => Datum::Null,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a double holds what a double can")]
pub(super) fn double<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(match arguments.first() {
        Some(Datum::Int(n) | Datum::Time(n)) => Datum::Double(*n as f64),
        Some(Datum::Bool(b)) => Datum::Double(f64::from(u8::from(*b))),
        Some(Datum::Double(n)) => Datum::Double(*n),
        Some(Datum::Text(text)) => text.trim().parse().map_or(Datum::Null, Datum::Double),
        _ => Datum::Null,
    })
}

pub(super) fn bool<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(match arguments.first() {
        Some(Datum::Int(n)) => Datum::Bool(*n != 0),
        Some(Datum::Double(n)) => Datum::Bool(*n != 0.0),
        Some(Datum::Bool(b)) => Datum::Bool(*b),
        Some(Datum::Text(text)) => match &*text.to_ascii_lowercase() {
            "1" | "t" | "true" => Datum::Bool(true),
            "0" | "f" | "false" => Datum::Bool(false),
            _ => Datum::Null,
        },
        _ => Datum::Null,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a double holds what a double can")]
fn number<'a>(arguments: &[Datum<'a>], of: impl Fn(f64) -> f64) -> Answer<'a> {
    let number = match arguments.first() {
        Some(Datum::Int(n)) => *n as f64,
        Some(Datum::Double(n)) => *n,
        _ => return Err(NOT_NUMBER),
    };
    let answer = of(number);
    Ok(if answer.is_finite() {
        Datum::Double(answer)
    } else {
        Datum::Null
    })
}

pub(super) fn abs<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    match arguments.first() {
        Some(Datum::Int(n)) => Ok(n.checked_abs().map_or(Datum::Null, Datum::Int)),
        _ => number(arguments, f64::abs),
    }
}

pub(super) fn round<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    number(arguments, f64::round)
}

pub(super) fn floor<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    number(arguments, f64::floor)
}

pub(super) fn ceil<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    number(arguments, f64::ceil)
}

pub(super) fn log<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    number(arguments, f64::ln)
}

pub(super) fn unix<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let Some(Datum::Int(seconds)) = arguments.first() else {
        return Err("seconds as a whole number were needed");
    };
    let nanos = match arguments.get(1) {
        Some(Datum::Int(nanos)) => *nanos,
        _ => 0,
    };
    let time = seconds
        .checked_mul(1_000_000_000)
        .and_then(|time| time.checked_add(nanos));
    Ok(time.map_or(Datum::Null, Datum::Time))
}

fn since<'a>(arguments: &[Datum<'a>], unit: i64) -> Answer<'a> {
    match arguments.first() {
        Some(Datum::Time(nanos)) => Ok(Datum::Int(nanos.div_euclid(unit))),
        _ => Err(NOT_TIME),
    }
}

pub(super) fn unix_nano<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    since(arguments, 1)
}

pub(super) fn unix_micro<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    since(arguments, 1_000)
}

pub(super) fn unix_milli<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    since(arguments, 1_000_000)
}

pub(super) fn unix_seconds<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    since(arguments, 1_000_000_000)
}

fn hexadecimal(bytes: &[u8]) -> Datum<'static> {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // writing to a String cannot fail
        let _ = write!(hex, "{byte:02x}");
    }
    Datum::text(hex)
}

pub(super) fn hex<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(match arguments.first() {
        Some(Datum::Text(text)) if text.len() > MAX_TEXT / 2 => return Err(TOO_LONG),
        Some(Datum::Text(text)) => hexadecimal(text.as_bytes()),
        Some(Datum::Int(n) | Datum::Time(n)) => hexadecimal(&n.to_be_bytes()),
        Some(Datum::Double(n)) => hexadecimal(&n.to_be_bytes()),
        Some(Datum::Bool(b)) => hexadecimal(&[u8::from(*b)]),
        _ => return Err("a text or a number was needed"),
    })
}

fn text<'v>(arguments: &'v [Datum<'_>]) -> Result<&'v [u8], &'static str> {
    match arguments.first() {
        Some(Datum::Text(text)) => Ok(text.as_bytes()),
        _ => Err(NOT_TEXT),
    }
}

pub(super) fn sha256<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    Ok(hexadecimal(&Sha256::digest(text(arguments)?)))
}

pub(super) fn xxh3<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let hash = xxhash_rust::xxh3::xxh3_64(text(arguments)?);
    Ok(hexadecimal(&hash.to_be_bytes()))
}

/// FNV-1 of 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
pub(super) fn fnv<'a>(arguments: &[Datum<'a>]) -> Answer<'a> {
    let hash = text(arguments)?
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            hash.wrapping_mul(0x0000_0100_0000_01b3) ^ u64::from(*byte)
        });
    Ok(Datum::Int(hash.cast_signed()))
}
