//! Plans of the corpora without their literals: nothing that was planted is left, and the tree is the same.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use regex::{Captures, Regex};
use ringwatch_parse::plan::{self, Limits, Node, Plan, Thresholds};
use serde_json::Value;

const SECRET: &str = "xplantedx";
const NUMBER: &str = "918273645";

fn corpus(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpora/plans")
        .join(name);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

/// Every plan of the corpora: where it comes from, and its text.
fn plans() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for folder in [
        "postgres/json",
        "postgres/json_framed",
        "postgres/text",
        "postgres/text_framed",
        "mysql/json",
    ] {
        let Some(path) = corpus(folder) else { continue };
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            all.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    for (id, json, text) in pairs() {
        all.push((format!("pair {id} json"), json));
        all.push((format!("pair {id} text"), text));
    }
    all.sort();
    all
}

fn pairs() -> Vec<(String, String, String)> {
    let Some(path) = corpus("pg15_pairs.jsonl") else {
        return Vec::new();
    };
    let lines = fs::read_to_string(path).unwrap();
    let pair = |line: &str| {
        let pair: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| pair[key].as_str().unwrap().to_owned();
        (text("id"), text("json"), text("text"))
    };
    lines.lines().map(pair).collect()
}

/// What of a node has to be the same after it was scrubbed.
fn figures(node: &Node<'_>) -> impl PartialEq + std::fmt::Debug {
    let names = [
        &node.relation,
        &node.schema,
        &node.alias,
        &node.index,
        &node.join_type,
        &node.strategy,
    ];
    (
        (node.parent, node.node_type.to_string(), node.parallel_aware),
        names.map(|name| name.as_deref().map(str::to_owned)),
        [
            node.startup_cost,
            node.total_cost,
            node.plan_rows,
            node.plan_width,
        ],
        [
            node.actual_startup_ms,
            node.actual_total_ms,
            node.actual_rows,
            node.actual_loops,
        ],
        node.properties.len(),
    )
}

fn assert_same(from: &str, plan: &Plan<'_>, scrubbed: &Plan<'_>) {
    assert_eq!(plan.nodes.len(), scrubbed.nodes.len(), "{from}");
    assert_eq!(plan.format, scrubbed.format, "{from}");
    for (before, after) in plan.nodes.iter().zip(&scrubbed.nodes) {
        assert_eq!(figures(before), figures(after), "{from}");
    }
    assert_eq!(plan::fingerprint(plan), plan::fingerprint(scrubbed), "{from}");
}

#[test]
fn a_scrubbed_plan_is_the_same_tree_and_is_scrubbed_once_and_for_all() {
    let limits = Limits::default();
    for (from, text) in plans() {
        let Ok(plan) = plan::parse(&text, &limits) else {
            continue;
        };
        let scrubbed = plan::scrub(&text, &limits).unwrap_or_else(|error| panic!("{from}: {error}"));
        let again =
            plan::parse(&scrubbed, &limits).unwrap_or_else(|error| panic!("{from}: {error}\n{scrubbed}"));
        assert_same(&from, &plan, &again);
        assert_eq!(plan::scrub(&scrubbed, &limits).unwrap(), scrubbed, "{from}");
    }
}

#[test]
fn the_text_and_the_json_of_a_plan_have_one_fingerprint() {
    let limits = Limits::default();
    for (id, json, text) in pairs() {
        let (json, text) = (
            plan::parse(&json, &limits).unwrap(),
            plan::parse(&text, &limits).unwrap(),
        );
        assert_eq!(
            plan::fingerprint(&json),
            plan::fingerprint(&text),
            "{id}\n{json:#?}\n{text:#?}"
        );
    }
}

/// The text with something planted in place of every literal, as far as a simple view of SQL finds them.
fn planted(expression: &str) -> String {
    static STRINGS: OnceLock<Regex> = OnceLock::new();
    static NUMBERS: OnceLock<Regex> = OnceLock::new();
    let strings = STRINGS.get_or_init(|| Regex::new(r"'(?:[^'\\]|''|\\.)*'").unwrap());
    let numbers = NUMBERS
        .get_or_init(|| Regex::new(r#"(^|[\s(=<>,+*/\[-])\d[\d.]*(e[+-]?\d+)?($|[\s),;:\]])"#).unwrap());
    let expression = numbers.replace_all(expression, |found: &Captures<'_>| {
        format!("{}{NUMBER}{}", &found[1], &found[3])
    });
    strings
        .replace_all(&expression, format!("'{SECRET}'"))
        .into_owned()
}

const NAMES: [&str; 16] = [
    "Node Type",
    "Relation Name",
    "Alias",
    "Schema",
    "Index Name",
    "CTE Name",
    "Function Name",
    "Subplan Name",
    "table_name",
    "key",
    "possible_keys",
    "used_columns",
    "used_key_parts",
    "ref",
    "Trigger Name",
    "Relation",
];

fn plant(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if !NAMES.contains(&key) && text.parse::<f64>().is_err() => *text = planted(text),
        Value::Array(values) => values.iter_mut().for_each(|value| plant(value, key)),
        Value::Object(object) => object.iter_mut().for_each(|(key, value)| plant(value, key)),
        _ => {}
    }
}

fn plant_lines(text: &str) -> String {
    const EXPRESSIONS: [&str; 13] = [
        "Output",
        "Sort Key",
        "Presorted Key",
        "Group Key",
        "Hash Key",
        "Cache Key",
        "Order By",
        "Function Call",
        "Table Function Call",
        "Remote SQL",
        "Sampling",
        "Settings",
        "Query Text",
    ];
    let line = |line: &str| {
        let Some((key, value)) = line.split_once(": ") else {
            return line.to_owned();
        };
        let said = key.trim();
        let is_condition = [" Cond", "Filter", " Condition"]
            .iter()
            .any(|end| said.ends_with(end));
        if said.contains("Rows ") || !(is_condition || EXPRESSIONS.contains(&said)) {
            return line.to_owned();
        }
        format!("{key}: {}", planted(value))
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The text with something planted in place of every literal.
fn planted_plan(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) => {
            plant(&mut value, "");
            serde_json::to_string_pretty(&value).unwrap()
        }
        Err(_) => plant_lines(text),
    }
}

fn assert_none(what: &str, text: &str) {
    for secret in [SECRET, NUMBER] {
        let found = text.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{what}");
    }
}

#[test]
fn nothing_that_was_planted_is_left() {
    let limits = Limits::default();
    let mut planted_in = 0;
    for (from, text) in plans() {
        let text = planted_plan(&text);
        let Ok(plan) = plan::parse(&text, &limits) else {
            continue;
        };
        let facts = plan::facts(&plan, &Thresholds::default());
        planted_in += usize::from(text.contains(SECRET) || text.contains(NUMBER));
        let Ok(scrubbed) = plan::scrub(&text, &limits) else {
            panic!("{from}: not scrubbed\n{text}");
        };
        assert_none(&from, &scrubbed);
        assert_none(&format!("drawn: {from}"), &plan::draw(&plan, &facts));
        assert_none(&format!("answer: {from}"), &plan::json(&plan, &facts).to_string());
    }
    if corpus("").is_some() {
        assert!(planted_in > 300, "{planted_in}");
    }
}

#[test]
fn nothing_is_left_of_a_plan_that_was_cut_off_anywhere() {
    let limits = Limits::default();
    let whole = |text: &str| !text.contains(&SECRET[..SECRET.len() - 1]) && !text.contains(&NUMBER[..6]);
    for (from, text) in plans()
        .into_iter()
        .filter(|(_, text)| text.len() < 20_000)
        .step_by(3)
    {
        let text = planted_plan(&text);
        for part in 1..17 {
            let cut = text.floor_char_boundary(text.len() * part / 17);
            if let Ok(scrubbed) = plan::scrub(&text[..cut], &limits) {
                assert!(
                    whole(&scrubbed),
                    "{from} at {cut}:\n{scrubbed}\nof\n{}",
                    &text[..cut]
                );
            }
        }
    }
}
