//! The scaffold of a new processor compiles, its tests pass, and what it says to do fits the sources.

#![allow(missing_docs, clippy::unwrap_used)]

#[expect(unreachable_pub, reason = "it is public where it will stand")]
#[path = "../scaffold/new_step/mod.rs"]
mod new_step;
#[expect(unreachable_pub, reason = "it is public where it will stand")]
#[path = "../scaffold/new_step/settings.rs"]
mod settings;
#[expect(
    dead_code,
    reason = "the template needs a part of what processors' tests share"
)]
#[path = "../src/testing.rs"]
mod testing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

// What the template finds at the root of the crate in which it will stand.
use ringwatch_pipeline::{Outlet, PipelineError, PipelineMetrics, Processor};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the script on a tree that has nothing but the folders.
fn run(name: &str, root: &Path) -> Output {
    for folder in ["node/config/src/settings", "node/pipeline/src"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let script = package().join("scaffold/new-processor.sh");
    Command::new("sh")
        .arg(script)
        .arg(name)
        .arg(root)
        .output()
        .unwrap()
}

#[test]
fn what_the_script_writes_is_the_template_under_another_name() {
    let root = tempfile::tempdir().unwrap();
    let output = run("row_cap", root.path());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let places = [
        ("mod.rs", "node/pipeline/src/row_cap/mod.rs"),
        ("tests.rs", "node/pipeline/src/row_cap/tests.rs"),
        ("settings.rs", "node/config/src/settings/row_cap.rs"),
    ];
    for (template, place) in places {
        let written = fs::read_to_string(root.path().join(place)).unwrap();
        assert!(!written.contains("crate::settings"), "{written}");
        let back = written
            .replace("RowCap", "NewStep")
            .replace("row_cap", "new_step")
            .replace("use ringwatch_config::settings::NewStep as Settings;\n", "");
        let template = fs::read_to_string(package().join("scaffold/new_step").join(template)).unwrap();
        let template = template.replace("use crate::settings::NewStep as Settings;\n", "");
        assert_eq!(back, template, "{place}");
    }
}

#[test]
fn every_place_that_the_script_names_is_there() {
    let root = tempfile::tempdir().unwrap();
    let said = String::from_utf8(run("row_cap", root.path()).stdout).unwrap();
    let checkout = package().join("../..");
    let places = said.lines().filter(|line| line.starts_with("node/"));
    let mut seen = 0;
    for line in places {
        let (file, rest) = line.split_once(',').unwrap();
        let source = fs::read_to_string(checkout.join(file)).unwrap();
        for anchor in rest.split('`').skip(1).step_by(2) {
            assert!(source.contains(anchor), "{file} has no `{anchor}`");
            seen += 1;
        }
    }
    assert_eq!(seen, 9, "{said}");
}

#[test]
fn a_name_that_is_none_or_taken_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    for wrong in [
        "", "RowCap", "row-cap", "1row", "_row", "row_", "row__cap", "../row", "a b",
    ] {
        let output = run(wrong, root.path());
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        assert!(!output.stderr.is_empty(), "{wrong}");
    }
    let pipeline = root.path().join("node/pipeline/src");
    assert_eq!(fs::read_dir(&pipeline).unwrap().count(), 0);
    assert!(run("row_cap", root.path()).status.success());
    fs::write(pipeline.join("row_cap/mod.rs"), "mine").unwrap();
    assert_eq!(run("row_cap", root.path()).status.code(), Some(1));
    assert_eq!(
        fs::read_to_string(pipeline.join("row_cap/mod.rs")).unwrap(),
        "mine"
    );
}

/// The types of processors that the configuration knows.
fn types() -> Vec<String> {
    let reference = ringwatch_config::reference();
    let section = reference.split("\n## `processors`\n").nth(1).unwrap();
    let section = section.split("\n## `").next().unwrap();
    let names = section.split("\n### `").skip(1);
    names
        .filter_map(|text| Some(text.split_once('`')?.0.to_owned()))
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_processor_is_a_folder_of_the_same_shape() {
    let types = types();
    assert!(types.len() >= 10, "{types:?}");
    for name in types {
        // Accepted and passed on: they have settings and no processor of their own.
        if ["plan_extractor", "verification"].contains(&name.as_str()) {
            continue;
        }
        let folder = package().join("src").join(&name);
        let head = fs::read_to_string(folder.join("mod.rs")).unwrap();
        assert!(head.starts_with(&format!("//! `{name}`: ")), "{name}: {head}");
        let texts: Vec<_> = sources(&folder)
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        let has = |text: &str| texts.iter().any(|source| source.contains(text));
        assert!(has("impl Processor for "), "{name} has no processor");
        assert!(
            has("#[test]") || has("#[tokio::test"),
            "{name} has no tests beside it"
        );
    }
}
