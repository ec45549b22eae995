//! The file of the books: read once, replaced as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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
    #[error("`{}` cannot be read: {source}; let the node's user read it, or remove it", path.display())]
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
pub(super) type Fresh = Pen<BufWriter<File>>;

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
            Err(source) => return Err(BookFileError::Read { path, source }),
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
            DirBuilder::new()
                .recursive(true)
                .mode(0o750)
                .create(&self.folder)?;
            let beside = self.beside();
            // Whatever lies there, a link too, is not followed but replaced.
            match fs::remove_file(&beside) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&beside)?;
            Pen::begin(BufWriter::new(file), &self.node)
        })
    }

    /// Puts the new one in place of the old one.
    pub(super) fn replace(&self, fresh: BufWriter<File>) -> Result<(), BookFileError> {
        self.written(|| {
            let file = fresh.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(self.beside(), self.path())?;
            File::open(&self.folder)?.sync_all()
        })
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

    fn beside(&self) -> PathBuf {
        self.folder.join(format!("{FILE}.tmp"))
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
