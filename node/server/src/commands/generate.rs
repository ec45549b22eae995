//! `ringwatch config generate ...`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use ringwatch_catalogue::Catalogue;
use ringwatch_config::{ENVIRONMENTS, Settings};

use super::print;
use super::settings::complaints;
use crate::cli::GenerateFor;

/// Writes one file for each environment that is wanted. Every text is checked, and every file looked for,
/// before the first is written.
pub(super) fn generate(wanted: &GenerateFor) -> anyhow::Result<()> {
    let environments: Vec<&str> = match wanted.environment.as_str() {
        "all" => ENVIRONMENTS.to_vec(),
        one => vec![one],
    };
    let catalogue = Catalogue::embedded()?;
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for environment in environments {
        let text = text(environment, &catalogue)?;
        files.push((wanted.out.join(format!("{environment}.yaml")), text));
    }
    let there: Vec<String> = files
        .iter()
        .filter(|(path, _)| !wanted.force && path.symlink_metadata().is_ok())
        .map(|(path, _)| path.display().to_string())
        .collect();
    if !there.is_empty() {
        bail!(
            "already there: {}; nothing was written: give --force to overwrite, or --out another folder",
            there.join(", ")
        );
    }
    std::fs::create_dir_all(&wanted.out)
        .with_context(|| format!("the folder {} cannot be made", wanted.out.display()))?;
    for (path, text) in &files {
        write(path, text, wanted.force)?;
        print(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

fn text(environment: &str, catalogue: &Catalogue) -> anyhow::Result<String> {
    let known = || {
        format!(
            "no environment is called `{environment}`; there are all, {}",
            ENVIRONMENTS.join(", ")
        )
    };
    let generated = ringwatch_config::generate(environment).with_context(known)??;
    let settings: &Settings = &generated.settings;
    if let Some(complaint) = complaints(settings, catalogue).first() {
        bail!(
            "the preset of `{environment}` is not valid: {}; please report this",
            complaint.message
        );
    }
    Ok(generated.text)
}

fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!force);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "{} is there already: give --force to overwrite it",
                path.display()
            )
        }
        written => written.with_context(|| format!("{} cannot be written", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(environment: &str, out: &Path, force: bool) -> GenerateFor {
        GenerateFor {
            environment: environment.into(),
            out: out.into(),
            force,
        }
    }

    #[test]
    fn every_environment_is_written_once_and_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new").join("folder");
        generate(&wanted("all", &out, false)).unwrap();
        for environment in ENVIRONMENTS {
            let text = std::fs::read_to_string(out.join(format!("{environment}.yaml"))).unwrap();
            assert!(
                text.starts_with(&format!("# Ringwatch in {environment}.")),
                "{text}"
            );
        }
        let staging = out.join("staging.yaml");
        std::fs::remove_file(out.join("production.yaml")).unwrap();
        std::fs::write(&staging, "mine").unwrap();
        let error = generate(&wanted("all", &out, false)).unwrap_err().to_string();
        assert!(
            error.contains("staging.yaml") && error.contains("--force"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&staging).unwrap(), "mine");
        assert!(!out.join("production.yaml").exists(), "nothing was written");
        generate(&wanted("staging", &out, true)).unwrap();
        assert_ne!(std::fs::read_to_string(&staging).unwrap(), "mine");
    }

    #[test]
    fn an_unknown_environment_is_told_those_that_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let error = generate(&wanted("prodution", folder.path(), false)).unwrap_err();
        let words = error.to_string();
        assert!(
            words.contains("`prodution`") && words.contains("production, staging"),
            "{words}"
        );
    }
}
