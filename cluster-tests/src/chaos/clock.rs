//! Clocks of nodes that go wrong, where the machine has `libfaketime`: a program of its own sees its own wall clock, and
//! the monotonic one as it is.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The clocks of all seats, each a file that says how far it is off.
#[derive(Clone, Debug)]
pub struct Clocks {
    library: PathBuf,
    folder: PathBuf,
}

impl Clocks {
    /// Why nodes cannot have clocks of their own here; `None`: they can.
    pub fn missing() -> Option<&'static str> {
        let there = Self::find(Path::new("")).is_some();
        (!there).then_some("libfaketime is not installed")
    }

    /// The clocks, whose files are in `folder`; nothing where the library is not installed.
    pub fn find(folder: &Path) -> Option<Self> {
        let named = std::env::var_os("RINGWATCH_FAKETIME").map(PathBuf::from);
        let library = named.into_iter().chain(usual()).find(|file| file.exists())?;
        Some(Self {
            library,
            folder: folder.to_owned(),
        })
    }

    /// What the environment of the node in seat `n` is to say.
    pub fn environment(&self, n: usize) -> Vec<(String, String)> {
        let shown = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD", shown(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", shown(&self.file(n))),
            ("FAKETIME_CACHE_DURATION", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Sets how many seconds the clock of a seat is ahead; a second later its node sees it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&self, n: usize, ahead: i64) -> Result<()> {
        let file = self.file(n);
        std::fs::write(&file, format!("{ahead:+}\n")).with_context(|| format!("write {}", file.display()))
    }

    fn file(&self, n: usize) -> PathBuf {
        self.folder.join(format!("clock-{n}"))
    }
}

/// Where distributions put it.
fn usual() -> impl Iterator<Item = PathBuf> {
    [
        "x86_64-linux-gnu/faketime",
        "aarch64-linux-gnu/faketime",
        "faketime",
    ]
    .into_iter()
    .map(|folder| Path::new("/usr/lib").join(folder).join("libfaketimeMT.so.1"))
}
