//! `ringwatch validate` and `ringwatch config ...`, and how every command loads a configuration.

use ringwatch_catalogue::Catalogue;
use ringwatch_config::{Request, Settings};

use super::check::{key_file, switch_names};
use super::print;
use crate::cli::{ConfigCommand, ConfigFiles};

/// Reads and checks the configuration; the error holds every fault, one a line.
pub(crate) fn load(files: &ConfigFiles, catalogue: &Catalogue) -> anyhow::Result<Settings> {
    let request = Request {
        files: &files.config,
        sets: &files.set,
        env: &|name| std::env::var(name).ok(),
    };
    Ok(ringwatch_config::load(&request, &|settings| {
        let mut complaints = switch_names(settings, catalogue);
        complaints.extend(key_file(settings));
        complaints
    })?)
}

/// `ringwatch validate`.
pub(crate) fn validate(files: &ConfigFiles) -> anyhow::Result<()> {
    load(files, &Catalogue::embedded()?).map(drop)
}

/// `ringwatch config show` and `ringwatch config schema`.
pub(crate) fn config(what: &ConfigCommand) -> anyhow::Result<()> {
    match what {
        ConfigCommand::Show(files) => print(&ringwatch_config::show(&load(files, &Catalogue::embedded()?)?)),
        ConfigCommand::Schema => {
            let schema = serde_json::to_string_pretty(&ringwatch_config::schema())?;
            print(&format!("{schema}\n"))
        }
    }
}
