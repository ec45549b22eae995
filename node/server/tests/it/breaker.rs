//! Circuits from outside: command line, the admin's HTTP, health and metrics. The targets are down.

use std::process::Output;

use serde_json::Value;

use crate::client;
use crate::cluster::wait_agreed;
use crate::node::{Node, Plan, free_ports, get, request, ringwatch, text};

const TOKEN: &str = "Authorization: Bearer s3cret\r\n";

/// A node whose breaker never opens by itself.
fn launch(id: &str, cluster: String, targets: &[u16], admin: &str) -> Node {
    let breaker = "{ defaults: { error_threshold_percent: 100, minimum_volume: 1000000 } }".to_owned();
    Node::launch(&Plan {
        id,
        cluster,
        targets,
        telemetry: "}",
        processors: &[("circuit_breaker", breaker)],
        admin,
        ..Plan::default()
    })
}

fn start(admin: &str) -> (Node, String) {
    let [database] = free_ports();
    let node = launch("n1", String::new(), &[database], admin);
    node.wait_ready();
    let target = format!("postgresql://127.0.0.1:{database}");
    node.wait("its circuit", || list(&node).len() == 1);
    (node, target)
}

fn ask(node: &Node, args: &[&str]) -> Output {
    let address = format!("127.0.0.1:{}", node.grpc);
    ringwatch(&[&["breaker"], args, &["--address", &address]].concat())
}

