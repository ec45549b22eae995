//! Processor `verification`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StateBackend;
use crate::scalar::{Duration, Secret};

/// Checks rows before they leave: whether they are whole and make sense, whether their texts hold what must
/// not leave, and whether statements behave as usual. Each distinct text is scanned once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verification {
    /// Whether rows are whole and make sense.
    pub quality_validation: QualityValidation,
    /// Whether texts hold personal data or secrets.
    pub pii_detection: PiiDetection,
    /// Whether statements behave as usual.
    pub anomaly_detection: AnomalyDetection,
    /// Whether the checks themselves are quick.
    pub health_monitoring: HealthMonitoring,
    /// Whether the thresholds of anomalies are learnt.
    pub auto_tuning: AutoTuning,
    /// Whether faults are mended.
    pub self_healing: SelfHealing,
    /// What follows when somebody says that a finding was wrong.
    pub feedback: Feedback,
    /// How many of the latest findings can be looked at.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_findings: u64,
    /// Where learnt thresholds and feedback are kept.
    pub state_backend: StateBackend,
    /// The file of `state_backend: file`.
    pub state_file: String,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            quality_validation: QualityValidation::default(),
            pii_detection: PiiDetection::default(),
            anomaly_detection: AnomalyDetection::default(),
            health_monitoring: HealthMonitoring::default(),
            auto_tuning: AutoTuning::default(),
            self_healing: SelfHealing::default(),
            feedback: Feedback::default(),
            max_findings: 1000,
            state_backend: StateBackend::Memory,
            state_file: "/var/lib/otel/verification_state.json".into(),
        }
    }
}

/// Whether rows are whole and make sense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QualityValidation {
    /// Whether it is checked.
    pub enabled: bool,
    /// What every row of a stream of statements must have: columns or attributes, by any of their usual names
    /// (`query_id` is `queryid` and `digest` as well). A stream that can never have one is told once and not
    /// judged by it.
    pub required_attributes: Vec<String>,
    /// Whether a column that changes its type, or is gone, is a finding.
    pub check_schema: bool,
    /// Whether negative durations and counts, numbers that are none, shares over 100 percent and times in the
    /// future are findings.
    pub check_ranges: bool,
    /// Whether figures of a row that contradict each other are findings.
    pub check_consistency: bool,
    /// How far a time may be after the tick.
    pub max_clock_skew: Duration,
    /// How many different values an attribute may have.
    pub cardinality: Cardinality,
    /// Rules of your own.
    pub rules: Vec<VerificationRule>,
}

impl Default for QualityValidation {
    fn default() -> Self {
        Self {
            enabled: false,
            required_attributes: Vec::new(),
            check_schema: true,
            check_ranges: true,
            check_consistency: true,
            max_clock_skew: Duration::from_secs(600),
            cardinality: Cardinality::default(),
            rules: Vec::new(),
        }
    }
}

/// How many different values an attribute may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cardinality {
    /// So many for each text attribute of a stream of a target. Further ones become `other`. `0` sets no
    /// limit.
    #[schemars(range(max = 10_000_000))]
    pub max_distinct_per_attribute: u64,
    /// A value that did not come for so long makes room for another.
    pub window: Duration,
    /// The columns or attributes that are limited. Default: all texts that are no statement, no plan and no
    /// body.
    pub attributes: Vec<String>,
    /// The most memory for the values that are remembered, in MiB, in each pipeline.
    #[schemars(range(min = 1))]
    pub max_memory_mb: u64,
}

impl Default for Cardinality {
    fn default() -> Self {
        Self {
            max_distinct_per_attribute: 0,
            window: Duration::from_secs(3600),
            attributes: Vec::new(),
            max_memory_mb: 16,
        }
    }
}

/// A rule on rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationRule {
    /// Its name, which metrics and findings show.
    pub name: String,
    /// The stream that it is for. Default: every stream.
    pub stream: Option<String>,
    /// When a row breaks it, as an expression: `mean_exec_time > 3600000`.
    pub condition: String,
    /// What becomes of rows that break it.
    #[serde(default)]
    pub action: RuleAction,
}

/// What becomes of rows that break a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// They are counted.
    #[default]
    Count,
    /// They get the attribute `verification.rule`, with the name of the first rule that they break.
    Tag,
    /// They are dropped for `verification`.
    Drop,
}

/// Whether texts hold personal data or secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PiiDetection {
    /// Whether it is looked for.
    pub enabled: bool,
    /// In texts of statements.
    pub scan_query_text: bool,
    /// In all other texts that are attributes, in attributes of resources, and for numbers of cards in whole numbers
    /// that are attributes.
    pub scan_attributes: bool,
    /// In plans.
    pub scan_plans: bool,
    /// In bodies of log records.
    pub scan_log_bodies: bool,
    /// What is looked for: `email`, `credit_card`, ... Default: those that `docs/pii.md` marks as such.
    pub classes: Vec<String>,
    /// Patterns of your own.
    pub patterns: Vec<PiiPattern>,
    /// What becomes of what is found.
    pub action: PiiAction,
    /// Columns that are not scanned, besides those that hold nothing but identifiers.
    pub skip_columns: Vec<String>,
    /// Longer texts are not scanned but hidden, in KiB.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_text_kb: u64,
    /// The most memory for what is remembered of scanned texts, in MiB, in each pipeline.
    #[schemars(range(min = 1))]
    pub cache_mb: u64,
    /// The key of `action: hash`: with the same key the same value becomes the same hash on every node.
    /// Default: one that the processor makes for itself.
    pub hash_key: Option<Secret>,
}

