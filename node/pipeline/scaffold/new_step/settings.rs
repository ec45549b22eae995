//! Processor `new_step`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lets the first rows of each frame pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewStep {
    /// How many rows of a frame pass. Those beyond are dropped for `rate_limited`.
    #[schemars(range(min = 1))]
    pub max_rows: u64,
}

impl Default for NewStep {
    fn default() -> Self {
        Self { max_rows: 10_000 }
    }
}
