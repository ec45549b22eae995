//! Opening what may be held by another, or may be damaged: locks, and a thread that may panic or never end.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::store::proof::{self, Content};
use crate::store::sled_kv::told;
use crate::store::{SledKv, StoreError};

/// A damaged file can make the library beneath search without end.
const OPENING: Duration = Duration::from_secs(60);
/// How long a store that was closed a moment ago may still be held.
const HELD: Duration = Duration::from_secs(2);
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// A lock beside the directory, so that it stays when the directory is set aside. It ends with the process.
pub(crate) fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = with_suffix(directory, ".lock");
    let opened = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = opened.map_err(|error| StoreError::file("open", &path, &error))?;
    retry(|| match file.try_lock() {
        Ok(()) => Ok(()),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: directory.display().to_string(),
        }),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::file("lock", &path, &error)),
    })?;
    Ok(file)
}

/// Tries again for a while what is held by someone who may be about to let go.
fn retry<T>(mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let attempts = HELD.as_millis() / TRY_AGAIN.as_millis();
    for _ in 0..attempts {
        match attempt() {
            Err(StoreError::InUse { .. }) => std::thread::sleep(TRY_AGAIN),
            done => return done,
        }
    }
    attempt()
}

/// Opens and proves a store on a thread of its own, which may panic or never end.
pub(crate) fn load_guarded(directory: &Path) -> Result<(SledKv, Content), StoreError> {
    let (done, wait) = sync_channel(1);
    let path = directory.to_owned();
    let load = move || {
        let loaded = catch_unwind(AssertUnwindSafe(|| load(&path)));
        let loaded = loaded.unwrap_or_else(|panic| Err(StoreError::Stopped(told(&*panic))));
        // Nobody waits any more: the store was given up, and is closed by being dropped.
        let _ = done.send(loaded);
    };
    let thread = std::thread::Builder::new()
        .name("state-open".to_owned())
        .spawn(load);
    let thread = thread.map_err(|error| StoreError::io("start a thread", &error))?;
    match wait.recv_timeout(OPENING) {
        Ok(loaded) => {
            let _ = thread.join();
            loaded
        }
        Err(RecvTimeoutError::Disconnected) => Err(StoreError::Stopped("opening ended".to_owned())),
        Err(RecvTimeoutError::Timeout) => Err(StoreError::Slow {
            what: "open".to_owned(),
            seconds: OPENING.as_secs(),
        }),
    }
}

fn load(directory: &Path) -> Result<(SledKv, Content), StoreError> {
    let kv = retry(|| SledKv::open(directory))?;
    let content = proof::read(&kv)?;
    Ok((kv, content))
}

/// The path with something more at the end of its name.
pub(crate) fn with_suffix(directory: &Path, suffix: &str) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    directory.with_file_name(name)
}
