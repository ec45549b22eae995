//! Processors `plan_extractor` and `verification`. They are accepted, and pass on what they get: this version makes no
//! use of them yet, and says so when it starts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Duration;

/// Takes attributes out of execution plans. This version passes rows on unchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanExtractor {
    /// How long one plan may take.
    pub plan_timeout: Duration,
    /// Larger plans are left out, in KiB.
    pub max_plan_size_kb: u64,
    /// How many plans are remembered.
    pub plan_cache_size: u64,
    /// The attributes to set.
    pub derived_attributes: Vec<String>,
}

impl Default for PlanExtractor {
    fn default() -> Self {
        Self {
            plan_timeout: Duration::from_secs(5),
            max_plan_size_kb: 500,
            plan_cache_size: 10_000,
            derived_attributes: Vec::new(),
        }
    }
}

/// Checks rows before they leave. This version passes rows on unchanged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verification {
    /// Whether rows are whole.
    pub quality_validation: QualityValidation,
    /// Whether texts hold what they should not.
    pub pii_detection: PiiDetection,
    /// Whether the checks themselves are quick.
    pub health_monitoring: HealthMonitoring,
    /// Whether thresholds are learnt.
    pub auto_tuning: AutoTuning,
    /// Whether faults are mended.
    pub self_healing: SelfHealing,
}

/// Whether rows are whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QualityValidation {
    /// Whether it is checked.
    pub enabled: bool,
    /// What every row must have.
    pub required_attributes: Vec<String>,
}

/// Whether texts hold what they should not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PiiDetection {
    /// Whether it is checked.
    pub enabled: bool,
    /// Texts of statements.
    pub scan_query_text: bool,
    /// Attributes.
    pub scan_attributes: bool,
}

/// Whether the checks themselves are quick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthMonitoring {
    /// Whether it is watched.
    pub enabled: bool,
    /// From how many milliseconds on it is told.
    pub alert_threshold_ms: u64,
}

impl Default for HealthMonitoring {
    fn default() -> Self {
        Self {
            enabled: false,
            alert_threshold_ms: 500,
        }
    }
}

/// Whether thresholds are learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutoTuning {
    /// Whether they are.
    pub enabled: bool,
    /// From how long a time.
    pub learning_window: Duration,
}

impl Default for AutoTuning {
    fn default() -> Self {
        Self {
            enabled: false,
            learning_window: Duration::from_secs(3600),
        }
    }
}

/// Whether faults are mended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SelfHealing {
    /// Whether they are.
    pub enabled: bool,
    /// At most so many times.
    pub max_auto_fixes: u32,
}

impl Default for SelfHealing {
    fn default() -> Self {
        Self {
            enabled: false,
            max_auto_fixes: 3,
        }
    }
}
