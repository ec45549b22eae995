//! Processor `verification`.

use std::collections::HashSet;

use super::{at, positive};
use crate::fault::Complaint;
use crate::settings::{PiiDetection, QualityValidation, Verification};

pub(super) fn check(path: &[String], verification: &Verification, found: &mut Vec<Complaint>) {
    quality(
        &at(path, "quality_validation"),
        &verification.quality_validation,
        found,
    );
    pii(&at(path, "pii_detection"), &verification.pii_detection, found);
    let anomaly = at(path, "anomaly_detection");
    positive(
        &anomaly,
        "max_incident",
        verification.anomaly_detection.max_incident,
        found,
    );
    let tuning = &verification.auto_tuning;
    let path_of_tuning = at(path, "auto_tuning");
    positive(&path_of_tuning, "learning_window", tuning.learning_window, found);
    if tuning.max_threshold < tuning.min_threshold {
        let message = "`max_threshold` must be at least `min_threshold`";
        let complaint = Complaint::new(at(&path_of_tuning, "max_threshold"), message);
        found.push(complaint.within(&path_of_tuning));
    }
    positive(
        &at(path, "self_healing"),
        "window",
        verification.self_healing.window,
        found,
    );
    let feedback = at(path, "feedback");
    positive(&feedback, "mute_for", verification.feedback.mute_for, found);
    positive(&feedback, "half_life", verification.feedback.half_life, found);
}

fn quality(path: &[String], quality: &QualityValidation, found: &mut Vec<Complaint>) {
    let named = |path: &[String], names: &[String], found: &mut Vec<Complaint>| {
        for (index, _) in names
            .iter()
            .enumerate()
            .filter(|(_, name)| name.trim().is_empty())
        {
            let message = "this name is empty; name a column or an attribute";
            found.push(Complaint::new(at(path, &index.to_string()), message));
        }
    };
    named(
        &at(path, "required_attributes"),
        &quality.required_attributes,
        found,
    );
    let cardinality = at(path, "cardinality");
    positive(&cardinality, "window", quality.cardinality.window, found);
    named(
        &at(&cardinality, "attributes"),
        &quality.cardinality.attributes,
        found,
    );
    let rules = at(path, "rules");
    let mut names = HashSet::new();
    for (index, rule) in quality.rules.iter().enumerate() {
        let path = at(&rules, &index.to_string());
        if rule.name.trim().is_empty() {
            let message = "`name` is empty; metrics show rules by their names";
            found.push(Complaint::new(at(&path, "name"), message));
        } else if !names.insert(rule.name.as_str()) {
            let message = "a rule before has the same name; metrics tell rules by their names";
            found.push(Complaint::new(at(&path, "name"), message));
        }
        if rule.condition.trim().is_empty() {
            let message = "`condition` is empty; write an expression, such as \"mean_exec_time > 3600000\"";
            found.push(Complaint::new(at(&path, "condition"), message));
        }
    }
}

fn pii(path: &[String], pii: &PiiDetection, found: &mut Vec<Complaint>) {
    let classes = at(path, "classes");
    for (index, _) in pii
        .classes
        .iter()
        .enumerate()
        .filter(|(_, class)| class.is_empty())
    {
        let message = "this class is empty; name one, such as `email`";
        found.push(Complaint::new(at(&classes, &index.to_string()), message));
    }
    let patterns = at(path, "patterns");
    let mut names = HashSet::new();
    for (index, pattern) in pii.patterns.iter().enumerate() {
        let path = at(&patterns, &index.to_string());
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if pattern.name.is_empty() || !pattern.name.chars().all(is_word) {
            let message = "`name` must be lower-case letters, digits and `_`: it becomes a label of metrics";
            found.push(Complaint::new(at(&path, "name"), message));
        } else if !names.insert(pattern.name.as_str()) {
            let message = "a pattern before has the same name; give each its own";
            found.push(Complaint::new(at(&path, "name"), message));
        }
        if pattern.pattern.is_empty() {
            let message = "`pattern` is empty; write a regular expression";
            found.push(Complaint::new(at(&path, "pattern"), message));
        }
    }
    if pii.hash_key.as_ref().is_some_and(|key| key.expose().is_empty()) {
        let message =
            "`hash_key` is empty; give one, such as `${file:/run/secrets/pii_key}`, or leave the key out";
        found.push(Complaint::new(at(path, "hash_key"), message));
    }
}
