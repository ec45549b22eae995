//! A file that is replaced as a whole: whoever reads it finds the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The new one, which is written beside the old one. All calls block. What is not [finished](Self::finish) changes nothing.
#[derive(Debug)]
pub struct Replacement {
    file: File,
    path: PathBuf,
}

impl Replacement {
    /// Begins a new file for `path`, in its folder, which is made where there is none; only the node's user reads it.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub fn begin(path: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(folder(path))?;
        let beside = beside(path, "tmp");
        // Whatever lies there, a link too, is not followed but replaced.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&beside)?;
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    /// Puts it in place of the old one. After it returned, it survives a power cut, as far as the disk does.
    ///
    /// # Errors
    /// When the disk does not take it. Then the old one is there still.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(beside(&self.path, "tmp"), &self.path)?;
        File::open(folder(&self.path))?.sync_all()
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The name of a file beside `path`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
