//! The pages about processors and about running a node say what is so: generated tables, examples, names of metrics.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ringwatch_config::settings::Processor;
use ringwatch_config::{Request, Settings, load};
use ringwatch_pipeline::{adaptive_sampler, transform, verification};

/// What every example is laid over.
const BASE: &str = "\
receivers:
  postgresql:
    endpoint: db1:5432
    username: monitor
exporters:
  debug:
service:
  pipelines:
    metrics: { receivers: [postgresql], exporters: [debug] }
";
/// What tells a metric of ours from other words.
const FAMILIES: [&str; 8] = [
    "ringwatch_",
    "otelcol_",
    "adaptive_sampler_",
    "circuit_breaker_",
    "rate_limiter_",
    "plan_parser_",
    "plan_rejected_",
    "verification_",
];
/// Texts of the program that look like metrics and are none.
const NO_METRICS: [&str; 3] = ["ringwatch_books", "ringwatch_process", "ringwatch_started"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// Type and table of each processor, from the reference of the configuration.
fn processors() -> Vec<(String, String)> {
    let reference = ringwatch_config::reference();
    let section = reference.split("\n## `processors`\n").nth(1).unwrap();
    let section = section.split("\n## `").next().unwrap();
    let each = section.split("\n### `").skip(1).map(|text| {
        let (name, body) = text.split_once('`').unwrap();
        let (_, table) = body.split_once("\n| key |").unwrap();
        (name.to_owned(), format!("| key |{table}"))
    });
    each.collect()
}

/// The page with what stands between each `<!-- KEY -->` and the next `<!-- end -->` made anew.
fn filled(page: &str, tables: &[(String, String)]) -> String {
    let mut page = page.to_owned();
    for (key, table) in tables {
        let begin = format!("<!-- {key} -->\n");
        assert_eq!(
            page.matches(&begin).count(),
            1,
            "docs/processors.md needs one {begin}"
        );
        let (before, rest) = page.split_once(&begin).unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        page = format!("{before}{begin}\n{}\n\n<!-- end -->{after}", table.trim_end());
    }
    page
}

#[test]
fn docs_processors_has_the_tables_that_the_program_makes() {
    let mut tables: Vec<_> = processors()
        .into_iter()
        .map(|(name, table)| (format!("settings of {name}"), table))
        .collect();
    tables.push(("functions".into(), ringwatch_parse::expr::function_table()));
    let path = root().join("docs/processors.md");
    let written = fs::read_to_string(&path).unwrap();
    let made = filled(&written, &tables);
    if std::env::var_os("RINGWATCH_WRITE_DOCS").is_some() {
        // The other tests read the page meanwhile: they see all of the old one or all of the new one.
        let beside = path.with_extension("md.new");
        fs::write(&beside, &made).unwrap();
        fs::rename(&beside, &path).unwrap();
    } else {
        let advice = "docs/processors.md is out of date: RINGWATCH_WRITE_DOCS=1 cargo test -p ringwatch-pipeline --test docs";
        assert!(written == made, "{advice}");
    }
    for (name, _) in processors() {
        assert!(made.contains(&format!("\n## {name}\n")), "{name} has no section");
    }
}

/// The blocks of YAML of a page.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks.filter_map(|block| block.split("```").next()).collect()
}

/// The processors that an example defines.
fn defined(example: &str) -> Vec<&str> {
    let after = example.split_once("processors:\n").map_or("", |(_, after)| after);
    let section = after
        .lines()
        .take_while(|line| line.starts_with([' ', '#']) || line.is_empty());
    let keys = section.filter_map(|line| line.strip_prefix("  ")?.split_once(':'));
    keys.map(|(key, _)| key)
        .filter(|key| !key.starts_with([' ', '#']))
        .collect()
}

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "N" => "1",
        _ if name.ends_with("DSN") => "postgresql://monitor:secret@db2:5432/shop",
        _ => "x",
    };
    Some(value.to_owned())
}

