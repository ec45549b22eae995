//! From files to settings.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};
use std::path::PathBuf;

use crate::Settings;
use crate::checks::{self, Declared};
use crate::environment;
use crate::fault::{Complaint, Fault, Faults, Note, quote};
use crate::read::{self, Read};
use crate::shape;
use crate::substitute::Sources;
use crate::tree::{Body, Key, Node};
use crate::walk::{Path, Walk};

/// What to load.
pub struct Request<'a> {
    /// The files: the base first, then overlays in order.
    pub files: &'a [PathBuf],
    /// The `--set` arguments, `key.path=value`, applied last and in order.
    pub sets: &'a [String],
    /// Looks a variable of the environment up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// What a caller looks for in settings.
pub type Look<'a> = &'a dyn Fn(&Settings) -> Vec<Complaint>;

/// Settings, and what is worth knowing about them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings, which are valid.
    pub settings: Settings,
    /// What is valid and still hardly meant, sorted by place.
    pub notes: Vec<Note>,
}

/// More complaints than these help nobody, and are not made into faults.
const MOST_COMPLAINTS: usize = 1000;

/// Reads, checks and types a configuration. `extra` adds the caller's own checks; it may see settings in which
/// stand-ins take the place of faulty values, and what it says of those is left out.
///
/// # Errors
/// All faults, sorted by place. When a file cannot be read or is not YAML, only faults of that sort.
pub fn load(request: &Request<'_>, extra: Look<'_>) -> Result<Settings, Faults> {
    load_noted(request, extra, &|_| Vec::new()).map(|loaded| loaded.settings)
}

/// The same as [`load()`], and besides what is worth knowing about a valid configuration; `hints` adds to it.
///
/// # Errors
/// As [`load()`].
pub fn load_noted(request: &Request<'_>, extra: Look<'_>, hints: Look<'_>) -> Result<Loaded, Faults> {
    let sources = Sources::new(request.env);
    let want = shape::settings();
    let read = read::files(request.files, request.sets, &sources, &want)?;
    typed(read, &sources, &want, extra, hints)
}

/// A configuration that is at hand as text, called `name` in faults. Nothing is read from files, also not for
/// `${file:...}`: any text may be given, and none makes it panic or run for long.
///
/// # Errors
/// As [`load()`].
pub fn load_text(name: &str, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Faults> {
    let sources = Sources::without_files(env);
    let want = shape::settings();
    let read = read::text(name, text, &sources)?;
    typed(read, &sources, &want, &|_| Vec::new(), &|_| Vec::new())
}

fn typed(
    read: Read,
    sources: &Sources<'_>,
    want: &shape::Want,
    extra: Look<'_>,
    hints: Look<'_>,
) -> Result<Loaded, Faults> {
    let Read { root, mut faults } = read;
    let mut walk = Walk::new(sources);
    let value = walk.root(&root, want);
    faults.append(&mut walk.faults);
    let mut settings: Settings = match serde_json::from_value(value) {
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
    environment::settle(&mut settings, sources);
    let mut complaints = checks::all(&settings, &declared(&root, &walk));
    let told = Broken(
        complaints
            .iter()
            .map(|complaint| complaint.path.clone())
            .collect(),
    );
    let is_new = |complaint: &Complaint| !told.lies_beneath(&complaint.path);
    complaints.extend(extra(&settings).into_iter().filter(is_new));
    let broken = Broken::new(&walk.broken);
    complaints.retain(|complaint| !broken.touches(&complaint.scope));
    let places = Places::new(&root, &walk);
    complaints.truncate(places.most());
    faults.extend(complaints.into_iter().map(|complaint| places.place(complaint)));
    if !faults.is_empty() {
        return Err(Faults::new(faults));
    }
    let mut found = checks::notes(&settings);
    found.extend(hints(&settings));
    let mut notes: Vec<Note> = found.into_iter().map(|note| Note(places.place(note))).collect();
    notes.sort();
    notes.dedup();
    Ok(Loaded { settings, notes })
}

/// Where something stands in for a faulty value, or a fault has been told.
struct Broken(BTreeSet<Path>);

impl Broken {
    fn new(paths: &[Path]) -> Self {
        Self(paths.iter().cloned().collect())
    }

    /// Whether one of the paths leads to `path`, or `path` to one of them.
    fn touches(&self, path: &[String]) -> bool {
        let above =
            (0..=path.len()).any(|length| path.get(..length).is_some_and(|above| self.0.contains(above)));
        above || self.lies_beneath(path)
    }

    /// Whether `path` leads to one of them: what is said of the whole is then a consequence.
    fn lies_beneath(&self, path: &[String]) -> bool {
        let mut next = self.0.range((Excluded(path.to_vec()), Unbounded));
        next.next().is_some_and(|next| next.starts_with(path))
    }
}

/// Tells where complaints stand, and shows what came by substitution as it was written.
struct Places<'a> {
    root: &'a Node,
    walk: &'a Walk<'a>,
    /// Names of components that came by substitution, as they became and as they were written.
    substituted: Vec<(&'a str, &'a str)>,
}

impl<'a> Places<'a> {
    fn new(root: &'a Node, walk: &'a Walk<'a>) -> Self {
        let components = SECTIONS.into_iter().flat_map(|section| keys(root, section));
        let substituted = components
            .filter(|key| key.name != key.shown)
            .map(|key| (key.name.as_str(), key.shown.as_str()))
            .collect();
        Self {
            root,
            walk,
            substituted,
        }
    }

    /// How many complaints are made into faults: each is searched for every name that came by substitution.
    fn most(&self) -> usize {
        (1_000_000 / (self.substituted.len() + 1)).clamp(10, MOST_COMPLAINTS)
    }

    fn place(&self, complaint: Complaint) -> Fault {
        let (place, mut written) = self.root.locate(&complaint.path);
        written.extend(self.walk.written.get(&complaint.path).cloned());
        let mut message = complaint.message;
        for (value, shown) in written {
            message = message.replace(&format!("`{value}`"), &format!("`{shown}`"));
        }
        for (name, shown) in &self.substituted {
            message = message.replace(name, shown);
        }
        if complaint.quotes {
            message = self.quoted(&complaint.path, &message);
        }
        Fault { place, message }
    }

    /// The text at `path` as it is written, and the message about it.
    fn quoted(&self, path: &[String], message: &str) -> String {
        let Some(text) = self.root.text_at(path).filter(|text| !text.substituted) else {
            return without_foreign(message, "");
        };
        let shown = quote(text.text.trim());
        let is_written = |length| {
            path.get(..length)
                .is_some_and(|above| self.walk.written.contains_key(above))
        };
        if (0..=path.len()).any(is_written) {
            format!("{shown}: {}", without_foreign(message, &text.text))
        } else {
            format!("{shown}: {message}")
        }
    }
}

/// The message with what it quotes only where it stands in `shown`.
fn without_foreign(message: &str, shown: &str) -> String {
    let pieces = message.split('`').enumerate().map(|(index, piece)| {
        let quoted = index % 2 == 1;
        if quoted && !shown.contains(piece) {
            "..."
        } else {
            piece
        }
    });
    pieces.collect::<Vec<_>>().join("`")
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
