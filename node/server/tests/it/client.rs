//! `ringwatch cluster ...` with a cluster of one, and with nobody.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::node::{Node, ringwatch, text};

/// Asks the node at this port.
pub fn ask(port: u16, args: &[&str]) -> Output {
    let address = format!("127.0.0.1:{port}");
    let all = [&["cluster"], args, &["--address", &address]].concat();
    ringwatch(&all)
}

/// The answer as JSON, if there is one.
pub fn json(port: u16, args: &[&str]) -> Option<serde_json::Value> {
    let done = ask(port, &[args, &["-o", "json"]].concat());
    done.status
        .success()
        .then(|| serde_json::from_slice(&done.stdout).unwrap())
}

#[test]
fn a_cluster_of_one_answers_the_command_line() {
    let node = Node::start("}");
    let members = json(node.grpc, &["members"]).unwrap();
    assert_eq!(
        (&members["cluster"], &members["answered_by"]),
        (&"test".into(), &"n1".into())
    );
    assert!(members["view"].as_u64().unwrap() > 0, "{members}");
    let me = &members["members"][0];
    let grpc = format!("127.0.0.1:{}", node.grpc);
    assert_eq!(
        (
            &me["node_id"],
            &me["state"],
            &me["owned_targets"],
            &me["standby_targets"]
        ),
        (&"n1".into(), &"READY".into(), &1.into(), &0.into())
    );
    assert_eq!(
        (&me["grpc_address"], &me["gossip_address"]),
        (&grpc.into(), &"".into())
    );
    assert_eq!(me["raft_role"], "LEADER");
    assert_eq!(members["view"], 1, "the first view of a group of one");
    assert!(me["since"].as_str().unwrap().ends_with('Z'), "{me}");

    let targets = json(node.grpc, &["targets"]).unwrap();
    let target = &targets["targets"][0];
    assert_eq!((&target["owner"], &target["standby"]), (&"n1".into(), &"".into()));
    assert_eq!(
        (&target["labels"]["team"], &target["pin"]),
        (&"billing".into(), &"NOT_PINNED".into())
    );
    assert_eq!(target["epoch"], members["view"]);
    let id = target["target_id"].as_str().unwrap();
    assert_eq!(&json(node.grpc, &["locate", id]).unwrap(), target);

    let ring = json(node.grpc, &["ring"]).unwrap();
    assert_eq!(
        ring["members"],
        serde_json::json!([{ "node_id": "n1", "points": 256, "share": 1.0, "owner_of": 1, "standby_of": 0 }])
    );

    let unknown = ask(node.grpc, &["locate", "postgresql://nowhere:1"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        text(&unknown.stderr).lines().count(),
        1,
        "{}",
        text(&unknown.stderr)
    );
    for (args, words) in [
        (&["members"][..], &["NODE", "n1", "READY"][..]),
        (&["targets"], &["TARGET", id, "team=billing"]),
        (&["ring"], &["POINTS", "100.0 %"]),
        (&["locate", id], &["owner    n1", "standby  -"]),
    ] {
        let done = ask(node.grpc, args);
        let table = text(&done.stdout);
        assert!(
            done.status.success() && words.iter().all(|word| table.contains(word)),
            "{table}"
        );
    }
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_drain_with_nobody_to_take_the_targets_says_so_and_can_be_undone() {
    let node = Node::start("}");
    let unknown = ask(node.grpc, &["drain", "n2"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stderr));
    let asked = json(node.grpc, &["drain", "n1", "--no-wait"]).unwrap();
    assert_eq!(
        asked,
        serde_json::json!({ "node_id": "n1", "state": "DRAINING", "targets": 1 })
    );
    let waited = ask(node.grpc, &["drain", "n1"]);
    assert_eq!(waited.status.code(), Some(1));
    let words = text(&waited.stderr);
    assert!(
        words.contains("no other member is READY") && words.contains("--undo"),
        "{words}"
    );
    let back = json(node.grpc, &["drain", "n1", "--undo"]).unwrap();
    assert_eq!(back["state"], "READY");
    let members = json(node.grpc, &["members"]).unwrap();
    assert_eq!(members["members"][0]["owned_targets"], 1, "it kept its target");
}

#[test]
fn a_node_that_cannot_be_reached_is_told_apart_and_soon() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let other_port = other.local_addr().unwrap().port();
    // Speaks some other protocol.
    let stranger = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 512]);
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    for port in [closed, silent.local_addr().unwrap().port(), other_port] {
        let begin = Instant::now();
        let done = ask(port, &["members"]);
        let words = text(&done.stderr);
        assert_eq!(done.status.code(), Some(3), "{words}");
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
        let what_where_and_what_to_do =
            words.contains(&port.to_string()) && words.contains("--address") && words.lines().count() == 1;
        assert!(what_where_and_what_to_do, "{words}");
    }
    stranger.join().unwrap();
}
