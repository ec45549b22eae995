//! Answers as JSON: the fields of the wire under their own names, all of them.

use ringwatch_proto::v1;
use serde_json::{Value, json};

/// `ImportResponse`.
pub(super) fn import(answer: &v1::ImportResponse) -> Value {
    json!({ "commands": answer.commands })
}

/// `InspectResponse`. Numbers that may exceed what JSON holds exactly are texts.
pub(super) fn inspect(answer: &v1::InspectResponse) -> Value {
    let table =
        |table: &v1::Table| json!({ "name": table.name, "records": table.records, "bytes": table.bytes });
    json!({
        "node_id": answer.node_id,
        "raft_id": answer.raft_id.to_string(),
        "group": answer.group.to_string(),
        "role": answer.role,
        "leader": answer.leader,
        "term": answer.term,
        "applied": answer.applied,
        "log_first": answer.log_first,
        "log_last": answer.log_last,
        "snapshot": answer.snapshot,
        "snapshot_bytes": answer.snapshot_bytes,
        "disk_bytes": answer.disk_bytes,
        "digest": format!("{:016x}", answer.digest),
        "voters": answer.voters,
        "learners": answer.learners,
        "tables": answer.tables.iter().map(table).collect::<Vec<_>>(),
        "set_aside": answer.set_aside,
    })
}
