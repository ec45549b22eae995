//! From files to one tree.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fault::{Fault, Faults, Place};
use crate::set;
use crate::shape::Want;
use crate::substitute::Sources;
use crate::tree::Node;
use crate::yaml;

/// A larger file is not read: no configuration comes near.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// All files and `--set`s as one tree, and the faults that do not keep it from being checked.
pub(crate) struct Read {
    pub(crate) root: Node,
    pub(crate) faults: Vec<Fault>,
}

/// Reads files, lays each over those before, and applies the `--set`s.
///
/// # Errors
/// What cannot be read, or is not YAML.
pub(crate) fn files(
    files: &[PathBuf],
    sets: &[String],
    sources: &Sources<'_>,
    want: &Want,
) -> Result<Read, Faults> {
    let mut root: Option<Node> = None;
    let mut unreadable = Vec::new();
    let mut faults = Vec::new();
    for (order, path) in files.iter().enumerate() {
        match read_file(order, path) {
            Ok(mut node) => {
                settle(&mut node, sources, &mut faults);
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
    if files.is_empty() {
        unreadable.push(Fault {
            place: none,
            message: "no configuration file is given".into(),
        });
    }
    for (order, argument) in sets.iter().enumerate() {
        unreadable.extend(set::apply(&mut root, want, order, argument).err());
    }
    if unreadable.is_empty() {
        Ok(Read { root, faults })
    } else {
        Err(Faults::new(unreadable))
    }
}

/// Reads a text.
///
/// # Errors
/// When it is too large, or not YAML.
pub(crate) fn text(name: &str, text: &str, sources: &Sources<'_>) -> Result<Read, Faults> {
    let name: Arc<str> = Arc::from(name);
    let mut faults = Vec::new();
    let parsed = if text.len() as u64 > LARGEST_FILE {
        Err(too_large(0, &name))
    } else {
        yaml::parse(0, &name, text)
    };
    let mut root = parsed.map_err(|fault| Faults::new(vec![fault]))?;
    settle(&mut root, sources, &mut faults);
    Ok(Read { root, faults })
}

/// A file with nothing in it is an empty map.
fn settle(node: &mut Node, sources: &Sources<'_>, faults: &mut Vec<Fault>) {
    if node.is_null() {
        *node = Node::empty(node.place.clone());
    }
    sources.settle_keys(node, faults);
}

fn too_large(order: usize, name: &Arc<str>) -> Fault {
    let mib = LARGEST_FILE / 1024 / 1024;
    fault(
        order,
        name,
        (1, 1),
        format!("too large: a file holds at most {mib} MiB"),
    )
}

fn fault(order: usize, name: &Arc<str>, (line, column): (usize, usize), message: String) -> Fault {
    let place = Place::File {
        order,
        line,
        column,
        name: Arc::clone(name),
    };
    Fault { place, message }
}

fn read_file(order: usize, path: &Path) -> Result<Node, Fault> {
    let name: Arc<str> = Arc::from(path.to_string_lossy().as_ref());
    let bytes = crate::substitute::bounded(path, LARGEST_FILE)
        .map_err(|error| fault(order, &name, (1, 1), format!("cannot be read: {error}")))?
        .ok_or_else(|| too_large(order, &name))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before =
            String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default()).into_owned();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        fault(order, &name, (line, column), "not UTF-8".into())
    })?;
    yaml::parse(order, &name, text)
}
