//! Durations as people write them.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, written as in Go and in the Collector: `10s`, `1m30s`, `100ms`, `0s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub std::time::Duration);

impl Duration {
    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// Whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }
}

impl std::ops::Deref for Duration {
    type Target = std::time::Duration;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads `1m30s`. The error says what a duration looks like.
///
/// # Errors
/// When the text is anything else; a bare number other than 0 has no unit and is refused.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a duration: write a number with a unit, such as 500ms, 10s, 5m or 1h30m");
    if text == "0" {
        return Ok(Duration::default());
    }
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let (unit, factor) = UNITS
            .iter()
            .find(|(unit, _)| starts_with_unit(rest, unit))
            .ok_or_else(wrong)?;
        rest = &rest[unit.len()..];
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number is not negative, and a nanosecond more or less is nothing to a person who writes `1.5s`"
        )]
        let part = (number * *factor as f64).round() as u128;
        nanos = nanos.saturating_add(part);
    }
    let nanos = u64::try_from(nanos).map_err(|_| wrong())?;
    if text.is_empty() {
        Err(wrong())
    } else {
        Ok(Duration(std::time::Duration::from_nanos(nanos)))
    }
}

/// Whether `text` begins with `unit` and the unit ends there: `m` does not match the beginning of `ms`.
fn starts_with_unit(text: &str, unit: &str) -> bool {
    text.strip_prefix(unit)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration(text)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in [UNITS[0], UNITS[2], UNITS[3], UNITS[1], UNITS[4], UNITS[5]] {
            let count = nanos / factor;
            nanos %= factor;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "duration" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_people_write_them() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("100ms", 100),
            ("1.5h", 5_400_000),
            ("0", 0),
        ] {
            let read = parse_duration(text).unwrap();
            assert_eq!(read, Duration::from_millis(millis), "{text}");
            assert_eq!(parse_duration(&read.to_string()).unwrap(), read);
        }
        for text in [
            "",
            "10",
            "s",
            "10 s",
            "-1s",
            "1d",
            "10sec",
            "1..5s",
            "99999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
