//! Log files of this machine: what was written to them since they were read last. It blocks.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::cursor::{Cursors, MOST_FILES};

/// What came of one file.
#[derive(Debug, PartialEq)]
pub(super) struct Chunk {
    /// The file's identity.
    pub(super) identity: u64,
    /// Its name.
    pub(super) file: String,
    /// Where in it the bytes begin.
    pub(super) offset: u64,
    /// What was written.
    pub(super) bytes: Vec<u8>,
    /// Whether nothing will come behind them.
    pub(super) ended: bool,
}

/// A file that is followed.
struct Followed {
    identity: u64,
    file: String,
    size: u64,
    modified: i64,
}

/// What was written to the files that `pattern` names since `cursors`, of all of them at most `most` bytes, and where
/// reading goes on. Without cursors, it goes on at their ends. A file that was renamed is read to its end under its new
/// name; one that became shorter is read anew.
pub(super) fn read(
    pattern: &str,
    cursors: Option<&Cursors>,
    most: usize,
) -> io::Result<(Vec<Chunk>, Cursors)> {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or((".", pattern));
    let folder = if folder.is_empty() { "/" } else { folder };
    let known: BTreeMap<u64, (&str, u64)> = cursors
        .iter()
        .flat_map(|cursors| &cursors.0)
        .map(|((identity, file), offset)| (*identity, (file.as_str(), *offset)))
        .collect();
    let files = list(Path::new(folder), name, &known)?;
    let mut next = Cursors::default();
    let (mut chunks, mut left) = (Vec::new(), most);
    for followed in files {
        let before = known.get(&followed.identity).map(|(_, offset)| *offset);
        let from = match (cursors, before) {
            (None, _) => followed.size,
            (Some(_), Some(offset)) if offset <= followed.size => offset,
            (Some(_), _) => 0,
        };
        let mut offset = from;
        if from < followed.size && left > 0 {
            // A file that is gone since it was listed has said all it had to say.
            if let Ok(bytes) = bytes_of(&Path::new(folder).join(&followed.file), &followed, from, left) {
                left = left.saturating_sub(bytes.len());
                offset += bytes.len() as u64;
                chunks.push(Chunk {
                    identity: followed.identity,
                    file: followed.file.clone(),
                    offset: from,
                    bytes,
                    ended: false,
                });
            }
        }
        next.0.insert((followed.identity, followed.file), offset);
    }
    Ok((chunks, next))
}

/// The files whose names fit and those that are known under another name, the oldest first.
fn list(folder: &Path, name: &str, known: &BTreeMap<u64, (&str, u64)>) -> io::Result<Vec<Followed>> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for entry in folder.read_dir()?.flatten() {
        // Links are followed: a log often is one. What is gone again, or not to be seen, is left out.
        let Ok(metadata) = entry.path().metadata() else {
            continue;
        };
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        let identity = metadata.ino();
        let wanted = fits(name, &file) || known.contains_key(&identity);
        if !metadata.is_file() || !wanted || !seen.insert(identity) {
            continue;
        }
        files.push(Followed {
            identity,
            file,
            size: metadata.len(),
            modified: metadata.mtime(),
        });
    }
    files.sort_by(|a, b| (a.modified, &a.file).cmp(&(b.modified, &b.file)));
    let too_many = files.len().saturating_sub(MOST_FILES);
    files.drain(..too_many);
    Ok(files)
}

fn bytes_of(path: &Path, followed: &Followed, from: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if file.metadata()?.ino() != followed.identity {
        return Err(io::ErrorKind::NotFound.into());
    }
    file.seek(SeekFrom::Start(from))?;
    let most = (followed.size - from).min(most as u64);
    let mut bytes = Vec::with_capacity(usize::try_from(most).unwrap_or(0));
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a name fits a pattern, in which `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
