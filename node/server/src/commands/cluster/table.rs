//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use crate::commands::text::{aligned, dash, plain, to_the_second};

/// The members.
pub(super) fn members(answer: &v1::ListMembersResponse) -> String {
    let head = [
        "NODE", "STATE", "RAFT", "OWNED", "STANDBY", "DATA SET", "VERSION", "GRPC", "GOSSIP", "SINCE",
    ];
    let rows = answer.members.iter().map(|member| {
        [
            plain(&member.node_id),
            member.state().as_str_name().to_owned(),
            raft_role(member),
            member.owned_targets.to_string(),
            member.standby_targets.to_string(),
            dataset(member),
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

fn raft_role(member: &v1::Member) -> String {
    match member.raft_role() {
        v1::RaftRole::Unspecified | v1::RaftRole::None => String::new(),
        role => role.as_str_name().to_owned(),
    }
}

/// Its version, and whether it is another one than that of the node that was asked.
fn dataset(member: &v1::Member) -> String {
    match (member.dataset_version, member.dataset_drift) {
        (0, false) => String::new(),
        (version, false) => version.to_string(),
        (version, true) => format!("{version} (drift)"),
    }
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
    let head = ["TARGET", "OWNER", "STANDBY", "EPOCH", "PIN", "BREAKER", "LABELS"];
    let rows = answer.targets.iter().map(|target| {
        [
            plain(&target.target_id),
            plain(&target.owner),
            plain(&target.standby),
            target.epoch.to_string(),
            pin(target).to_owned(),
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
        ("weight", weight(target)),
        ("pin", pin(target).to_owned()),
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

/// Why it is not where the ring says.
fn pin(target: &v1::Target) -> &'static str {
    match target.pin() {
        v1::Pin::Unspecified | v1::Pin::NotPinned => "",
        v1::Pin::ByLoad => "load",
        v1::Pin::ByOperator => "operator",
    }
}

fn weight(target: &v1::Target) -> String {
    if target.weight > 0.0 {
        format!("{:.6} s of queries a second", target.weight)
    } else {
        String::new()
    }
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
                    pin: v1::Pin::ByLoad.into(),
                    ..v1::Target::default()
                },
            ],
        };
        assert_eq!(
            targets(&answer),
            "\
TARGET                          OWNER        STANDBY  EPOCH  PIN   BREAKER  LABELS
postgresql://db1.internal:5432  n1           -        12     -     OPEN     team=a\\u{1b}[31m
postgresql://b:1                ringwatch-0  n1       12     load  -        -
"
        );
    }
}
