//! Findings: what the checks found, as people see it.

use std::fmt;
use std::str::FromStr;

use ringwatch_frame::{StreamId, TargetId, Tick};

/// What was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Check {
    /// A row lacks what it must have.
    Missing,
    /// A column changed its type, or is gone.
    Schema,
    /// A value cannot be.
    Range,
    /// Figures of a row contradict each other.
    Consistency,
    /// An attribute has too many values.
    Cardinality,
    /// A row breaks a rule of the user's.
    Rule,
    /// A text holds personal data or a secret.
    Pii,
    /// A text was too long to be scanned.
    Unscanned,
    /// A statement does not behave as usual.
    Anomaly,
    /// There were more faults than may be mended.
    Fixes,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::Schema,
        Self::Range,
        Self::Consistency,
        Self::Cardinality,
        Self::Rule,
        Self::Pii,
        Self::Unscanned,
        Self::Anomaly,
        Self::Fixes,
    ];

    /// The value of the label `check`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Schema => "schema",
            Self::Range => "range",
            Self::Consistency => "consistency",
            Self::Cardinality => "cardinality",
            Self::Rule => "rule",
            Self::Pii => "pii",
            Self::Unscanned => "unscanned",
            Self::Anomaly => "anomaly",
            Self::Fixes => "fixes",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a finding: 16 hexadecimal digits, the same on every node for the same thing at the same tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId(pub u64);

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that names no finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this names no finding: give the 16 hexadecimal digits that the list of findings shows")]
pub struct NoFindingId;

impl FromStr for FindingId {
    type Err = NoFindingId;

    fn from_str(text: &str) -> Result<Self, NoFindingId> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        id.map(Self).ok_or(NoFindingId)
    }
}

/// Something that was found. It holds no value of a row but figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its name.
    pub id: FindingId,
    /// What was checked.
    pub check: Check,
    /// Where.
    pub target: TargetId,
    /// In what.
    pub stream: StreamId,
    /// What it is about: a column, a rule, a class of data with a column, a statement.
    pub subject: String,
    /// What it is.
    pub message: String,
    /// The tick of the reading in which it began.
    pub at: Tick,
    /// The last reading in which it was.
    pub last: Tick,
    /// When an anomaly ended. `None` while it lasts, and for others.
    pub ended: Option<Tick>,
    /// Rows so far.
    pub rows: u64,
    /// How far an anomaly was off at its begin, in robust standard deviations; else 0.
    pub score: f64,
    /// What somebody said of it: that it was wrong, or right.
    pub verdict: Option<Verdict>,
    /// The thing that it is about, whenever it is seen.
    pub(super) key: u64,
    /// What feedback changes: a series, or nothing.
    pub(super) series: Option<u64>,
    /// The name of a value that was taken for personal data. It cannot be told from it.
    pub(super) value: Option<String>,
}

/// What somebody said of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was right.
    Right,
    /// It was wrong.
    Wrong,
}
