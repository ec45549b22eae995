//! What is changed without a restart, from outside: targets, flags, limits, and the state as a whole.

use serde_json::Value;

use crate::client::json as cluster;
use crate::node::{Node, Plan, get, ringwatch, text};

/// Nobody listens there.
const CONFIGURED: u16 = 1;

fn start() -> Node {
    let node = Node::launch(&Plan {
        id: "n1",
        targets: &[CONFIGURED],
        telemetry: "}",
        processors: &[("rate_limiter", "{ defaults: { rps: 100 } }".into())],
        ..Plan::default()
    });
    node.wait_ready();
    node
}

fn ask(node: &Node, args: &[&str]) -> std::process::Output {
    ringwatch(&[args, &["--address", &format!("127.0.0.1:{}", node.grpc)]].concat())
}

fn json(node: &Node, args: &[&str]) -> Value {
    let done = ask(node, &[args, &["-o", "json"]].concat());
    assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Exit code and the error of what is refused.
fn refused(node: &Node, args: &[&str]) -> (Option<i32>, String) {
    let done = ask(node, args);
    assert!(!done.status.success(), "{args:?}: {}", text(&done.stdout));
    (done.status.code(), text(&done.stderr))
}

/// The targets that the node says the cluster has.
fn targets(node: &Node) -> Vec<String> {
    let answer = cluster(node.grpc, &["targets"]).unwrap_or_default();
    let targets = answer["targets"].as_array().cloned().unwrap_or_default();
    let name = |target: &Value| target["target_id"].as_str().unwrap().to_owned();
    targets.iter().map(name).collect()
}

/// Nothing of it changes anything.
fn nonsense_is_refused(node: &Node, first: &str, second: &str) {
    for (args, words) in [
        (&["targets", "add", "mysql", "a:1"][..], "there are: postgresql"),
        (
            &["targets", "add", "postgresql", "127.0.0.1:1"],
            "in the configuration",
        ),
        (&["targets", "remove", first], "in the configuration"),
        (
            &["targets", "remove", "postgresql://nowhere:1"],
            "no target of this name",
        ),
        (
            &["targets", "remove", second, "--expected-version", "9"],
            "version 1",
        ),
        (&["targets", "rollback", "7"], "is not kept"),
    ] {
        let (code, error) = refused(node, args);
        assert!(
            code == Some(1) && error.contains(words),
            "{args:?}: {code:?} {error}"
        );
    }
}

#[test]
fn a_target_is_added_read_and_taken_away_and_a_rollback_brings_it_back() {
    let node = start();
    let (first, second) = ("postgresql://127.0.0.1:1", "postgresql://127.0.0.1:2");
    let add = [
        "targets",
        "add",
        "postgresql",
        "127.0.0.1:2",
        "--label",
        "team=search",
    ];
    assert_eq!(json(&node, &add)["version"], 1);
    assert_eq!(json(&node, &add)["unchanged"], true, "the same once more");
    node.wait("the new target", || targets(&node) == [first, second]);
    let located = cluster(node.grpc, &["locate", second]).unwrap();
    assert_eq!(
        (&located["owner"], &located["labels"]["team"]),
        (&"n1".into(), &"search".into())
    );
    node.wait("its first tick", || {
        let (_, metrics) = get(node.metrics, "/metrics").unwrap();
        metrics.contains(&format!(
            "ringwatch_ticks_total{{outcome=\"error\",stream=\"postgresql.databases\",target=\"{second}\"}}"
        )) || metrics.contains(&format!("ringwatch_target_up{{target=\"{second}\"}} 0"))
    });
    let listed = json(&node, &["targets", "list"]);
    let sources: Vec<_> = listed["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["source"].clone())
        .collect();
    assert_eq!(sources, ["CONFIGURATION", "RUNTIME"]);

    nonsense_is_refused(&node, first, second);
    assert_eq!(json(&node, &["targets", "remove", second])["version"], 2);
    node.wait("it to be gone", || targets(&node) == [first]);
    assert_eq!(json(&node, &["targets", "rollback"])["version"], 3);
    node.wait("it to be back", || targets(&node) == [first, second]);
    let history = json(&node, &["targets", "history"]);
    let versions: Vec<_> = history["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["version"].clone())
        .collect();
    assert_eq!(versions, [3, 2, 1]);
    let actions = history["actions"].as_array().unwrap();
    assert_eq!(
        actions.len(),
        4,
        "what was refused is not among them: {actions:?}"
    );
    assert!(
        actions[0]["from"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{actions:?}"
    );
    let members = cluster(node.grpc, &["members"]).unwrap();
    let me = &members["members"][0];
    assert_eq!(
        (&me["dataset_version"], &me["dataset_drift"]),
        (&3.into(), &false.into())
    );
}

#[test]
fn flags_and_limits_are_set_and_have_their_defaults_again() {
    let node = start();
    let target = "postgresql://127.0.0.1:1";
    let flag = |name: &str| {
        let listed = json(&node, &["flags", "list"]);
        let flags = listed["flags"].as_array().unwrap().clone();
        let found = flags.iter().find(|flag| flag["name"] == name).unwrap();
        (found["value"].as_bool().unwrap(), found["set"].as_bool().unwrap())
    };
    assert_eq!(flag("plans"), (true, false));
    json(&node, &["flags", "set", "plans", "off"]);
    node.wait("the flag", || flag("plans") == (false, true));
    json(&node, &["flags", "set", "plans", "default"]);
    node.wait("the default", || flag("plans") == (true, false));
    let (code, error) = refused(&node, &["flags", "set", "plan", "on"]);
    assert!(
        code == Some(1) && error.contains("adaptive_rates, plans, rebalance"),
        "{error}"
    );

    json(&node, &["limits", "set", target, "0.5"]);
    node.wait("the limit", || {
        let listed = json(&node, &["limits", "list"]);
        listed["limits"] == serde_json::json!([{ "target_id": target, "queries_per_second": 0.5 }])
    });
    let (_, metrics) = get(node.metrics, "/metrics").unwrap();
    let is_limit = |line: &str| line.starts_with("rate_limiter_limit_rps{") && line.ends_with(" 0.5");
    assert!(metrics.lines().any(is_limit), "the limit is in force: {metrics}");
    json(&node, &["limits", "set", target, "default"]);
    node.wait("no limit", || {
        json(&node, &["limits", "list"])["limits"] == serde_json::json!([])
    });
    let (code, error) = refused(&node, &["limits", "set", "postgresql://nowhere:1", "1"]);
    assert!(code == Some(1) && error.contains("no receiver names"), "{error}");
}

#[test]
fn the_state_is_looked_at_exported_and_put_into_a_new_cluster() {
    let node = start();
    json(&node, &["targets", "add", "postgresql", "127.0.0.1:2"]);
    let inspected = json(&node, &["state", "inspect"]);
    assert_eq!(
        (&inspected["role"], &inspected["leader"]),
        (&"LEADER".into(), &"n1".into())
    );
    assert_eq!(inspected["voters"], serde_json::json!(["n1"]));
    let tables = inspected["tables"].as_array().unwrap();
    let records = |name: &str| {
        let table = tables.iter().find(|table| table["name"] == name);
        table.unwrap_or_else(|| panic!("no {name} in {tables:?}"))["records"].clone()
    };
    assert_eq!((records("targets"), records("view")), (1.into(), 1.into()));

    let export = ask(&node, &["state", "export"]);
    assert!(export.status.success(), "{}", text(&export.stderr));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    std::fs::write(&file, &export.stdout).unwrap();
    let file = file.to_str().unwrap();
    let (code, error) = refused(&node, &["state", "import", file]);
    assert!(
        code == Some(1) && error.contains("was changed at run time already"),
        "{error}"
    );
    assert_eq!(node.stop(), Some(0));

    // Without breakers and samplers it remembers nothing by itself in the first half minute.
    let fresh = Node::launch(&Plan {
        id: "n9",
        targets: &[CONFIGURED],
        telemetry: "}",
        ..Plan::default()
    });
    fresh.wait_ready();
    assert!(
        json(&fresh, &["state", "import", file])["commands"]
            .as_u64()
            .unwrap()
            > 0
    );
    fresh.wait("the target", || targets(&fresh).len() == 2);
    std::fs::write(file, "[1, 2").unwrap();
    let (code, error) = refused(&fresh, &["state", "import", file]);
    assert!(code == Some(1) && error.contains("not JSON"), "{error}");
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let launch = |id: &str| {
        Node::launch(&Plan {
            id,
            cluster: format!(", data_dir: {}", folder.path().display()),
            targets: &[CONFIGURED],
            telemetry: "}",
            ..Plan::default()
        })
    };
    let first = launch("n1");
    first.wait_ready();
    let second = launch("n2");
    let log = second.log_file();
    assert_eq!(second.ended(), Some(1));
    let words = std::fs::read_to_string(log.path()).unwrap();
    let last = words.lines().last().unwrap();
    assert!(
        last.starts_with("ringwatch: ") && last.contains("another process"),
        "{words}"
    );

    // What was changed outlasts a restart.
    json(&first, &["targets", "add", "postgresql", "127.0.0.1:2"]);
    assert_eq!(first.stop(), Some(0));
    let again = launch("n1");
    again.wait_ready();
    again.wait("both targets", || targets(&again).len() == 2);
    let members = cluster(again.grpc, &["members"]).unwrap();
    assert!(
        members["view"].as_u64().unwrap() > 1,
        "a new life is a new view: {members}"
    );
}
