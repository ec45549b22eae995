//! `ringwatch cluster audit`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{ask, json};
use crate::cluster::{launch_three, launch_with, wait_agreed};
use crate::node::{Node, Plan, free_ports, text};

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
    // The first three can be of three streams at one and the same time: the range ends just before now.
    let till_now = ["audit", "--from", "1h", "--to", "100ms"];
    node.wait("three ticks", || {
        json(node.grpc, &till_now).is_some_and(|account| missed(&account) >= 3)
    });
    let account = json(node.grpc, &till_now).unwrap();
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

/// From when on the books of each node are whole, by the name of the node.
fn begin(account: &Value) -> Vec<(&str, &str)> {
    let nodes = account["nodes"].as_array().unwrap();
    let begin = nodes.iter().map(|node| match (&node["node_id"], &node["since"]) {
        (Value::String(id), Value::String(since)) => (id.as_str(), since.as_str()),
        _ => panic!("{node}"),
    });
    begin.collect()
}

fn due(account: &Value) -> u64 {
    account["totals"]["due"].as_u64().unwrap()
}

/// The section's part for a data directory.
fn data_dir(folder: &Path) -> String {
    format!(", data_dir: {}", folder.display())
}

#[test]
fn the_books_outlast_a_restart_of_their_node() {
    let (folder, [database]) = (tempfile::tempdir().unwrap(), free_ports());
    let start = || {
        let node = Node::launch(&Plan {
            id: "n1",
            cluster: data_dir(folder.path()),
            targets: &[database],
            telemetry: "}",
            ..Plan::default()
        });
        node.wait_ready();
        node
    };
    let first = start();
    let past = || json(first.grpc, &["audit", "--from", "1h", "--to", "100ms"]).unwrap();
    first.wait("three ticks", || due(&past()) >= 3);
    let before = past();
    let told = Instant::now();
    assert_eq!(first.stop(), Some(0));
    let second = start();
    let age = format!("{}ms", told.elapsed().as_millis() + 100);
    let after = json(second.grpc, &["audit", "--from", "1h", "--to", &age]).unwrap();
    assert!(
        due(&before) >= 3 && due(&after) >= due(&before),
        "{before} {after}"
    );
    assert_eq!(begin(&after), begin(&before), "they are whole");
    assert_eq!(second.stop(), Some(0));

    std::fs::write(folder.path().join("books/ticks"), "rubbish").unwrap();
    let third = start();
    third.wait("its own ticks", || due(&account(&third)) >= 1);
    assert!(begin(&account(&third)) > begin(&before));
    let log = third.log();
    let warnings = log.lines().filter(|line| line.contains("books/ticks.damaged"));
    assert_eq!(warnings.count(), 1, "{log}");
}

#[test]
fn the_books_balance_after_all_nodes_were_restarted_in_turn() {
    let (folder, gossip) = (tempfile::tempdir().unwrap(), free_ports::<3>());
    let all = [("n1", "READY"), ("n2", "READY"), ("n3", "READY")];
    let start = |at: usize| {
        let id = all[at].0;
        launch_with(id, gossip[at], &gossip, &data_dir(&folder.path().join(id)))
    };
    let mut nodes = [0, 1, 2].map(start);
    wait_agreed(&nodes.each_ref(), &all);
    let targets = |account: &Value| account["targets"].as_array().map_or(0, Vec::len);
    nodes[0].wait("ticks of all targets", || targets(&account(&nodes[0])) == 12);
    let before = account(&nodes[0]);
    for at in 0..3 {
        let [next, last] = [1, 2].map(|step| (at + step) % 3);
        nodes = restart(nodes, at, start);
        wait_agreed(&nodes.each_ref(), &all);
        // What is due while a target changes hands is in nobody's books for a moment.
        let balances = || json(nodes[next].grpc, &["audit"]).is_some();
        let words = || text(&ask(nodes[last].grpc, &["audit", "--targets"]).stdout);
        let end = Instant::now() + Duration::from_secs(5);
        while !balances() {
            assert!(Instant::now() < end, "after {}: {}", all[at].0, words());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    let after = json(nodes[0].grpc, &["audit"]).unwrap();
    assert!(due(&after) > due(&before), "{before} {after}");
    assert_eq!(begin(&after), begin(&before), "they are whole");
}

/// Ends the node at this place in good order, waits until the others have all targets, and starts it again.
fn restart(nodes: [Node; 3], at: usize, start: impl Fn(usize) -> Node) -> [Node; 3] {
    let mut nodes = nodes.map(Some);
    assert_eq!(nodes[at].take().unwrap().stop(), Some(0));
    let others: Vec<&Node> = nodes.iter().flatten().collect();
    let names = ["n1", "n2", "n3"];
    let left = (0..3).filter(|place| *place != at);
    let left: Vec<_> = left.map(|place| (names[place], "READY")).collect();
    wait_agreed(&others, &left);
    nodes[at] = Some(start(at));
    nodes.map(Option::unwrap)
}
