//! What the tests of this crate share.

use std::path::PathBuf;

use ringwatch_config::{Faults, Request, Settings, load};

/// The smallest configuration that is valid.
pub(crate) const SMALL: &str = "\
receivers:
  postgresql:
    endpoint: db1:5432
    username: monitor
exporters:
  debug:
service:
  pipelines:
    metrics:
      receivers: [postgresql]
      exporters: [debug]
";

/// Loads files of the given texts, named `0.yaml`, `1.yaml` and so on.
pub(crate) fn load_texts(texts: &[&str], sets: &[&str], env: &[(&str, &str)]) -> Result<Settings, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..texts.len())
        .map(|n| folder.path().join(format!("{n}.yaml")))
        .collect();
    for (file, text) in files.iter().zip(texts) {
        std::fs::write(file, text).unwrap();
    }
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let env = |name: &str| {
        env.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    load(
        &Request {
            files: &files,
            sets: &sets,
            env: &env,
        },
        &|_| Vec::new(),
    )
}

/// The fault lines, each file by its bare name.
pub(crate) fn lines(result: Result<Settings, Faults>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(faults) => bare(&faults.to_string()),
    }
}

/// Lines without the folder of the test's files.
pub(crate) fn bare(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| match line.find(".yaml:") {
            Some(at) => line[line[..at].rfind('/').map_or(0, |slash| slash + 1)..].to_owned(),
            None => line.to_owned(),
        })
        .collect()
}

/// Loads what must be valid.
pub(crate) fn good(text: &str, env: &[(&str, &str)]) -> Settings {
    load_texts(&[text], &[], env).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The settings as JSON, to compare them. Secrets are redacted in it.
pub(crate) fn json(settings: &Settings) -> serde_json::Value {
    serde_json::to_value(settings).unwrap()
}
