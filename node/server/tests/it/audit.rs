//! `ringwatch cluster audit`.

use serde_json::Value;

use crate::client::{ask, json};
use crate::cluster::{launch_three, wait_agreed};
use crate::node::{Node, text};

/// The account of the last minutes, whether it balances or not.
fn account(node: &Node) -> Value {
    let done = ask(node.grpc, &["audit", "-o", "json"]);
    serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", text(&done.stderr)))
}

#[test]
fn every_tick_of_a_server_that_is_down_is_accounted_for() {
    let node = Node::start("}");
    let missed = |account: &Value| {
        let reasons = account["totals"]["missed"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        reasons.values().filter_map(Value::as_u64).sum::<u64>()
    };
    node.wait("three ticks", || missed(&account(&node)) >= 3);
    let account = json(node.grpc, &["audit", "--from", "1h", "--to", "100ms"]).unwrap();
    let totals = &account["totals"];
    assert_eq!(
        (account["balanced"].as_bool(), totals["unknown"].as_u64()),
        (Some(true), Some(0))
    );
    assert_eq!(totals["due"].as_u64(), Some(missed(&account)), "{account}");
    assert_eq!(
        (&totals["collected"], &totals["covered"], &totals["double"]),
        (&0.into(), &0.into(), &0.into())
    );
    let nodes = account["nodes"].as_array().unwrap();
    assert_eq!(
        (nodes.len(), &nodes[0]["node_id"], &nodes[0]["error"]),
        (1, &"n1".into(), &Value::Null)
    );
    let target = account["targets"][0]["target_id"].as_str().unwrap();
    assert!(target.starts_with("postgresql://127.0.0.1:"), "{account}");

    let table = ask(node.grpc, &["audit", "--targets"]);
    let shown = text(&table.stdout);
    assert!(table.status.success(), "{shown}{}", text(&table.stderr));
    for words in [
        target,
        "by the books of n1",
        "the books of n1 begin at",
        "the books balance",
    ] {
        assert!(shown.contains(words), "no {words} in {shown}");
    }
    let nothing = ask(node.grpc, &["audit", "--from", "1m", "--to", "2m"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(
        text(&nothing.stderr).contains("--from"),
        "{}",
        text(&nothing.stderr)
    );
    let wrong = ask(node.grpc, &["audit", "--from", "yesterday"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
}

#[test]
fn a_node_that_is_lost_leaves_no_gap_in_the_books() {
    let [first, second, third] = launch_three();
    let ready = [("n1", "READY"), ("n2", "READY"), ("n3", "READY")];
    let counts = wait_agreed(&[&first, &second, &third], &ready);
    assert!(counts[2] > 0, "{counts:?}");
    let targets = |account: &Value| account["targets"].as_array().map_or(0, Vec::len);
    first.wait("ticks of all targets", || targets(&account(&first)) == 12);
    let drained = ask(first.grpc, &["drain", "n2"]);
    assert!(drained.status.success(), "{}", text(&drained.stderr));
    let progress = text(&drained.stderr);
    let last = format!("n2 hands over: {0} of {0} target", counts[1]);
    assert!(
        progress.lines().last().unwrap_or_default().starts_with(&last),
        "{progress}"
    );
    third.kill();
    wait_agreed(
        &[&first, &second],
        &[("n1", "READY"), ("n2", "DRAINING"), ("n3", "DEAD")],
    );
    let account = json(second.grpc, &["audit"]).unwrap();
    assert!(
        account["balanced"].as_bool() == Some(true) && targets(&account) == 12,
        "{account}"
    );
    let lost = account["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|node| node["node_id"] == "n3");
    let words = lost.and_then(|node| node["error"].as_str()).unwrap_or_default();
    assert!(words.contains("dead"), "{account}");
}