/// Loads an example, and makes what its processors make of statements and conditions.
fn check(example: &str) {
    let folder = tempfile::tempdir().unwrap();
    let files = [("base.yaml", BASE), ("example.yaml", example)].map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    });
    let mut sets = Vec::new();
    if !example.contains("pipelines:") {
        sets.push(format!(
            "service.pipelines.metrics.processors=[{}]",
            defined(example).join(",")
        ));
    }
    let request = Request {
        files: &files,
        sets: &sets,
        env: &variable,
    };
    let settings: Settings = match load(&request, &|_| Vec::new()) {
        Ok(settings) => settings,
        Err(faults) => panic!("{faults}\n{example}"),
    };
    for (id, processor) in &settings.processors {
        let name = id.to_string();
        let answer = match processor {
            Processor::Transform(settings) => transform::check(&name, settings),
            Processor::AdaptiveSampler(settings) => {
                adaptive_sampler::unmatched_rules(&name, settings, &[]).map(|_| ())
            }
            Processor::Verification(settings) => verification::check(&name, settings),
            _ => Ok(()),
        };
        if let Err(error) = answer {
            panic!("{error}\n{example}");
        }
    }
}

#[test]
fn the_examples_on_the_pages_are_valid() {
    assert_eq!(
        defined("processors:\n  # one\n  a:\n    b: 1\n  c: {}\nadmin:\n  d: 1\n"),
        ["a", "c"]
    );
    for (name, fewest) in [
        ("docs/processors.md", 10),
        ("docs/runbook.md", 4),
        ("docs/operations.md", 2),
        ("README.md", 4),
    ] {
        let page = page(name);
        let examples = examples(&page);
        // Alert rules are for Prometheus.
        let of_settings = examples.iter().filter(|text| !text.starts_with("groups:"));
        assert!(of_settings.clone().count() >= fewest, "{name}");
        of_settings.for_each(|example| check(example));
    }
}

fn is_of_a_family(word: &str) -> bool {
    FAMILIES.iter().any(|family| {
        word.strip_prefix(family)
            .is_some_and(|rest| !rest.is_empty() && !rest.ends_with('_'))
    })
}

/// The words of a text that look like metrics of ours; paths such as `ringwatch_parse::expr` do not.
fn words(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        rest = rest.get(start..).unwrap();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if is_of_a_family(word) && !after.starts_with("::") && !after.starts_with(".json") {
            found.insert(word.to_owned());
        }
        rest = after;
    }
    found
}

/// The names of metrics in the sources of the program: texts in quotes, tests left out.
fn registered(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            registered(&path, found);
        } else if name.ends_with(".rs") && !name.contains("test") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let quoted = code.split('"').filter(|text| is_of_a_family(text));
            let names = quoted.filter(|text| words(text).contains(*text) && !NO_METRICS.contains(text));
            found.extend(names.map(str::to_owned));
        }
    }
}

fn metrics() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join("node")).unwrap() {
        registered(&entry.unwrap().path().join("src"), &mut found);
    }
    found
}

#[test]
fn every_metric_that_the_pages_name_is_there_and_every_metric_is_on_a_page() {
    let metrics = metrics();
    assert!(
        metrics.contains("circuit_breaker_state") && metrics.len() > 50,
        "{metrics:?}"
    );
    let mut told = BTreeSet::new();
    for name in [
        "docs/processors.md",
        "docs/runbook.md",
        "docs/operations.md",
        "docs/state.md",
        "README.md",
    ] {
        for word in words(&page(name)) {
            // A histogram has three series, which its name does not say.
            let parts = ["_bucket", "_sum", "_count"];
            let plain = parts.iter().find_map(|part| word.strip_suffix(part));
            let plain = plain.filter(|_| !metrics.contains(&word)).unwrap_or(&word);
            assert!(
                metrics.contains(plain),
                "{name} names {word}, which no code makes"
            );
            told.insert(plain.to_owned());
        }
    }
    let untold: Vec<_> = metrics.difference(&told).collect();
    assert!(untold.is_empty(), "no page says what these are: {untold:?}");
}
