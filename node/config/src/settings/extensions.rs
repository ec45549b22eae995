//! Section `extensions`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Endpoint;

/// Answers whether the node is well, on `/`, `/health`, `/health/live`, `/health/ready` and `/ready`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthCheck {
    /// Where to listen.
    pub endpoint: Endpoint,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            endpoint: Endpoint {
                host: "127.0.0.1".into(),
                port: 13133,
            },
        }
    }
}

/// Offers CPU profiles of the process in the form of pprof, on `/debug/pprof/profile?seconds=30`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pprof {
    /// Where to listen.
    pub endpoint: Endpoint,
}

impl Default for Pprof {
    fn default() -> Self {
        Self {
            endpoint: Endpoint {
                host: "127.0.0.1".into(),
                port: 1777,
            },
        }
    }
}

/// Shows the node's latest and slowest traces on `/debug/tracez`, and its pipelines on `/debug/pipelinez`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Zpages {
    /// Where to listen.
    pub endpoint: Endpoint,
}

impl Default for Zpages {
    fn default() -> Self {
        Self {
            endpoint: Endpoint {
                host: "127.0.0.1".into(),
                port: 55679,
            },
        }
    }
}
