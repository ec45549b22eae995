//! Answers as JSON: the fields of the wire under their own names, all of them, enums by name, times as RFC
//! 3339.

use std::collections::BTreeMap;

use ringwatch_proto::v1;
use serde_json::{Value, json};

use crate::commands::text::time;

/// `ChangeResponse`.
pub(super) fn change(answer: &v1::ChangeResponse) -> Value {
    json!({ "version": answer.version, "unchanged": answer.unchanged })
}

/// `ListWatchedResponse`.
pub(super) fn watched(answer: &v1::ListWatchedResponse) -> Value {
    let target = |target: &v1::WatchedTarget| {
        let labels: BTreeMap<_, _> = target.labels.iter().collect();
        json!({
            "target_id": target.target_id,
            "endpoint": target.endpoint,
            "receivers": target.receivers,
            "source": target.source().as_str_name(),
            "labels": labels,
            "problem": target.problem,
        })
    };
    let targets: Vec<_> = answer.targets.iter().map(target).collect();
    json!({ "version": answer.version, "targets": targets })
}

/// `ListFlagsResponse`.
pub(super) fn flags(answer: &v1::ListFlagsResponse) -> Value {
    let flag = |flag: &v1::Flag| json!({ "name": flag.name, "value": flag.value, "set": flag.set, "meaning": flag.meaning });
    let flags: Vec<_> = answer.flags.iter().map(flag).collect();
    json!({ "version": answer.version, "flags": flags })
}

/// `ListLimitsResponse`.
pub(super) fn limits(answer: &v1::ListLimitsResponse) -> Value {
    let limit = |limit: &v1::Limit| json!({ "target_id": limit.target_id, "queries_per_second": limit.queries_per_second });
    let limits: Vec<_> = answer.limits.iter().map(limit).collect();
    json!({ "version": answer.version, "limits": limits })
}

/// `GetHistoryResponse`.
pub(super) fn history(answer: &v1::GetHistoryResponse) -> Value {
    let revision = |revision: &v1::Revision| {
        json!({
            "version": revision.version,
            "what": revision.what,
            "who": revision.who,
            "time": revision.time.as_ref().and_then(time),
        })
    };
    let action = |action: &v1::Action| {
        json!({
            "time": action.time.as_ref().and_then(time),
            "who": action.who,
            "from": action.from,
            "what": action.what,
            "node": action.node,
        })
    };
    let revisions: Vec<_> = answer.revisions.iter().map(revision).collect();
    let actions: Vec<_> = answer.actions.iter().map(action).collect();
    json!({ "version": answer.version, "revisions": revisions, "actions": actions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_there_also_when_it_is_empty() {
        let answer = v1::ListWatchedResponse {
            version: 3,
            targets: vec![v1::WatchedTarget {
                target_id: "postgresql://a:1".into(),
                source: v1::TargetSource::Runtime.into(),
                ..v1::WatchedTarget::default()
            }],
        };
        assert_eq!(
            watched(&answer).to_string(),
            "{\"version\":3,\"targets\":[{\"target_id\":\"postgresql://a:1\",\"endpoint\":\"\",\"receivers\":[],\
             \"source\":\"RUNTIME\",\"labels\":{},\"problem\":\"\"}]}"
        );
        assert_eq!(
            change(&v1::ChangeResponse::default()).to_string(),
            "{\"version\":0,\"unchanged\":false}"
        );
        let history = history(&v1::GetHistoryResponse {
            version: 1,
            revisions: vec![v1::Revision::default()],
            actions: vec![v1::Action::default()],
        });
        assert_eq!(
            history.to_string(),
            "{\"version\":1,\"revisions\":[{\"version\":0,\"what\":\"\",\"who\":\"\",\"time\":null}],\
             \"actions\":[{\"time\":null,\"who\":\"\",\"from\":\"\",\"what\":\"\",\"node\":\"\"}]}"
        );
    }
}
