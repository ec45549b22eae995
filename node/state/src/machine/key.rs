//! Keys of records: a byte for the table, then the parts. Texts end with a zero byte, which they never
//! contain, and numbers are big-endian, so that keys are ordered in bytes as they are in memory.

use std::sync::Arc;

/// The tables, by the first byte of their keys.
pub(crate) mod table {
    pub(crate) const MACHINE: u8 = 1;
    pub(crate) const VIEW: u8 = 2;
    pub(crate) const BREAKERS: u8 = 3;
    pub(crate) const SEEN_RULES: u8 = 4;
    pub(crate) const SEEN: u8 = 5;
    pub(crate) const RATES: u8 = 6;
    pub(crate) const CAPS: u8 = 7;
    pub(crate) const WEIGHTS: u8 = 8;
    pub(crate) const DATASET: u8 = 9;
    pub(crate) const TARGETS: u8 = 10;
    pub(crate) const LIMITS: u8 = 11;
    pub(crate) const FLAGS: u8 = 12;
    pub(crate) const SAMPLER_RATES: u8 = 13;
    pub(crate) const REVISIONS: u8 = 14;
    pub(crate) const ACTIONS: u8 = 15;

    /// All of them, with their names in metrics.
    pub(crate) const ALL: [(u8, &str); 15] = [
        (MACHINE, "machine"),
        (VIEW, "view"),
        (BREAKERS, "breakers"),
        (SEEN_RULES, "sampler_rules"),
        (SEEN, "sampler_seen"),
        (RATES, "sampler_rates"),
        (CAPS, "sampler_caps"),
        (WEIGHTS, "weights"),
        (DATASET, "dataset"),
        (TARGETS, "targets"),
        (LIMITS, "limits"),
        (FLAGS, "flags"),
        (SAMPLER_RATES, "sampler_rates_set"),
        (REVISIONS, "revisions"),
        (ACTIONS, "actions"),
    ];
}

/// A key of one table.
pub(crate) trait Key: Ord + Clone {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// The key of a table's only record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Only<const TABLE: u8>;

impl<const TABLE: u8> Key for Only<TABLE> {
    fn encode(&self) -> Vec<u8> {
        vec![TABLE]
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes == [TABLE]).then_some(Self)
    }
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<const TABLE: u8>(pub(crate) String);

impl<const TABLE: u8> Key for Text<TABLE> {
    fn encode(&self) -> Vec<u8> {
        Writer::new(TABLE).text(&self.0).bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(TABLE, bytes)?;
        let key = Self(reader.text()?);
        reader.end(key)
    }
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number<const TABLE: u8>(pub(crate) u64);

impl<const TABLE: u8> Key for Number<TABLE> {
    fn encode(&self) -> Vec<u8> {
        Writer::new(TABLE).number(self.0).bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(TABLE, bytes)?;
        let key = Self(reader.number()?);
        reader.end(key)
    }
}

/// Two texts: a sampler and its pipeline, a breaker and its target. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair<const TABLE: u8>(pub(crate) Names);

/// Two names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Names(Arc<(String, String)>);

impl Names {
    pub(crate) fn new(first: impl Into<String>, second: impl Into<String>) -> Self {
        Self(Arc::new((first.into(), second.into())))
    }

    pub(crate) fn first(&self) -> &str {
        &self.0.0
    }

    pub(crate) fn second(&self) -> &str {
        &self.0.1
    }
}

impl<const TABLE: u8> Key for Pair<TABLE> {
    fn encode(&self) -> Vec<u8> {
        Writer::new(TABLE).names(&self.0).bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(TABLE, bytes)?;
        let key = Self(reader.names()?);
        reader.end(key)
    }
}

/// Two names and a text: a sampler, its pipeline, and a target or node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Triple<const TABLE: u8>(pub(crate) Names, pub(crate) String);

impl<const TABLE: u8> Key for Triple<TABLE> {
    fn encode(&self) -> Vec<u8> {
        Writer::new(TABLE).names(&self.0).text(&self.1).bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(TABLE, bytes)?;
        let key = Self(reader.names()?, reader.text()?);
        reader.end(key)
    }
}

/// Two names and a number: a sampler, its pipeline, and where a block of fingerprints begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place<const TABLE: u8>(pub(crate) Names, pub(crate) u64);

impl<const TABLE: u8> Key for Place<TABLE> {
    fn encode(&self) -> Vec<u8> {
        Writer::new(TABLE).names(&self.0).number(self.1).bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(TABLE, bytes)?;
        let key = Self(reader.names()?, reader.number()?);
        reader.end(key)
    }
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn new(table: u8) -> Self {
        Self { bytes: vec![table] }
    }

    fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self
    }

    fn names(self, names: &Names) -> Self {
        self.text(names.first()).text(names.second())
    }

    fn number(mut self, number: u64) -> Self {
        self.bytes.extend_from_slice(&number.to_be_bytes());
        self
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(table: u8, bytes: &'a [u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        (*first == table).then_some(Self { rest })
    }

    fn text(&mut self) -> Option<String> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let text = std::str::from_utf8(self.rest.get(..end)?).ok()?.to_owned();
        self.rest = self.rest.get(end + 1..)?;
        Some(text)
    }

    fn names(&mut self) -> Option<Names> {
        Some(Names::new(self.text()?, self.text()?))
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(u64::from_be_bytes(*number))
    }

    fn end<K>(self, key: K) -> Option<K> {
        self.rest.is_empty().then_some(key)
    }
}

/// A key as people can say it.
pub(crate) fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