fn json(node: &Node, args: &[&str]) -> Value {
    let done = ask(node, &[args, &["-o", "json"]].concat());
    assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn list(node: &Node) -> Vec<Value> {
    json(node, &["list"])["breakers"].as_array().unwrap().clone()
}

fn metrics(node: &Node) -> String {
    get(node.metrics, "/metrics").unwrap().1
}

#[test]
fn a_circuit_is_opened_and_reset_by_hand_and_seen_everywhere() {
    let (node, target) = start("");
    let closed = &list(&node)[0];
    assert_eq!(
        (&closed["target_id"], &closed["state"]),
        (&target.as_str().into(), &"CLOSED".into())
    );
    assert_eq!((&closed["owner"], &closed["until"]), (&"n1".into(), &Value::Null));

    let opened = json(&node, &["open", &target, "--for", "10m"]);
    assert_eq!(
        (&opened["state"], &opened["reason"]),
        (&"OPEN".into(), &"manual".into())
    );
    assert!(
        opened["until"].as_str().is_some_and(|until| until.ends_with('Z')),
        "{opened}"
    );
    assert_eq!(list(&node)[0]["state"], "OPEN");
    assert_eq!(
        client::json(node.grpc, &["targets"]).unwrap()["targets"][0]["breaker"],
        "OPEN"
    );
    let line = format!("circuit_breaker_state{{database=\"{target}\",state=\"open\"}} 1");
    assert!(metrics(&node).contains(&line), "no {line} in {}", metrics(&node));
    node.wait("a tick that is missed for it", || {
        let missed = |line: &str| line.starts_with("ringwatch_ticks_total") && line.contains("breaker_open");
        metrics(&node).lines().any(missed)
    });
    let health: Value = serde_json::from_str(&get(node.health, "/health").unwrap().1).unwrap();
    assert_eq!(
        health["components"]["circuit_breaker"]["metrics"]["open_circuits"], 1,
        "{health}"
    );

    let done = ask(&node, &["list"]);
    let table = text(&done.stdout);
    assert!(
        table.starts_with("TARGET") && table.contains("OPEN") && table.contains("manual"),
        "{table}"
    );
    let reset = json(&node, &["reset", &target]);
    assert_eq!(
        (&reset["state"], &reset["until"]),
        (&"CLOSED".into(), &Value::Null)
    );
    let line = format!("circuit_breaker_state{{database=\"{target}\",state=\"closed\"}} 0");
    assert!(metrics(&node).contains(&line) && !metrics(&node).contains("state=\"open\""));

    let forever = json(&node, &["open", &target]);
    assert_eq!(
        (&forever["state"], &forever["until"]),
        (&"OPEN".into(), &Value::Null)
    );
    for (args, code) in [
        (&["reset", "postgresql://nowhere:1"][..], 1),
        (&["open", "nobody", "--for", "10m"], 1),
        (&["open", &target, "--for", "0s"], 1),
        (&["open", &target, "--for", "soon"], 2),
        (&["close", &target], 2),
    ] {
        let done = ask(&node, args);
        assert_eq!(done.status.code(), Some(code), "{args:?}: {}", text(&done.stderr));
    }
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn only_who_has_the_token_turns_circuits_over_http() {
    let (node, target) = start("{ token: s3cret }");
    json(&node, &["open", &target]);
    let port = node.metrics;
    let reset = format!("/admin/circuit/reset?database={target}");
    let ask = |method: &str, path: &str, headers: &str| {
        let (status, body) = request(port, method, path, headers).unwrap();
        (status, serde_json::from_slice::<Value>(&body).unwrap_or_default())
    };
    for (method, path, headers, expected) in [
        ("POST", &*reset, "", 401),
        ("POST", &reset, "Authorization: Bearer wrong\r\n", 401),
        ("GET", "/admin/circuit/status", "", 401),
        ("GET", &reset, TOKEN, 405),
        ("POST", "/admin/circuit/reset", TOKEN, 400),
        ("POST", "/admin/circuit/reset?database=a&database=b", TOKEN, 400),
        ("GET", "/metric", "", 404),
        ("POST", "/admin/circuit/reset?database=nobody", TOKEN, 404),
    ] {
        let (status, body) = ask(method, path, headers);
        assert_eq!(status, expected, "{method} {path} {headers}: {body}");
        assert!(status != 400 || body["error"].is_string(), "{path}: {body}");
    }
    assert_eq!(list(&node)[0]["state"], "OPEN", "none of this did anything");
    let (status, body) = ask("GET", "/admin/circuit/status", TOKEN);
    assert_eq!((status, &body["breakers"][0]["state"]), (200, &"OPEN".into()));
    let (status, body) = ask("POST", &reset, TOKEN);
    assert_eq!((status, &body["state"]), (200, &"CLOSED".into()), "{body}");
    assert_eq!(list(&node)[0]["state"], "CLOSED");
    assert!(!node.log().contains("s3cret"));
}

#[test]
fn without_a_token_nobody_does_and_is_told_what_to_set() {
    let (node, target) = start("");
    let path = format!("/admin/circuit/reset?database={target}");
    for headers in ["", TOKEN, "Authorization: Bearer \r\n"] {
        let (status, body) = request(node.metrics, "POST", &path, headers).unwrap();
        assert_eq!(status, 403);
        assert!(text(&body).contains("admin.token"), "{}", text(&body));
    }
    assert_eq!(
        get(node.metrics, "/metrics").unwrap().0,
        200,
        "the metrics are for everyone"
    );
}

#[test]
fn a_question_about_a_target_of_another_node_is_passed_on() {
    let [a, b, c] = free_ports();
    let targets = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18];
    let cluster = |port: u16| {
        format!(", gossip: {{ listen: 127.0.0.1:{port}, seeds: [\"127.0.0.1:{a}\", \"127.0.0.1:{c}\"] }}")
    };
    let token = "{ token: s3cret }";
    let first = launch("n1", cluster(a), &targets, token);
    let second = launch("n2", cluster(b), &targets, token);
    let third = launch("n3", cluster(c), &targets, token);
    let ready = ["n1", "n2", "n3"].map(|node| (node, "READY"));
    wait_agreed(&[&first, &second, &third], &ready);
    let all = list(&first);
    assert_eq!(all.len(), targets.len(), "{all:?}");
    let of = |owner: &str| all.iter().find(|breaker| breaker["owner"] == owner).unwrap();
    let target = of("n2")["target_id"].as_str().unwrap();
    let opened = json(&first, &["open", target]);
    assert_eq!(
        (&opened["state"], &opened["owner"]),
        (&"OPEN".into(), &"n2".into())
    );
    for node in [&first, &second] {
        let targets = client::json(node.grpc, &["targets"]).unwrap();
        let targets = targets["targets"].as_array().unwrap();
        let found = targets.iter().find(|one| one["target_id"] == target).unwrap();
        assert_eq!(found["breaker"], "OPEN");
    }
    let path = format!("/admin/circuit/reset?database={target}");
    let (status, body) = request(first.metrics, "POST", &path, TOKEN).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, &body["state"], &body["owner"]),
        (200, &"CLOSED".into(), &"n2".into())
    );
    // It stays open when its owner dies: whoever is the owner next goes on where the circuit was.
    let again = json(&first, &["open", target]);
    assert_eq!(again["state"], "OPEN");
    first.wait("all to know of it", || {
        [&first, &third].iter().all(|node| {
            let (_, metrics) = get(node.metrics, "/metrics").unwrap();
            let open = metrics.lines().find(|line| {
                line.starts_with("circuit_breaker_state{") && line.contains(&format!("\"{target}\""))
            });
            open.is_some_and(|line| line.contains("state=\"open\""))
        })
    });
    second.kill();
    first.wait("another owner with the open circuit", || {
        let left = list(&first);
        let found = left.iter().find(|breaker| breaker["target_id"] == target);
        found.is_some_and(|breaker| breaker["owner"] != "n2" && breaker["state"] == "OPEN")
    });
    let done = ask(&first, &["reset", target]);
    assert!(done.status.success(), "{}", text(&done.stderr));
}
