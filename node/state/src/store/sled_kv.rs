//! The store on disk: sled, made durable.
//!
//! sled 0.34 says "flushed" when the kernel has the bytes, not when the disk has them, so its file is opened
//! a second time and synced after each flush. It may also panic on a damaged file, so each call is guarded.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use xxhash_rust::xxh3::xxh3_64;

use crate::store::error::Damage;
use crate::store::witness::Witness;
use crate::store::{Batch, Kv, StoreError};

/// How much of the file sled keeps in memory.
const CACHE_BYTES: u64 = 16 << 20;
/// Where the number of the last write is. All other keys begin with another byte.
const NUMBER: [u8; 1] = [0];
/// The witness's name in the directory.
const WITNESS: &str = "witness";
/// How the name of sled's own directory begins.
pub(crate) const TREE: &str = "tree-";

/// A sled tree in a directory. One process at a time.
#[derive(Debug)]
pub struct SledKv {
    directory: PathBuf,
    /// `None` when it is closed. Reads hold it for reading, so that they do not wait for the disk.
    tree: RwLock<Option<sled::Db>>,
    /// One write at a time.
    writer: Mutex<Writer>,
    /// Held until the store is closed.
    lock: Mutex<Option<File>>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    witness: Witness,
    number: u64,
}

impl SledKv {
    /// Makes an empty store in `directory`, which exists. What it makes is durable, but for the directory's
    /// own name.
    pub(crate) fn create(directory: &Path, name: u64) -> Result<Self, StoreError> {
        let tree = directory.join(format!("{TREE}{name:016x}"));
        std::fs::create_dir(&tree).map_err(|error| StoreError::file("create", &tree, &error))?;
        Witness::create(&directory.join(WITNESS))?;
        let store = Self::open_tree(directory, &tree, true)?;
        for file in [tree.join("conf"), tree.clone(), directory.to_owned()] {
            sync(&file)?;
        }
        Ok(store)
    }

