//! The file of the books: read once, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use ringwatch_pipeline::store::Replacement;

use super::record::{Pen, Sheet, Unfit, read};

/// The folder in `cluster.data_dir`, and the file in it.
const FOLDER: &str = "books";
const FILE: &str = "ticks";
/// A larger file is none that this program wrote: what is in it takes more room in memory.
const MAX_BYTES: u64 = 2 * super::LIMIT as u64;

/// Why the books are not in their file.
#[derive(Debug, thiserror::Error)]
pub(super) enum BookFileError {
    /// The file cannot be read.
    #[error("`{}` could not be read, and was set aside as `.damaged`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The file cannot be written. What was there before is there still.
    #[error(
        "`{}` cannot be written: {source}; let the node's user write in its folder, and see whether the disk is full",
        path.display()
    )]
    Write { path: PathBuf, source: io::Error },
    /// The write was cut off by the end of the process or by a defect.
    #[error("the write did not end")]
    Cut,
}

/// Where the books of a node are kept.
#[derive(Debug)]
pub(super) struct BookFile {
    folder: PathBuf,
    node: String,
}

/// A file that is being written, beside the one that it takes the place of.
pub(super) type Fresh = Pen<BufWriter<Replacement>>;

impl BookFile {
    /// Of `node`, in its data directory. Nothing is touched yet.
    pub(super) fn new(data_dir: &Path, node: &str) -> Self {
        Self {
            folder: data_dir.join(FOLDER),
            node: node.to_owned(),
        }
    }

    /// The file.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// What an earlier life wrote; `None` where there is nothing, or nothing that is of use: that is set aside and
    /// said. Blocks.
    pub(super) fn load(&self) -> Result<Option<Sheet>, BookFileError> {
        let path = self.path();
        let found = match self.found() {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                // It is not the next one's to replace unseen.
                self.set_aside();
                return Err(BookFileError::Read { path, source });
            }
        };
        match found {
            Ok(sheet) => Ok(Some(sheet)),
            Err(why) => {
                let aside = self.set_aside();
                tracing::warn!(file = %path.display(), aside, %why,
                    "the file of the books of ticks is of no use: it was set aside, and `ringwatch cluster audit` \
                     knows nothing of this node's earlier life");
                Ok(None)
            }
        }
    }

    /// Begins a new one. Blocks, as what follows does.
    pub(super) fn begin(&self) -> Result<Fresh, BookFileError> {
        self.written(|| {
            let fresh = Replacement::begin(&self.path())?;
            Pen::begin(BufWriter::new(fresh), &self.node)
        })
    }

    /// Puts the new one in place of the old one.
    pub(super) fn replace(&self, fresh: BufWriter<Replacement>) -> Result<(), BookFileError> {
        self.written(|| {
            let fresh = fresh.into_inner().map_err(io::IntoInnerError::into_error)?;
            fresh.finish()
        })
    }

    /// There are no books of an earlier life: what is in the file is not true any more, and cannot be replaced. Blocks.
    pub(super) fn remove(&self) {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::error!(file = %self.path().display(), %error,
                    "the file of the books of ticks is out of date and can be neither replaced nor removed: remove it, or \
                     `ringwatch cluster audit` would believe after a restart that it is whole");
            }
            _ => {}
        }
    }

    /// What a write came to.
    pub(super) fn written<T>(&self, write: impl FnOnce() -> io::Result<T>) -> Result<T, BookFileError> {
        write().map_err(|source| BookFileError::Write {
            path: self.path(),
            source,
        })
    }

    fn found(&self) -> io::Result<Result<Sheet, Unfit>> {
        let file = File::open(self.path())?;
        let there = file.metadata()?;
        if !there.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        if there.len() > MAX_BYTES {
            return Ok(Err(Unfit::Large(there.len())));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(read(&bytes, &self.node))
    }

    /// There is one at most: after an hour nobody wants to know.
    fn set_aside(&self) -> Option<String> {
        let aside = self.folder.join(format!("{FILE}.damaged"));
        match fs::rename(self.path(), &aside) {
            Ok(()) => Some(aside.display().to_string()),
            Err(error) => {
                tracing::warn!(file = %self.path().display(), %error, "the file could not be set aside");
                None
            }
        }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