impl Default for PiiDetection {
    fn default() -> Self {
        Self {
            enabled: false,
            scan_query_text: false,
            scan_attributes: false,
            scan_plans: true,
            scan_log_bodies: true,
            classes: Vec::new(),
            patterns: Vec::new(),
            action: PiiAction::Redact,
            skip_columns: Vec::new(),
            max_text_kb: 1024,
            cache_mb: 32,
            hash_key: None,
        }
    }
}

/// A pattern of your own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PiiPattern {
    /// Its name, which metrics and hidden values show: lower-case letters, digits and `_`.
    pub name: String,
    /// A regular expression: what it matches is hidden.
    pub pattern: String,
}

/// What becomes of what is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PiiAction {
    /// The name of its class takes its place.
    #[default]
    Redact,
    /// A keyed hash takes its place, so that the same value can be told again.
    Hash,
    /// The row is dropped for `pii`.
    Drop,
}

/// Whether statements behave as usual: their time per call, and how often they are called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnomalyDetection {
    /// Whether it is watched.
    pub enabled: bool,
    /// After this time all begins anew: a day, or a week. `0s` for a load without seasons.
    pub season: Duration,
    /// In so many readings a statement is learnt before it is judged.
    #[schemars(range(min = 10, max = 10_000))]
    pub warm_up: u32,
    /// How much evidence makes an anomaly: the sum of the deviations of readings in a row, in robust standard
    /// deviations. `auto_tuning` adjusts it.
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub threshold: f64,
    /// Less than so many times what is usual is none, and so is more than one of so many parts.
    #[schemars(range(min = 1.01, max = 1000.0))]
    pub min_ratio: f64,
    /// A time per call that differs by less is none, in milliseconds.
    #[schemars(range(min = 0.0))]
    pub min_change_ms: f64,
    /// A statement that was called less often between two readings is not judged then.
    #[schemars(range(min = 1))]
    pub min_calls: u64,
    /// What lasts so long is usual from then on.
    pub max_incident: Duration,
    /// What rows of a statement in an anomaly get.
    pub tag: AnomalyTag,
    /// The most memory for what is usual, in MiB, in each pipeline.
    #[schemars(range(min = 1))]
    pub max_memory_mb: u64,
}

impl Default for AnomalyDetection {
    fn default() -> Self {
        Self {
            enabled: true,
            season: Duration::from_secs(24 * 3600),
            warm_up: 30,
            threshold: 12.0,
            min_ratio: 1.5,
            min_change_ms: 5.0,
            min_calls: 5,
            max_incident: Duration::from_secs(3600),
            tag: AnomalyTag::Flag,
            max_memory_mb: 16,
        }
    }
}

/// What rows of a statement in an anomaly get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnomalyTag {
    /// Nothing.
    None,
    /// The attribute `verification.anomaly`, which is true.
    #[default]
    Flag,
    /// Also the attribute `verification.anomaly_score`, in robust standard deviations.
    Score,
}

/// Whether the checks themselves are quick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthMonitoring {
    /// Whether it is watched.
    pub enabled: bool,
    /// The processor is unhealthy while a batch takes longer, in milliseconds.
    #[schemars(range(min = 1))]
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

/// Whether the thresholds of anomalies are learnt, for each stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutoTuning {
    /// Whether they are.
    pub enabled: bool,
    /// From how long a time.
    pub learning_window: Duration,
    /// No threshold becomes less.
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub min_threshold: f64,
    /// No threshold becomes more.
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub max_threshold: f64,
}

impl Default for AutoTuning {
    fn default() -> Self {
        Self {
            enabled: false,
            learning_window: Duration::from_secs(3600),
            min_threshold: 10.0,
            max_threshold: 48.0,
        }
    }
}

/// Whether faults are mended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SelfHealing {
    /// Whether they are.
    pub enabled: bool,
    /// So many fixes are begun in a `window`; after that it only alerts.
    pub max_auto_fixes: u32,
    /// The time in which fixes are counted.
    pub window: Duration,
}

impl Default for SelfHealing {
    fn default() -> Self {
        Self {
            enabled: false,
            max_auto_fixes: 3,
            window: Duration::from_secs(3600),
        }
    }
}

/// What follows when somebody says that a finding was wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Feedback {
    /// For so long the check says nothing more of that stream.
    pub mute_for: Duration,
    /// After this time the higher threshold of a statement is half of the way back.
    pub half_life: Duration,
    /// How many values may be allowed that were taken for personal data, and how many statements may have a
    /// threshold of their own. The oldest go first.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_entries: u64,
}

impl Default for Feedback {
    fn default() -> Self {
        Self {
            mute_for: Duration::from_secs(24 * 3600),
            half_life: Duration::from_secs(7 * 24 * 3600),
            max_entries: 1000,
        }
    }
}
