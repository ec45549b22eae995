//! Processor `transform`, as far as its statements need not be understood: a higher room knows their language.

use super::at;
use crate::fault::Complaint;
use crate::settings::{StatementContext, StatementGroup, TransformProcessor};

pub(super) fn check(path: &[String], transform: &TransformProcessor, found: &mut Vec<Complaint>) {
    let kinds = [
        (
            "metric_statements",
            &transform.metric_statements,
            StatementContext::Log,
            "log_statements",
        ),
        (
            "log_statements",
            &transform.log_statements,
            StatementContext::Datapoint,
            "metric_statements",
        ),
    ];
    for (key, groups, foreign, home) in kinds {
        for (index, group) in groups.iter().enumerate() {
            let path = at(&at(path, key), &index.to_string());
            if group.context == Some(foreign) {
                let message = format!("this context has no place in `{key}`; put the group under `{home}`");
                found.push(Complaint::new(at(&path, "context"), message));
            }
            filled(&path, group, found);
        }
    }
}

fn filled(path: &[String], group: &StatementGroup, found: &mut Vec<Complaint>) {
    if group.statements.is_empty() {
        let message =
            "`statements` is empty; give at least one, such as `set(attributes[\"tier\"], \"gold\")`";
        found.push(Complaint::new(at(path, "statements"), message));
    }
    for (key, texts) in [
        ("conditions", &group.conditions),
        ("statements", &group.statements),
    ] {
        for (index, text) in texts.iter().enumerate() {
            if text.trim().is_empty() {
                let message = format!("`{key}[{index}]` is empty; write it, or take it away");
                found.push(Complaint::new(at(&at(path, key), &index.to_string()), message));
            }
        }
    }
}
