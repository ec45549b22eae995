//! PostgreSQL's text plans against the JSON of the same plans, and as people paste them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use ringwatch_parse::plan::{Format, Limits, Node, Property, parse};
use serde_json::Value;

/// A folder or file of the corpus; `None`, with a message, where it is not there.
fn corpus(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpora/plans")
        .join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// The nodes of a plan in the order of the text, with their depths.
fn nodes(plan: &Value) -> Vec<(u32, &Value)> {
    let mut open = vec![(0, plan)];
    let mut all = Vec::new();
    while let Some((depth, node)) = open.pop() {
        all.push((depth, node));
        let children = node["Plans"].as_array().into_iter().flatten();
        open.extend(children.rev().map(|child| (depth + 1, child)));
    }
    all
}

fn same_texts(id: &str, json: &Value, node: &Node<'_>) {
    let texts = [
        ("Node Type", Some(&node.node_type)),
        ("Parent Relationship", node.relationship.as_ref()),
        ("Subplan Name", node.subplan.as_ref()),
        ("Relation Name", node.relation.as_ref()),
        ("Schema", node.schema.as_ref()),
        ("Alias", node.alias.as_ref()),
        ("Index Name", node.index.as_ref()),
        ("Join Type", node.join_type.as_ref()),
        ("Strategy", node.strategy.as_ref()),
        ("Operation", node.operation.as_ref()),
    ];
    for (key, ours) in texts {
        assert_eq!(
            json[key].as_str(),
            ours.map(|text| text.as_ref()),
            "{id} {key} of {node:?}"
        );
    }
    assert_eq!(
        json["Parallel Aware"].as_bool(),
        Some(node.parallel_aware),
        "{id}"
    );
}

fn same_numbers(id: &str, json: &Value, node: &Node<'_>) {
    let numbers = [
        ("Startup Cost", node.startup_cost),
        ("Total Cost", node.total_cost),
        ("Plan Rows", node.plan_rows),
        ("Plan Width", node.plan_width),
        ("Actual Rows", node.actual_rows),
        ("Actual Loops", node.actual_loops),
    ];
    for (key, ours) in numbers {
        assert_eq!(json[key].as_f64(), ours, "{id} {key} of {node:?}");
    }
    assert_eq!(
        json["Actual Total Time"].is_number(),
        node.actual_total_ms.is_some(),
        "{id}"
    );
}

/// Whether two formats say the same of a property. Memory and times differ from one execution to the next.
fn is_same(key: &str, json: Option<&Property<'_>>, ours: &Property<'_>) -> bool {
    let varies = ["Time", "Usage", "Used", " Blocks"]
        .iter()
        .any(|end| key.ends_with(end));
    match (json, ours) {
        (Some(Property::Number(_)), Property::Number(_))
            if varies || key.contains("WAL") || key.contains("JIT") =>
        {
            true
        }
        (json, ours) => json == Some(ours),
    }
}

#[test]
fn the_text_of_a_plan_gives_the_tree_of_its_json() {
    let Some(path) = corpus("pg15_pairs.jsonl") else {
        return;
    };
    let mut pairs = 0;
    let mut other = Vec::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        let id = pair["id"].as_str().unwrap();
        let json: Value = serde_json::from_str(pair["json"].as_str().unwrap()).unwrap();
        let plan = parse(pair["text"].as_str().unwrap(), &Limits::default()).unwrap();
        let expected = nodes(&json["Plan"]);
        assert_eq!(plan.degraded, None, "{id}");
        assert_eq!(plan.nodes.len(), expected.len(), "{id}");
        assert_eq!(
            plan.query.as_deref(),
            json["Query Text"].as_str().map(str::trim),
            "{id}"
        );
        let read = parse(pair["json"].as_str().unwrap(), &Limits::default()).unwrap();
        for (((depth, json), node), read) in expected.into_iter().zip(&plan.nodes).zip(&read.nodes) {
            assert_eq!(depth, node.depth, "{id}");
            same_texts(id, json, node);
            same_numbers(id, json, node);
            for (key, value) in &node.properties {
                let theirs = read.property(key);
                if !is_same(key, theirs, value) {
                    other.push(format!("{id} {key}: {theirs:?} is {value:?}"));
                }
            }
            // What is zero or false is left out of the text, and what its name tells.
            for (key, value) in &read.properties {
                let is_told =
                    matches!(value, Property::Text(_) | Property::Texts(_)) && key != "Scan Direction";
                if is_told && node.property(key).is_none() {
                    other.push(format!("{id} {key}: {value:?} is missing"));
                }
            }
        }
        pairs += 1;
    }
    assert!(other.is_empty(), "{other:#?}");
    println!("{pairs} pairs agree");
}

#[test]
fn plans_as_people_paste_them_are_read() {
    for folder in ["postgres/text", "postgres/text_framed"] {
        let Some(path) = corpus(folder) else {
            return;
        };
        let mut files: Vec<_> = std::fs::read_dir(path)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let plan = match parse(&text, &Limits::default()) {
                Ok(plan) => plan,
                Err(error) => panic!("{}: {error}", file.display()),
            };
            let frame = [' ', '"', '\'', '\u{2551}', '\u{2502}'];
            let arrows = text
                .lines()
                .filter(|line| line.trim_start_matches(frame).starts_with("->"));
            assert_eq!(plan.format, Format::Text, "{}", file.display());
            assert_eq!(plan.nodes.len(), arrows.count() + 1, "{}", file.display());
            let unknown = plan.nodes.iter().find(|node| node.node_type == "???");
            assert_eq!(unknown, None, "{}", file.display());
            println!("{} {} {:?}", file.display(), plan.nodes.len(), plan.degraded);
        }
    }
}

/// Pieces of plans.
const PIECES: [&str; 30] = [
    "Sort",
    "Seq Scan on t",
    "  (cost=0.00..1.00 rows=1 width=0)",
    " (actual time=0.1..0.2 rows=1 loops=1)",
    " (never executed)",
    "\n",
    "\n  ",
    "\n        ",
    "->  ",
    "SubPlan 1",
    "CTE w",
    "Filter: ",
    "'",
    "\"",
    "(",
    ")",
    "\t",
    "Query Text: ",
    "Buffers: shared hit=1",
    "Sort Method: quicksort  Memory: 25kB",
    "Buckets: 1  Batches: 1",
    "Worker 0:  ",
    "Planning Time: 1 ms",
    "JIT:",
    "Settings: a = 'b'",
    "$$",
    "--",
    "\u{a0}",
    "\u{df}",
    "(4 rows)",
];

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(?s).{0,80}",
        picks in proptest::collection::vec(0..PIECES.len(), 0..40),
    ) {
        let pieces: String = picks.into_iter().map(|pick| PIECES[pick]).collect();
        for text in [text, pieces] {
            let Ok(plan) = parse(&text, &Limits::default()) else {
                continue;
            };
            for (at, node) in plan.nodes.iter().enumerate() {
                let parent = node.parent.map(|parent| parent as usize);
                prop_assert_eq!(parent.is_none(), at == 0);
                let is_below = |parent: usize| parent < at && plan.nodes[parent].depth + 1 == node.depth;
                prop_assert!(parent.is_none_or(is_below));
            }
        }
    }
}
