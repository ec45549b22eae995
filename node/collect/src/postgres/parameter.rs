//! The value of a tracking column as a parameter of the type that the server infers.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, Postgres};
use sqlx::{Type, TypeInfo};

use crate::fault::{Fault, FaultKind};
use crate::sqlquery::instant;

/// Microseconds between the Unix epoch and 2000-01-01, where the server's time begins.
const EPOCH: i64 = 946_684_800_000_000;
const DAY: i64 = 86_400_000_000;
/// The digits of a `numeric` are of this base.
const BASE_DIGITS: usize = 4;

/// A bound value, as the binary protocol has it.
pub(super) struct Parameter {
    info: PgTypeInfo,
    bytes: Option<Vec<u8>>,
}

impl Parameter {
    /// `text` as a value of the type `info`.
    ///
    /// # Errors
    /// When it is none, or the type is one for which no column can be tracked.
    pub(super) fn new(info: &PgTypeInfo, text: Option<&str>) -> Result<Self, Fault> {
        let name = info.name();
        let wrong = |message: String| Fault::new(FaultKind::Query, &message);
        let bytes = match text {
            None => None,
            Some(text) => {
                let bytes = encode(info.oid().map_or(0, |oid| oid.0), text);
                let bytes = bytes.ok_or_else(|| {
                    wrong(format!(
                        "`$1` is of type {name} here; write `$1::text::{name}` in its place"
                    ))
                })?;
                Some(bytes.ok_or_else(|| {
                    wrong(format!(
                        "`$1` is of type {name}, which the value of the tracking column is not: \
                         give the column another name to begin anew"
                    ))
                })?)
            }
        };
        Ok(Self {
            info: info.clone(),
            bytes,
        })
    }
}

impl Type<Postgres> for Parameter {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Parameter {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(bytes) = &self.bytes else {
            return Ok(IsNull::Yes);
        };
        buffer.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.info.clone())
    }
}

/// `text` as the type with this number holds it. The outer `None`: it is no type that is known here; the
/// inner one: the text is no value of it.
#[expect(
    clippy::option_option,
    reason = "the type may be unknown, or the text no value of it"
)]
fn encode(oid: u32, text: &str) -> Option<Option<Vec<u8>>> {
    let trimmed = text.trim();
    let micros = || Some(instant(trimmed)?.div_euclid(1000) - EPOCH);
    Some(match oid {
        16 => match trimmed {
            "t" | "true" => Some(vec![1]),
            "f" | "false" => Some(vec![0]),
            _ => None,
        },
        20 => trimmed.parse::<i64>().ok().map(|n| n.to_be_bytes().to_vec()),
        21 => trimmed.parse::<i16>().ok().map(|n| n.to_be_bytes().to_vec()),
        23 => trimmed.parse::<i32>().ok().map(|n| n.to_be_bytes().to_vec()),
        26 | 28 => trimmed.parse::<u32>().ok().map(|n| n.to_be_bytes().to_vec()),
        5069 => trimmed.parse::<u64>().ok().map(|n| n.to_be_bytes().to_vec()),
        700 => trimmed.parse::<f32>().ok().map(|n| n.to_be_bytes().to_vec()),
        701 => trimmed.parse::<f64>().ok().map(|n| n.to_be_bytes().to_vec()),
        1700 => numeric(trimmed),
        1082 => micros()
            .and_then(|micros| i32::try_from(micros.div_euclid(DAY)).ok())
            .map(|n| n.to_be_bytes().to_vec()),
        1114 | 1184 => micros().map(|n| n.to_be_bytes().to_vec()),
        2950 => uuid(trimmed),
        // text, varchar, bpchar, name, unknown: the value as it is.
        25 | 1043 | 1042 | 19 | 705 => Some(text.as_bytes().to_vec()),
        _ => return None,
    })
}

fn uuid(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(|id| id.to_be_bytes().to_vec())
}

/// A `numeric`: the number of digits to the base 10 000, the weight of the first one, the sign, the number of
/// decimal digits after the point, then the digits (PostgreSQL, `numeric_recv`).
fn numeric(text: &str) -> Option<Vec<u8>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let numeral = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !numeral(whole) || !numeral(fraction) || text.len() > 1000 {
        return None;
    }
    let whole_groups = whole.len().div_ceil(BASE_DIGITS);
    let all = format!(
        "{whole:0>left$}{fraction:0<right$}",
        left = whole_groups * BASE_DIGITS,
        right = fraction.len().div_ceil(BASE_DIGITS) * BASE_DIGITS
    );
    let mut groups = Vec::new();
    for group in all.as_bytes().chunks(BASE_DIGITS) {
        groups.push(std::str::from_utf8(group).ok()?.parse::<i16>().ok()?);
    }
    let weight = i16::try_from(whole_groups).ok()?.checked_sub(1)?;
    let sign: u16 = if negative { 0x4000 } else { 0 };
    let mut bytes = Vec::with_capacity(8 + groups.len() * 2);
    bytes.extend(i16::try_from(groups.len()).ok()?.to_be_bytes());
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(i16::try_from(fraction.len()).ok()?.to_be_bytes());
    groups.iter().for_each(|group| bytes.extend(group.to_be_bytes()));
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_server_reads_them() {
        let of = |oid, text| encode(oid, text).unwrap();
        assert_eq!(of(23, "258"), Some(vec![0, 0, 1, 2]));
        assert_eq!(
            of(1184, "2000-01-01 00:00:00.000001+00"),
            Some(1i64.to_be_bytes().to_vec())
        );
        assert_eq!(
            of(1114, "1999-12-31 23:59:59"),
            Some((-1_000_000i64).to_be_bytes().to_vec())
        );
        assert_eq!(of(1082, "1999-12-31"), Some((-1i32).to_be_bytes().to_vec()));
        // 12 345.67: digits 1, 2345, 6700; the first one counts ten thousands.
        let digits = [3i16, 1, 0, 2, 1, 2345, 6700]
            .iter()
            .flat_map(|n| n.to_be_bytes());
        assert_eq!(of(1700, "12345.67"), Some(digits.collect()));
        assert_eq!(of(2950, "00000000-0000-0000-0000-000000000001").unwrap()[15], 1);
        assert_eq!(of(25, " a "), Some(b" a ".to_vec()));
        for (oid, text) in [
            (20, "x"),
            (1184, "soon"),
            (1700, "1e5"),
            (1700, "."),
            (1700, "1.-2"),
            (2950, "1"),
        ] {
            assert_eq!(of(oid, text), None, "{oid} {text}");
        }
        assert_eq!(encode(600, "(1,2)"), None);
    }
}
