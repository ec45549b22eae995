//! Section `processors`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Duration;

/// Refuses frames before memory runs out: when the frames in flight, or the process, would pass
/// `limit_mib - spike_limit_mib`. What it refuses is counted as dropped for `memory_limit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryLimiter {
    /// How often the memory of the process is looked at. Frames in flight are counted at every frame.
    #[serde(default = "one_second")]
    pub check_interval: Duration,
    /// The most memory that the process should hold, in MiB. Either this or `limit_percentage`.
    #[schemars(range(min = 1))]
    pub limit_mib: Option<u64>,
    /// How much may come between two looks, in MiB. Default: a fifth of the limit.
    pub spike_limit_mib: Option<u64>,
    /// The limit as a share of the machine's or the container's memory, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub limit_percentage: Option<u64>,
    /// The spike as a share of that memory, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub spike_limit_percentage: Option<u64>,
}

/// Changes resource attributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceProcessor {
    /// What to do, in order.
    pub attributes: Vec<AttributeAction>,
}

/// Changes attributes. `key` is the name of an attribute as it goes out (`db.query.text`), else the name of a column of
/// the row; an attribute that is added here goes out with every point and record of the row. What is the same in
/// every point or record (such as `state`, `operation` or `db.system.name`) cannot be changed by this processor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributesProcessor {
    /// What to do, in order.
    pub actions: Vec<AttributeAction>,
}

/// One change of one attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeAction {
    /// The attribute.
    pub key: String,
    /// What to do with it.
    pub action: AttributeActionKind,
    /// The value to set. `insert`, `update` and `upsert` take either this or `from_attribute`.
    pub value: Option<Scalar>,
    /// The attribute whose value to set.
    pub from_attribute: Option<String>,
}

/// What to do with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeActionKind {
    /// Set it where it is absent.
    Insert,
    /// Set it where it is present.
    Update,
    /// Set it in any case.
    Upsert,
    /// Take it away.
    Delete,
    /// Put the SHA-256 of its value in its place, in hexadecimal.
    Hash,
}

/// A plain value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Text.
    Text(String),
}

/// Puts frames together into larger requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Batch {
    /// A batch goes on at the latest after this time. `0s` sends each frame at once.
    pub timeout: Duration,
    /// A batch goes on when it holds so many rows. Under load, batches that fill before the timeout grow up to
    /// `send_batch_max_size`.
    #[schemars(range(min = 1))]
    pub send_batch_size: u64,
    /// No batch holds more rows than this; a larger frame is split. `0` sets no limit.
    pub send_batch_max_size: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(200),
            send_batch_size: 8192,
            send_batch_max_size: 0,
        }
    }
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}
