//! Samplers from outside: command line, health and metrics.

use serde_json::Value;

use crate::node::{Node, Plan, free_ports, get, ringwatch, text};

#[test]
fn a_sampler_is_shown_and_set_by_hand() {
    let [database] = free_ports();
    let rules = "[{ name: slow, condition: 'mean_exec_tim > 1000', sampling_rate: 100, priority: 1 }]";
    let node = Node::launch(&Plan {
        id: "n1",
        targets: &[database],
        telemetry: "}",
        processors: &[
            ("adaptive_sampler", format!("{{ rules: {rules} }}")),
            ("verification", "{}".into()),
        ],
        ..Plan::default()
    });
    node.wait_ready();
    let address = format!("127.0.0.1:{}", node.grpc);
    let ask = |args: &[&str]| ringwatch(&[&["sampler"], args, &["--address", &address]].concat());
    let json = |args: &[&str]| -> Value {
        let done = ask(&[args, &["-o", "json"]].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    };
    let shown = &json(&["show"])["samplers"][0];
    assert_eq!(
        (&shown["name"], &shown["default_rate"]),
        (&"adaptive_sampler".into(), &10.0.into())
    );
    assert_eq!(shown["rules"][0]["name"], "slow");
    let set = &json(&["set-rate", "2.5", "--cache-size", "77"])["samplers"][0];
    assert_eq!(set["default_rate"], 2.5);
    assert_eq!(json(&["show"])["samplers"][0]["default_rate"], 2.5);
    assert_eq!(
        json(&["set-rate", "default"])["samplers"][0]["default_rate"],
        10.0
    );
    json(&["set-rate", "2.5"]);
    let table = text(&ask(&["show"]).stdout);
    assert!(
        table.contains("adaptive_sampler: rate 2.5 %") && table.contains("slow"),
        "{table}"
    );
    for (args, code) in [
        (&["set-rate", "101"][..], 2),
        (&["set-rate", "much"], 2),
        (&["set-rate", "5", "--cache-size", "0"], 2),
        (&["set-rate", "5", "--name", "nobody"], 1),
    ] {
        let done = ask(args);
        assert_eq!(done.status.code(), Some(code), "{args:?}: {}", text(&done.stderr));
    }
    let (_, body) = get(node.health, "/health").unwrap();
    let health: Value = serde_json::from_str(&body).unwrap();
    let sampler = &health["components"]["adaptive_sampler"];
    assert_eq!(sampler["healthy"], true, "{body}");
    assert!(
        sampler["metrics"]["cache_size"].is_u64() && sampler["metrics"]["sample_rate"].is_f64(),
        "{body}"
    );
    let log = node.log();
    let note = log.lines().find(|line| line.contains("hardly meant")).unwrap();
    assert!(
        note.contains("ringwatch.yaml:") && note.contains("`mean_exec_tim`"),
        "what `validate` notes is in the log too: {note}"
    );
    metrics_are_offered(&node);
}

fn metrics_are_offered(node: &Node) {
    let (_, metrics) = get(node.metrics, "/metrics").unwrap();
    for name in [
        "adaptive_sampler_records_processed_total",
        "adaptive_sampler_records_dropped_total",
        "adaptive_sampler_cache_hit_rate",
        "adaptive_sampler_rule_matches_total",
        "adaptive_sampler_decisions_total",
        "adaptive_sampler_sampling_rate_current",
    ] {
        assert!(metrics.contains(name), "no {name} in {metrics}");
    }
}
