//! Checks of what verifications look for: conditions of rules, classes, patterns.

use std::error::Error as _;

use ringwatch_config::Complaint;
use ringwatch_config::settings::{ComponentId, Verification};
use ringwatch_parse::expr::Condition;
use ringwatch_parse::scan::{Class, Custom, ScanError};

use super::{about, path};

/// Complaints about texts that are no condition, no class and no pattern.
pub(super) fn texts(id: &ComponentId, verification: &Verification, found: &mut Vec<Complaint>) {
    let rules = &verification.quality_validation.rules;
    for (index, rule) in rules.iter().enumerate() {
        if !rule.condition.trim().is_empty()
            && let Err(error) = Condition::parse(&rule.condition)
        {
            let index = index.to_string();
            found.push(about(
                path(id, &["quality_validation", "rules", &index, "condition"]),
                &error,
            ));
        }
    }
    let pii = &verification.pii_detection;
    for (index, class) in pii.classes.iter().enumerate() {
        if !class.is_empty()
            && let Err(error) = class.parse::<Class>()
        {
            let (index, error) = (index.to_string(), error.to_string());
            let known = error.split_once("; ").map_or("", |(_, known)| known);
            let message = format!("this is no class of personal data; {known}");
            let path = path(id, &["pii_detection", "classes", &index]);
            found.push(Complaint::new(path, message).quoting());
        }
    }
    for (index, pattern) in pii.patterns.iter().enumerate() {
        if pattern.name.is_empty() || pattern.pattern.is_empty() {
            continue;
        }
        if let Err(error) = Custom::new(&pattern.name, &pattern.pattern) {
            let key = match error {
                ScanError::Pattern { .. } | ScanError::MatchesNothing(_) => "pattern",
                _ => "name",
            };
            let index = index.to_string();
            let complaint = Complaint::new(
                path(id, &["pii_detection", "patterns", &index, key]),
                what_is_wrong(&error),
            );
            found.push(complaint);
        }
    }
}

/// The fault without the pattern, which may hold what is not to be shown.
fn what_is_wrong(error: &ScanError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    match cause.lines().last().filter(|cause| !cause.is_empty()) {
        Some(cause) => format!("{error}: {}", cause.trim_start_matches("error: ")),
        None => error.to_string(),
    }
}
