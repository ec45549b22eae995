//! `ringwatch validate` and `ringwatch config ...`, and how every command loads a configuration.

use ringwatch_catalogue::Catalogue;
use ringwatch_config::{Complaint, Loaded, Request, Settings};

use super::check::{key_file, switch_names};
use super::columns::unmatched;
use super::connect::connect;
use super::generate::generate;
use super::languages::languages;
use super::print;
use crate::cli::{ConfigCommand, ConfigFiles, Validate};

/// Reads and checks the configuration, and says what is valid in it and still hardly meant; the error holds
/// every fault, one a line.
pub(crate) fn load_noted(files: &ConfigFiles, catalogue: &Catalogue) -> anyhow::Result<Loaded> {
    let request = Request {
        files: &files.config,
        sets: &files.set,
        env: &|name| std::env::var(name).ok(),
    };
    let complaints = |settings: &Settings| complaints(settings, catalogue);
    let notes = |settings: &Settings| unmatched(settings, catalogue);
    Ok(ringwatch_config::load_noted(&request, &complaints, &notes)?)
}

/// The complaints of this room: those that need the catalogue, a file, or a language.
pub(super) fn complaints(settings: &Settings, catalogue: &Catalogue) -> Vec<Complaint> {
    let mut complaints = switch_names(settings, catalogue);
    complaints.extend(key_file(settings));
    complaints.extend(languages(settings));
    complaints
}

/// `ringwatch validate`.
pub(crate) fn validate(wanted: &Validate) -> anyhow::Result<()> {
    let catalogue = Catalogue::embedded()?;
    let loaded = load_noted(&wanted.files, &catalogue)?;
    let notes: String = loaded.notes.iter().map(|note| format!("{note}\n")).collect();
    print(&notes)?;
    if wanted.connect {
        connect(&loaded.settings, &catalogue)?;
    }
    Ok(())
}

/// `ringwatch config show`, `ringwatch config generate` and `ringwatch config schema`.
pub(crate) fn config(what: &ConfigCommand) -> anyhow::Result<()> {
    match what {
        ConfigCommand::Show(files) => {
            let loaded = load_noted(files, &Catalogue::embedded()?)?;
            print(&ringwatch_config::show(&loaded.settings))
        }
        ConfigCommand::Generate(wanted) => generate(wanted),
        ConfigCommand::Schema => {
            let schema = serde_json::to_string_pretty(&ringwatch_config::schema())?;
            print(&format!("{schema}\n"))
        }
    }
}
