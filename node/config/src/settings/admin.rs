//! Section `admin`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Secret;

/// Who may change a running node over HTTP (`/admin/...` on the port of its own metrics). Without `token`, nobody.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// What a request must bear as `Authorization: Bearer ...`. Best as `${file:/run/secrets/admin}`.
    pub token: Option<Secret>,
}
