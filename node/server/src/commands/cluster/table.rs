//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use crate::commands::text::{aligned, dash, plain, to_the_second};

/// The members.
pub(super) fn members(answer: &v1::ListMembersResponse) -> String {
    let head = [
        "NODE", "STATE", "OWNED", "STANDBY", "VERSION", "GRPC", "GOSSIP", "SINCE",
    ];
    let rows = answer.members.iter().map(|member| {
        [
            plain(&member.node_id),
            member.state().as_str_name().to_owned(),
            member.owned_targets.to_string(),
            member.standby_targets.to_string(),
            plain(&member.version),
            plain(&member.grpc_address),
            plain(&member.gossip_address),
            to_the_second(member.since.as_ref()),
        ]
    });
    format!(
        "cluster {}, view {}, as seen by {}\n\n{}",
        plain(&answer.cluster),
        answer.view,
        plain(&answer.answered_by),
        aligned(head, &rows.collect::<Vec<_>>())
    )
}

/// The ring.
pub(super) fn ring(answer: &v1::GetRingResponse) -> String {
    let head = ["NODE", "POINTS", "SHARE", "OWNER OF", "STANDBY OF"];
    let rows = answer.members.iter().map(|member| {
        [
            plain(&member.node_id),
            member.points.to_string(),
            format!("{:.1} %", member.share * 100.0),
            member.owner_of.to_string(),
            member.standby_of.to_string(),
        ]
    });
    let table = aligned(head, &rows.collect::<Vec<_>>());
    format!("view {}\n\n{table}", answer.view)
}

/// The targets.
pub(super) fn targets(answer: &v1::ListTargetsResponse) -> String {
    let head = ["TARGET", "OWNER", "STANDBY", "EPOCH", "BREAKER", "LABELS"];
    let rows = answer.targets.iter().map(|target| {
        [
            plain(&target.target_id),
            plain(&target.owner),
            plain(&target.standby),
            target.epoch.to_string(),
            plain(&target.breaker),
            labels(target),
        ]
    });
    aligned(head, &rows.collect::<Vec<_>>())
}

/// One target, a line for each thing that is known of it.
pub(super) fn target(target: &v1::Target) -> String {
    let lines = [
        ("target", plain(&target.target_id)),
        ("owner", plain(&target.owner)),
        ("standby", plain(&target.standby)),
        ("epoch", target.epoch.to_string()),
        ("breaker", plain(&target.breaker)),
        ("labels", labels(target)),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:8} {}", dash(&value));
    }
    text
}

fn labels(target: &v1::Target) -> String {
    let mut labels: Vec<String> = target
        .labels
        .iter()
        .map(|(key, value)| format!("{}={}", plain(key), plain(value)))
        .collect();
    labels.sort();
    labels.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_what_is_empty_is_a_dash() {
        let answer = v1::ListTargetsResponse {
            targets: vec![
                v1::Target {
                    target_id: "postgresql://db1.internal:5432".into(),
                    owner: "n1".into(),
                    epoch: 12,
                    breaker: "OPEN".into(),
                    labels: [("team".to_owned(), "a\x1b[31m".to_owned())].into(),
                    ..v1::Target::default()
                },
                v1::Target {
                    target_id: "postgresql://b:1".into(),
                    owner: "ringwatch-0".into(),
                    standby: "n1".into(),
                    epoch: 12,
                    ..v1::Target::default()
                },
            ],
        };
        assert_eq!(
            targets(&answer),
            "\
TARGET                          OWNER        STANDBY  EPOCH  BREAKER  LABELS
postgresql://db1.internal:5432  n1           -        12     OPEN     team=a\\u{1b}[31m
postgresql://b:1                ringwatch-0  n1       12     -        -
"
        );
    }
}
