//! Pipelines name what exists, and what they need.

use std::collections::HashSet;

use super::{Declared, at};
use crate::Settings;
use crate::fault::{Complaint, advice};
use crate::settings::{ComponentId, Exporter, Pipeline};

/// From so many complaints on, no nearest name is looked for.
const MANY: usize = 100;

/// The kinds of pipelines.
const KINDS: [&str; 2] = ["metrics", "logs"];

pub(super) fn check(settings: &Settings, declared: &Declared, found: &mut Vec<Complaint>) {
    let service = ["service".to_owned()];
    let extensions = at(&service, "extensions");
    references(
        &extensions,
        "extension",
        &settings.service.extensions,
        declared.extensions.as_ref(),
        found,
    );
    let pipelines = at(&service, "pipelines");
    if settings.service.pipelines.is_empty() {
        found.push(Complaint::new(
            pipelines.clone(),
            "`pipelines` needs at least one pipeline, such as `metrics`",
        ));
    }
    for (id, pipeline) in &settings.service.pipelines {
        let path = at(&pipelines, &id.to_string());
        if !KINDS.contains(&id.kind.as_str()) {
            let message = format!(
                "`{id}` is not a pipeline: write `metrics`, `logs`, `metrics/name` or `logs/name`{}",
                advice(&id.kind, &KINDS)
            );
            found.push(Complaint::new(path.clone(), message));
        }
        one(&path, pipeline, declared, found);
        if id.kind == "logs" {
            without_logs(settings, &path, pipeline, found);
        }
    }
}

fn one(path: &[String], pipeline: &Pipeline, declared: &Declared, found: &mut Vec<Complaint>) {
    for (key, ids) in [
        ("receivers", &pipeline.receivers),
        ("exporters", &pipeline.exporters),
    ] {
        if ids.is_empty() {
            found.push(Complaint::new(
                at(path, key),
                format!("`{key}` is empty; a pipeline needs at least one"),
            ));
        }
    }
    references(
        &at(path, "receivers"),
        "receiver",
        &pipeline.receivers,
        declared.receivers.as_ref(),
        found,
    );
    references(
        &at(path, "processors"),
        "processor",
        &pipeline.processors,
        declared.processors.as_ref(),
        found,
    );
    references(
        &at(path, "exporters"),
        "exporter",
        &pipeline.exporters,
        declared.exporters.as_ref(),
        found,
    );
}

/// Each name is declared, and stands in the list once.
fn references(
    path: &[String],
    what: &str,
    ids: &[ComponentId],
    declared: Option<&HashSet<String>>,
    found: &mut Vec<Complaint>,
) {
    let Some(declared) = declared else { return };
    let mut seen = HashSet::new();
    for (index, id) in ids.iter().enumerate() {
        let path = at(path, &index.to_string());
        let name = id.to_string();
        if !declared.contains(&name) {
            // Comparing with all that is declared takes its time, and nobody reads so many complaints.
            let mut known: Vec<&str> = if found.len() < MANY {
                declared.iter().map(String::as_str).collect()
            } else {
                Vec::new()
            };
            known.sort_unstable();
            let message = format!(
                "{what} `{name}` is not defined under `{what}s`{}",
                advice(&name, &known)
            );
            found.push(Complaint::new(path, message));
        } else if !seen.insert(id) {
            found.push(Complaint::new(
                path,
                format!("{what} `{name}` stands in this list twice"),
            ));
        }
    }
}

/// The Prometheus exporter has no way to offer logs.
fn without_logs(settings: &Settings, path: &[String], pipeline: &Pipeline, found: &mut Vec<Complaint>) {
    for (index, id) in pipeline.exporters.iter().enumerate() {
        if matches!(settings.exporters.get(id), Some(Exporter::Prometheus(_))) {
            let message = format!("exporter `{id}` takes metrics only and cannot stand in a logs pipeline");
            found.push(Complaint::new(
                at(&at(path, "exporters"), &index.to_string()),
                message,
            ));
        }
    }
}