    /// Opens the store in `directory`.
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        let listed =
            std::fs::read_dir(directory).map_err(|error| StoreError::file("list", directory, &error))?;
        let is_tree = |path: &PathBuf| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(TREE))
        };
        let trees: Vec<PathBuf> = listed
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(is_tree)
            .collect();
        match trees.as_slice() {
            [tree] => Self::open_tree(directory, tree, false),
            trees => Err(StoreError::damaged(
                Damage::Records,
                format!("there are {} trees in `{}`", trees.len(), directory.display()),
            )),
        }
    }

    fn open_tree(directory: &Path, path: &Path, new: bool) -> Result<Self, StoreError> {
        let data = path.join("db");
        if !new && !data.exists() {
            return Err(StoreError::damaged(
                Damage::Records,
                format!("`{}` is missing", data.display()),
            ));
        }
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES);
        let tree = guard("open", || config.open())?;
        let file = File::options().write(true).open(&data);
        let file = file.map_err(|error| StoreError::file("open", &data, &error))?;
        let (witness, said) = Witness::open(&directory.join(WITNESS))?;
        let number = number(guard("read", || tree.get(NUMBER))?.as_deref(), said, new)?;
        let writer = Writer {
            file,
            witness,
            number,
        };
        Ok(Self {
            directory: directory.to_owned(),
            tree: RwLock::new(Some(tree)),
            writer: Mutex::new(writer),
            lock: Mutex::new(None),
        })
    }

    /// Holds a lock until it is closed.
    pub(crate) fn hold(&self, lock: File) {
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
    }

    fn on_tree<T>(
        &self,
        what: &str,
        call: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        let tree = tree.as_ref().ok_or(StoreError::Closed)?;
        guard(what, || call(tree))
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let number = writer.number + 1;
        let mut changes = sled::Batch::default();
        for (key, value) in batch.changes() {
            match value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        changes.insert(&NUMBER, &stored_number(number)[..]);
        self.on_tree("write", |tree| tree.apply_batch(changes))?;
        writer.number = number;
        self.on_tree("flush", |tree| tree.flush())?;
        writer
            .file
            .sync_data()
            .map_err(|error| StoreError::io("sync the state store", &error))?;
        writer.witness.say(number)
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .on_tree("read", |tree| tree.get(key))?
            .map(|value| value.to_vec()))
    }

    fn range(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        self.on_tree("read", |tree| {
            for pair in tree.range(from..to) {
                let (key, value) = pair?;
                if !visit(&key, &value) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        self.apply(batch)
    }

    /// Synced as well: sled writes what waits by itself, and a power cut between that and the next sync left
    /// 8 of 52 stores that did not open any more; with the sync it was none of 119.
    fn write_lazily(&self, batch: &Batch) -> Result<(), StoreError> {
        self.apply(batch)
    }

    fn bytes_on_disk(&self) -> u64 {
        directory_bytes(&self.directory, 4)
    }

    fn close(&self) -> Result<(), StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = self.tree.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(tree) = tree else { return Ok(()) };
        let flushed = guard("flush", || tree.flush());
        let synced = writer.file.sync_data();
        let synced = synced.map_err(|error| StoreError::io("sync the state store", &error));
        let dropped = guard("close", move || {
            drop(tree);
            Ok(())
        });
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        flushed.map(|_| ()).and(synced).and(dropped)
    }
}

impl Drop for SledKv {
    fn drop(&mut self) {
        // Who wants to know whether all was written closes it before.
        let _ = self.close();
    }
}

/// The number of the last write: what is stored and what the witness says have to fit.
fn number(stored: Option<&[u8]>, said: Option<u64>, new: bool) -> Result<u64, StoreError> {
    let Some(said) = said else {
        return Err(StoreError::damaged(
            Damage::RolledBack,
            "its witness says nothing",
        ));
    };
    let stored = match stored {
        None if new => return Ok(0),
        None => None,
        Some(stored) => stored.split_first_chunk::<8>().and_then(|(number, check)| {
            (xxh3_64(number).to_be_bytes() == check).then(|| u64::from_be_bytes(*number))
        }),
    };
    match stored {
        None => Err(StoreError::damaged(
            Damage::Records,
            "the number of its last write is missing",
        )),
        Some(stored) if stored < said => Err(StoreError::damaged(
            Damage::RolledBack,
            format!("it ends with write {stored}, and write {said} was acknowledged"),
        )),
        Some(stored) => Ok(stored),
    }
}

fn stored_number(number: u64) -> [u8; 16] {
    let mut stored = [0; 16];
    let (left, right) = stored.split_at_mut(8);
    left.copy_from_slice(&number.to_be_bytes());
    right.copy_from_slice(&xxh3_64(left).to_be_bytes());
    stored
}

/// Calls sled; a panic becomes an error.
fn guard<T>(what: &str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(translate(what, error)),
        Err(panic) => Err(StoreError::Stopped(format!("panic in {what}: {}", told(&*panic)))),
    }
}

fn translate(what: &str, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => StoreError::InUse {
            path: "the state store".to_owned(),
        },
        sled::Error::Io(error) => StoreError::io(format!("{what} the state store"), &error),
        error => StoreError::damaged(Damage::Unreadable, format!("cannot {what}: {error}")),
    }
}

/// What a panic said.
pub(crate) fn told(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "unknown".to_owned())
        .chars()
        .take(200)
        .collect()
}

/// Makes a file's or directory's present state durable.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::file("sync", path, &error))
}

fn directory_bytes(path: &Path, depth: usize) -> u64 {
    let Ok(listed) = std::fs::read_dir(path) else {
        return 0;
    };
    let sizes = listed.filter_map(|entry| {
        let entry = entry.ok()?;
        let about = entry.metadata().ok()?;
        Some(match (about.is_dir(), depth) {
            (false, _) => about.len(),
            (true, 0) => 0,
            (true, depth) => directory_bytes(&entry.path(), depth - 1),
        })
    });
    sizes.sum()
}
