//! Processor `plan_extractor`.

use super::{at, positive};
use crate::fault::Complaint;
use crate::settings::{PLAN_ATTRIBUTES, PlanExtractor, PlanInsights};

pub(super) fn check(path: &[String], plans: &PlanExtractor, found: &mut Vec<Complaint>) {
    positive(path, "plan_timeout", plans.plan_timeout, found);
    let derived = at(path, "derived_attributes");
    for (index, name) in plans.derived_attributes.iter().enumerate() {
        if !PLAN_ATTRIBUTES.contains(&name.as_str()) {
            let message = format!(
                "no such attribute can be taken out of a plan; there are {}",
                PLAN_ATTRIBUTES.join(", ")
            );
            found.push(Complaint::new(at(&derived, &index.to_string()), message));
        }
    }
    thresholds(&at(path, "insights"), &plans.insights, found);
}

/// None of them may be such that nothing, or everything, is remarked on by mistake.
fn thresholds(path: &[String], insights: &PlanInsights, found: &mut Vec<Complaint>) {
    let shares = [
        ("scan_share", insights.scan_share),
        ("removed_share", insights.removed_share),
        ("loops_share", insights.loops_share),
        ("lossy_share", insights.lossy_share),
    ];
    for (key, share) in shares {
        if !(0.0..=1.0).contains(&share) {
            let message = format!("`{key}` is a share, from 0 to 1");
            found.push(Complaint::new(at(path, key), message));
        }
    }
    let counts = [
        ("large_table_rows", insights.large_table_rows),
        ("removed_rows", insights.removed_rows),
        ("loops", insights.loops),
        ("heap_fetch_share", insights.heap_fetch_share),
        ("heap_fetches", insights.heap_fetches),
        ("cost", insights.cost),
        ("time_ms", insights.time_ms),
    ];
    for (key, count) in counts {
        if !count.is_finite() || count < 0.0 {
            let message = format!("`{key}` must be 0 or more");
            found.push(Complaint::new(at(path, key), message));
        }
    }
    for (key, steps) in [("shares", insights.shares), ("estimates", insights.estimates)] {
        if !steps.is_sorted() || steps.iter().any(|step| !step.is_finite() || *step <= 0.0) {
            let message =
                format!("`{key}` must rise: for a note, a warning and what is critical, each more than 0");
            found.push(Complaint::new(at(path, key), message));
        }
    }
}
