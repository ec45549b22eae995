//! From files to settings.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use crate::Settings;
use crate::checks::{self, Declared};
use crate::fault::{Complaint, Fault, Faults, Place};
use crate::set;
use crate::shape::{self, Want};
use crate::substitute::Sources;
use crate::tree::{Body, Key, Node};
use crate::walk::Walk;
use crate::yaml;

/// What to load.
pub struct Request<'a> {
    /// The files: the base first, then overlays in order.
    pub files: &'a [PathBuf],
    /// The `--set` arguments, `key.path=value`, applied last and in order.
    pub sets: &'a [String],
    /// Looks a variable of the environment up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Reads, checks and types a configuration. `extra` adds the caller's own checks; it may see settings in which
/// stand-ins take the place of faulty values, and what it says of those is left out.
///
/// # Errors
/// All faults, sorted by place. When a file cannot be read or is not YAML, only faults of that sort.
pub fn load(request: &Request<'_>, extra: &dyn Fn(&Settings) -> Vec<Complaint>) -> Result<Settings, Faults> {
    let sources = Sources { env: request.env };
    let want = shape::settings();
    let (root, mut faults) = read(request, &sources, &want)?;
    let mut walk = Walk::new(&sources);
    let value = walk.root(&root, &want);
    faults.append(&mut walk.faults);
    let settings: Settings = match serde_json::from_value(value) {
        Ok(settings) => settings,
        Err(_) if !faults.is_empty() => return Err(Faults::new(faults)),
        Err(_) => {
            let message =
                "the settings do not fit their types although every check passed; please report this";
            return Err(Faults::new(vec![Fault {
                place: root.place,
                message: message.into(),
            }]));
        }
    };
    let mut complaints = checks::all(&settings, &declared(&root, &walk));
    complaints.extend(extra(&settings));
    let news = complaints
        .into_iter()
        .filter(|complaint| !walk.broken.iter().any(|path| related(path, &complaint.path)));
    faults.extend(news.map(|complaint| place(&root, &walk, complaint)));
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(Faults::new(faults))
    }
}

/// Whether one of the paths leads to the other.
fn related(a: &[String], b: &[String]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b)
}

/// The complaint with its place, and with what came by substitution shown as it was written.
fn place(root: &Node, walk: &Walk<'_>, complaint: Complaint) -> Fault {
    let (place, mut written) = root.locate(&complaint.path);
    written.extend(walk.written.get(&complaint.path).cloned());
    let mut message = complaint.message;
    for (value, shown) in written {
        message = message.replace(&format!("`{value}`"), &format!("`{shown}`"));
    }
    for section in SECTIONS {
        for key in keys(root, section).filter(|key| key.name != key.shown) {
            message = message.replace(&key.name, &key.shown);
        }
    }
    Fault { place, message }
}

/// The sections that hold components.
const SECTIONS: [&str; 4] = ["receivers", "processors", "exporters", "extensions"];

/// The keys of a section of the file.
fn keys<'a>(root: &'a Node, section: &str) -> impl Iterator<Item = &'a Key> {
    let entries = root.get(section).map(|entry| match &entry.value.body {
        Body::Map(entries) => entries.as_slice(),
        _ => &[],
    });
    entries.unwrap_or_default().iter().map(|entry| &entry.key)
}

/// The names of the components that the files declare, also of those that have faults.
fn declared(root: &Node, walk: &Walk<'_>) -> Declared {
    let [receivers, processors, exporters, extensions] = SECTIONS.map(|section| {
        let faulty = walk.broken.contains(&vec![section.to_owned()]);
        (!faulty).then(|| keys(root, section).map(|key| key.name.clone()).collect())
    });
    Declared {
        receivers,
        processors,
        exporters,
        extensions,
    }
}

/// All files and `--set`s as one tree, and the faults that do not keep it from being checked.
fn read(request: &Request<'_>, sources: &Sources<'_>, want: &Want) -> Result<(Node, Vec<Fault>), Faults> {
    let mut root: Option<Node> = None;
    let mut unreadable = Vec::new();
    let mut faults = Vec::new();
    for (order, path) in request.files.iter().enumerate() {
        match read_file(order, path) {
            Ok(mut node) => {
                if node.is_null() {
                    node = Node::empty(node.place);
                }
                sources.settle_keys(&mut node, &mut faults);
                match &mut root {
                    Some(base) => base.merge(node),
                    None => root = Some(node),
                }
            }
            Err(fault) => unreadable.push(fault),
        }
    }
    let none = Place::File {
        order: 0,
        line: 1,
        column: 1,
        name: Arc::from("--config"),
    };
    let mut root = root.unwrap_or_else(|| Node::empty(none.clone()));
    if request.files.is_empty() {
        unreadable.push(Fault {
            place: none,
            message: "no configuration file is given".into(),
        });
    }
    for (order, argument) in request.sets.iter().enumerate() {
        unreadable.extend(set::apply(&mut root, want, order, argument).err());
    }
    if unreadable.is_empty() {
        Ok((root, faults))
    } else {
        Err(Faults::new(unreadable))
    }
}

fn read_file(order: usize, path: &FilePath) -> Result<Node, Fault> {
    let name: Arc<str> = Arc::from(path.to_string_lossy().as_ref());
    let fault = |line, column, message| Fault {
        place: Place::File {
            order,
            line,
            column,
            name: Arc::clone(&name),
        },
        message,
    };
    let bytes = std::fs::read(path).map_err(|error| fault(1, 1, format!("cannot be read: {error}")))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before =
            String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        fault(before.matches('\n').count() + 1, column, "not UTF-8".into())
    })?;
    yaml::parse(order, &name, text)
}
