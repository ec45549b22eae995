//! Plans that tools, logs and people print, read whole.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use ringwatch_parse::plan::{Degraded, Engine, Format, Limits, Plan, PlanError, parse};
use serde_json::Value;

/// The folder of the corpus; `None`, with a message, where it is not there.
fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/plans");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What holds of every tree.
fn check(plan: &Plan<'_>) {
    assert!(!plan.nodes.is_empty());
    for (at, node) in plan.nodes.iter().enumerate() {
        assert!(!node.node_type.is_empty());
        match node.parent {
            None => assert_eq!((at, node.depth), (0, 0)),
            Some(parent) => {
                assert!((parent as usize) < at);
                assert_eq!(node.depth, plan.nodes[parent as usize].depth + 1);
            }
        }
    }
}

/// How many objects with `Node Type` are in a plan.
fn count(value: &Value) -> usize {
    match value {
        Value::Object(map) => {
            let here = usize::from(map.contains_key("Node Type"));
            here + map.values().map(count).sum::<usize>()
        }
        Value::Array(values) => values.iter().map(count).sum(),
        _ => 0,
    }
}

#[test]
fn every_file_is_read_or_refused_with_a_reason() {
    let Some(corpus) = corpus() else { return };
    let mut read = 0;
    for path in files(&corpus) {
        let name = path.strip_prefix(&corpus).unwrap().display().to_string();
        if name.ends_with(".jsonl") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let plan = match parse(&text, &Limits::default()) {
            Ok(plan) => plan,
            Err(error) => {
                println!("{name}: {error}");
                assert!(name.contains("bad_format"), "{name}: {error}");
                assert_eq!(error, PlanError::NotAPlan);
                continue;
            }
        };
        check(&plan);
        read += 1;
        if let Some(degraded) = plan.degraded {
            println!("{name}: {degraded:?}, {} nodes", plan.nodes.len());
        }
        let folders: Vec<&str> = name.split('/').collect();
        match folders[..2] {
            ["mysql", "json"] => assert_eq!(
                (plan.engine, plan.format),
                (Engine::MySql, Format::Json),
                "{name}"
            ),
            ["postgres", format] => {
                let format = match format.split('_').next().unwrap() {
                    "json" => Format::Json,
                    "xml" => Format::Xml,
                    "yaml" => Format::Yaml,
                    _ => Format::Text,
                };
                assert_eq!((plan.engine, plan.format), (Engine::PostgreSql, format), "{name}");
            }
            _ => panic!("{name}: what is this?"),
        }
        if name.starts_with("postgres/json/") {
            let value: Value = serde_json::from_str(&text).unwrap();
            let first = if value.is_array() { &value[0] } else { &value };
            assert_eq!(plan.nodes.len(), count(first), "{name}");
            assert_eq!(plan.degraded, None, "{name}");
        }
    }
    assert!(read > 200, "{read}");
}

#[test]
fn pairs_have_the_nodes_they_should() {
    let Some(corpus) = corpus() else { return };
    let lines = std::fs::read_to_string(corpus.join("pg15_pairs.jsonl")).unwrap();
    let mut pairs = 0;
    for line in lines.lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        let text = pair["json"].as_str().unwrap();
        let plan = parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", pair["id"]));
        check(&plan);
        assert_eq!(plan.degraded, None, "{}", pair["id"]);
        assert_eq!(
            plan.nodes.len() as u64,
            pair["nodes"].as_u64().unwrap(),
            "{}",
            pair["id"]
        );
        let value: Value = serde_json::from_str(text).unwrap();
        let root = &value["Plan"];
        assert_eq!(
            plan.query.as_deref(),
            value["Query Text"].as_str(),
            "{}",
            pair["id"]
        );
        assert_eq!(
            plan.nodes[0].total_cost,
            root["Total Cost"].as_f64(),
            "{}",
            pair["id"]
        );
        assert_eq!(
            plan.nodes[0].actual_rows,
            root["Actual Rows"].as_f64(),
            "{}",
            pair["id"]
        );
        assert_eq!(Some(plan.nodes[0].node_type.as_ref()), root["Node Type"].as_str());
        pairs += 1;
    }
    assert!(pairs > 200, "{pairs}");
}

#[test]
fn what_is_cut_off_anywhere_is_read_as_far_as_it_goes() {
    let Some(corpus) = corpus() else { return };
    for path in files(&corpus) {
        let text = std::fs::read_to_string(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "jsonl") || text.len() > 8_000 {
            continue;
        }
        let whole = parse(&text, &Limits::default()).ok();
        let json = text.trim_start().starts_with(['{', '[']);
        for end in (0..text.trim_end().len())
            .step_by(7)
            .filter(|end| text.is_char_boundary(*end))
        {
            let Ok(plan) = parse(&text[..end], &Limits::default()) else {
                continue;
            };
            check(&plan);
            let whole = whole.as_ref().unwrap();
            assert!(
                plan.nodes.len() <= whole.nodes.len(),
                "{} at {end}",
                path.display()
            );
            if json && plan.engine == Engine::PostgreSql && plan.nodes.len() < whole.nodes.len() {
                assert_eq!(
                    plan.degraded,
                    Some(Degraded::Truncated),
                    "{} at {end}",
                    path.display()
                );
            }
        }
    }
}
