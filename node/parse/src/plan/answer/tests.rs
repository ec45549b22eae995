use serde_json::{Value, json};

use crate::plan::{self, Engine, Format, Limits, Node, Plan, Thresholds, facts, parse};

fn answer(text: &str) -> Value {
    let plan = parse(text, &Limits::default()).unwrap();
    plan::json(&plan, &facts(&plan, &Thresholds::default()))
}

#[test]
fn nodes_are_nested_with_their_figures_and_without_literals() {
    let answer = answer(
        r#"[{"Plan": {"Node Type": "Limit", "Total Cost": 9.5, "Plan Rows": 3, "Plans": [
            {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "t", "Alias": "t",
             "Total Cost": 40, "Plan Rows": 300, "Actual Rows": 2.5, "Filter": "(a = 'secret'::text)",
             "Rows Removed by Filter": 7, "Output": ["a", "'secret'::text"], "Foreign \
             Program": "secret"}]}}]"#,
    );
    assert!(!answer.to_string().contains("secret"), "{answer}");
    let root = &answer["root"];
    assert_eq!(
        (&root["node_type"], &root["total_cost"], &root["plan_rows"]),
        (&json!("Limit"), &json!(9.5), &json!(3))
    );
    let child = &root["children"][0];
    assert_eq!(
        (&child["id"], &child["relation_name"], &child["actual_rows"]),
        (&json!(1), &json!("t"), &json!(2.5))
    );
    assert_eq!(
        (&child["filter"], &child["rows_removed_by_filter"]),
        (&json!("(a = ?::text)"), &json!(7))
    );
    assert_eq!(child["output"], json!(["a", "?::text"]));
    assert_eq!(child["children"], json!([]));
    assert_eq!(
        (&answer["nodes"], &answer["engine"], &answer["format"]),
        (&json!(2), &json!("postgresql"), &json!("json"))
    );
    assert_eq!(answer["degraded"], json!(false));
    assert_eq!(answer["attributes"]["has_sequential_scan"], json!(true));
    assert!(answer["insights"].is_array() && answer.get("error").is_none());
}

#[test]
fn a_plan_that_is_cut_off_says_so() {
    let answer =
        answer(r#"[{"Plan": {"Node Type": "Limit", "Total Cost": 9.5, "Plans": [{"Node Type": "Seq Sc"#);
    assert_eq!(answer["degraded"], json!(true));
    assert!(answer["error"].is_string());
    assert_eq!(answer["root"]["node_type"], json!("Limit"));
}

#[test]
fn siblings_keep_their_order_and_depth_needs_no_stack_here() {
    let node = |parent: Option<u32>, depth: u32, name: String| Node {
        parent,
        depth,
        node_type: name.into(),
        ..Node::default()
    };
    let mut nodes = vec![node(None, 0, "root".to_owned())];
    for at in 1..4 {
        nodes.push(node(Some(0), 1, format!("child {at}")));
    }
    for at in 4..500 {
        nodes.push(node(Some(at - 1), at - 2, format!("node {at}")));
    }
    let plan = Plan {
        engine: Engine::PostgreSql,
        format: Format::Json,
        nodes,
        query: None,
        planning_ms: None,
        execution_ms: None,
        degraded: None,
    };
    let answer = plan::json(&plan, &facts(&plan, &Thresholds::default()));
    let names = |at: usize| {
        answer["root"]["children"][at]["node_type"]
            .as_str()
            .map(str::to_owned)
    };
    assert_eq!(
        [names(0), names(1), names(2)].map(Option::unwrap),
        ["child 1", "child 2", "child 3"]
    );
    let mut below = &answer["root"]["children"][2];
    for at in 4..500 {
        below = &below["children"][0];
        assert_eq!(below["id"], json!(at));
    }
}
