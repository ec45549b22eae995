//! A state in a file: replaced as a whole, synced, checked when it is read.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use ringwatch_frame::Clock;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use super::replace::{Replacement, beside};
use super::{StateStore, StoreError};

/// The version of the envelope that this release writes.
const VERSION: u32 = 1;
/// A larger file is none that this program wrote.
const MAX_BYTES: u64 = 1 << 30;

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    version: u32,
    component: &'a str,
    /// XXH3 (64 bits) of the state's text, in hexadecimal.
    checksum: &'a str,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// What the envelope of every version holds.
#[derive(Deserialize)]
struct Label {
    version: u32,
}

/// Keeps the state of one component of one process in a file of mode 0600: written beside it, synced,
/// renamed.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    component: String,
    clock: Clock,
    /// The file is not ours: it is not written over.
    is_foreign: AtomicBool,
}

impl FileStore {
    /// The file `path`, for `component` as the configuration names it. Nothing is touched yet.
    pub fn new(path: impl Into<PathBuf>, component: &str, clock: Clock) -> Self {
        Self {
            path: path.into(),
            component: component.to_owned(),
            clock,
            is_foreign: AtomicBool::new(false),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A device or a pipe has no end to read to, and must be neither renamed nor replaced.
    fn is_file_or_nothing(&self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(there) if !there.is_file() => Err(io::Error::other("it is no regular file")),
            _ => Ok(()),
        }
    }

    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        self.is_file_or_nothing()?;
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// The state in `bytes`; `Ok(None)` where they are damaged.
    fn open(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let foreign = |found: String| {
            self.is_foreign.store(true, Relaxed);
            let path = self.path.clone();
            StoreError::Foreign { path, found }
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(None);
        };
        // A newer release may have another envelope.
        if let Ok(Label { version }) = serde_json::from_str(text)
            && version > VERSION
        {
            return Err(foreign(format!(
                "a state of version {version}, of a newer release"
            )));
        }
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
            return Ok(None);
        };
        if envelope.component != self.component {
            return Err(foreign(format!("the state of `{}`", envelope.component)));
        }
        let state = envelope.state.get();
        Ok((envelope.checksum == checksum(state.as_bytes())).then(|| state.into()))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.is_file_or_nothing()?;
        let mut fresh = Replacement::begin(&self.path)?;
        fresh.write_all(bytes)?;
        fresh.finish()
    }
}

impl StateStore for FileStore {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = self.read().map_err(|source| StoreError::Read {
            path: self.path.clone(),
            source,
        })?;
        let Some(bytes) = bytes else { return Ok(None) };
        let state = self.open(&bytes)?;
        if state.is_none() {
            let aside = self.set_aside();
            tracing::warn!(component = %self.component, file = %self.path.display(), aside = aside.as_deref(),
                "the state file is damaged: it was set aside, and nothing is remembered");
        }
        Ok(state)
    }

    fn save(&self, state: &[u8]) -> Result<(), StoreError> {
        if self.is_foreign.load(Relaxed) {
            return Err(StoreError::Foreign {
                path: self.path.clone(),
                found: "the state of something else".into(),
            });
        }
        let state: &RawValue = serde_json::from_slice(state)?;
        let envelope = Envelope {
            version: VERSION,
            component: &self.component,
            checksum: &checksum(state.get().as_bytes()),
            state,
        };
        let mut bytes = serde_json::to_vec(&envelope)?;
        bytes.push(b'\n');
        self.write(&bytes).map_err(|source| StoreError::Write {
            path: self.path.clone(),
            source,
        })
    }

    fn set_aside(&self) -> Option<String> {
        let seconds = self.clock.now().unix_nanos().div_euclid(1_000_000_000);
        let aside = beside(&self.path, &format!("damaged-{seconds}"));
        match fs::rename(&self.path, &aside) {
            Ok(()) => Some(aside.display().to_string()),
            Err(error) => {
                tracing::warn!(file = %self.path.display(), %error, "the file could not be set aside");
                None
            }
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }
}

fn checksum(state: &[u8]) -> String {
    format!("xxh3:{:016x}", xxh3_64(state))
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
