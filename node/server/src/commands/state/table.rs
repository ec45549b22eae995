//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use crate::commands::text::{aligned, dash, plain};

/// The figures of a node's copy.
pub(super) fn inspect(answer: &v1::InspectResponse) -> String {
    let names = |all: &[String]| all.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ");
    let log = match answer.log_last {
        0 => String::new(),
        last => format!("{} to {last}", answer.log_first),
    };
    let snapshot = match answer.snapshot {
        0 => String::new(),
        index => format!("up to {index}, {}", size(answer.snapshot_bytes)),
    };
    let lines = [
        ("node", plain(&answer.node_id)),
        ("role", answer.role.to_lowercase()),
        ("leader", plain(&answer.leader)),
        ("term", answer.term.to_string()),
        ("applied", answer.applied.to_string()),
        ("log", log),
        ("snapshot", snapshot),
        ("on disk", size(answer.disk_bytes)),
        ("digest", format!("{:016x}", answer.digest)),
        ("voters", names(&answer.voters)),
        ("learners", names(&answer.learners)),
        ("set aside", plain(&answer.set_aside)),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:9}  {}", dash(&value));
    }
    let row = |table: &v1::Table| [plain(&table.name), table.records.to_string(), size(table.bytes)];
    let rows: Vec<_> = answer.tables.iter().map(row).collect();
    let _ = write!(text, "\n{}", aligned(["TABLE", "RECORDS", "SIZE"], &rows));
    text
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_shown_with_its_tables() {
        let answer = v1::InspectResponse {
            node_id: "n1".into(),
            raft_id: 7,
            group: 9,
            role: "LEADER".into(),
            leader: "n1".into(),
            term: 2,
            applied: 40,
            log_first: 1,
            log_last: 40,
            disk_bytes: 524_288,
            digest: 0xab,
            voters: vec!["n1".into(), "n2".into()],
            tables: vec![v1::Table {
                name: "breakers".into(),
                records: 3,
                bytes: 2_097_152,
            }],
            ..v1::InspectResponse::default()
        };
        assert_eq!(
            inspect(&answer),
            "\
node       n1
role       leader
leader     n1
term       2
applied    40
log        1 to 40
snapshot   -
on disk    512.0 KiB
digest     00000000000000ab
voters     n1, n2
learners   -
set aside  -

TABLE     RECORDS  SIZE
breakers  3        2.0 MiB
"
        );
    }
}
