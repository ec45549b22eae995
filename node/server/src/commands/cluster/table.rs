//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use super::json::time;

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
            since(member),
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

/// To the second.
fn since(member: &v1::Member) -> String {
    let whole = member
        .since
        .as_ref()
        .map(|since| prost_types::Timestamp { nanos: 0, ..*since });
    whole.as_ref().and_then(time).unwrap_or_default()
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
    let head = ["TARGET", "OWNER", "STANDBY", "EPOCH", "LABELS"];
    let rows = answer.targets.iter().map(|target| {
        [
            plain(&target.target_id),
            plain(&target.owner),
            plain(&target.standby),
            target.epoch.to_string(),
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

/// Columns as wide as their widest cell, two spaces between them.
fn aligned<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(dash(cell).chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let mut line = String::new();
        for (cell, width) in cells.into_iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(head);
    for row in rows {
        line(row.each_ref().map(|cell| dash(cell)));
    }
    text
}

/// What is empty is seen to be.
fn dash(cell: &str) -> &str {
    if cell.is_empty() { "-" } else { cell }
}

/// A text of another program, without what would steer the terminal.
pub(super) fn plain(text: &str) -> String {
    let visible = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(visible).collect()
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
TARGET                          OWNER        STANDBY  EPOCH  LABELS
postgresql://db1.internal:5432  n1           -        12     team=a\\u{1b}[31m
postgresql://b:1                ringwatch-0  n1       12     -
"
        );
    }
}
