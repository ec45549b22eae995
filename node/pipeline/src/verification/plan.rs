//! The settings, checked and in the form in which they are used.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringwatch_config::settings::{AnomalyTag, PiiAction, PiiDetection, RuleAction, Verification as Settings};
use ringwatch_parse::expr::Condition;
use ringwatch_parse::scan::{Class, Classes, Custom, Scanner};

use super::names;
use super::shape::TextKind;
use crate::PipelineError;

/// What the checks of all pipelines go by.
pub(super) struct Plan {
    pub(super) settings: Settings,
    pub(super) required: Vec<Arc<str>>,
    pub(super) rules: Vec<Rule>,
    /// `None` where nothing is scanned.
    pub(super) scanner: Option<Scanner>,
    pub(super) skipped_columns: BTreeSet<String>,
    /// Columns that hold plans, besides those whose names say so.
    pub(super) plan_columns: BTreeSet<String>,
    pub(super) max_distinct: u64,
    pub(super) limited: Vec<String>,
    pub(super) tag: AnomalyTag,
}

/// A rule of the user's.
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    pub(super) stream: Option<String>,
    pub(super) condition: Condition,
    pub(super) action: RuleAction,
}

impl Plan {
    /// # Errors
    /// When a condition is none, a class is not known or a pattern cannot be used.
    pub(super) fn new(name: &str, settings: &Settings) -> Result<Self, PipelineError> {
        let quality = &settings.quality_validation;
        let is_checked = quality.enabled;
        let mut rules = Vec::new();
        for rule in &quality.rules {
            let condition = Condition::parse(&rule.condition).map_err(|error| {
                PipelineError::setting(name, format!("the rule `{}` cannot be read: {error}", rule.name))
            })?;
            if is_checked {
                rules.push(Rule {
                    name: rule.name.as_str().into(),
                    stream: rule.stream.clone(),
                    condition,
                    action: rule.action,
                });
            }
        }
        let of_quality = |names: &[String]| if is_checked { names.to_vec() } else { Vec::new() };
        Ok(Self {
            required: of_quality(&quality.required_attributes)
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            rules,
            scanner: scanner(name, &settings.pii_detection)?,
            skipped_columns: settings.pii_detection.skip_columns.iter().cloned().collect(),
            plan_columns: BTreeSet::new(),
            max_distinct: if is_checked {
                quality.cardinality.max_distinct_per_attribute
            } else {
                0
            },
            limited: of_quality(&quality.cardinality.attributes),
            tag: settings.anomaly_detection.tag,
            settings: settings.clone(),
        })
    }

    /// Whether texts of this kind are scanned.
    pub(super) fn scans(&self, kind: TextKind) -> bool {
        let pii = &self.settings.pii_detection;
        self.scanner.is_some()
            && match kind {
                TextKind::Query => pii.scan_query_text,
                TextKind::Plan => pii.scan_plans,
                TextKind::Body => pii.scan_log_bodies,
                TextKind::Attribute => pii.scan_attributes,
            }
    }

    /// Whether an attribute of this name may hold something.
    pub(super) fn is_attribute_scanned(&self, name: &str) -> bool {
        self.scans(TextKind::Attribute) && !names::is_harmless(name) && !self.skipped_columns.contains(name)
    }

    /// Whether rows with something found are dropped.
    pub(super) fn drops_pii(&self) -> bool {
        self.settings.pii_detection.action == PiiAction::Drop
    }
}

fn scanner(name: &str, pii: &PiiDetection) -> Result<Option<Scanner>, PipelineError> {
    let classes = if pii.classes.is_empty() {
        Classes::default()
    } else {
        let known = pii.classes.iter().map(|class| class.parse::<Class>());
        let known: Result<Classes, _> = known.collect();
        known.map_err(|error| PipelineError::setting(name, error.to_string()))?
    };
    let custom: Result<Vec<Custom>, _> = pii
        .patterns
        .iter()
        .map(|pattern| Custom::new(&pattern.name, &pattern.pattern))
        .collect();
    let scanner = custom.and_then(|custom| Scanner::new(classes, &custom));
    // A value that is nothing but digits says nothing here: servers have many identifiers of nine or ten.
    let scanner = scanner.map(|scanner| scanner.whole_values(false));
    let scanner = scanner.map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
        PipelineError::setting(name, format!("{error}{cause}"))
    })?;
    Ok(pii.enabled.then_some(scanner))
}
