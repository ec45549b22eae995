//! Where snapshots are kept: the last two, in a directory or in memory.

use std::fs::File;
use std::io::{BufWriter, Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use super::format::{self, Header};
use crate::group::types::{LogId, SnapshotFile};
use crate::machine::Machine;
use crate::store::StoreError;
use crate::store::sled_kv::sync;

/// How many are kept: one that is being read goes on being there when the next one comes.
const KEPT: usize = 2;
const SUFFIX: &str = "snapshot";
/// What a file that is being written is called.
const UNFINISHED: &str = "part";

/// Keeps snapshots. Cheap to clone. All calls block.
#[derive(Clone, Debug)]
pub(crate) enum Shelf {
    /// In a directory.
    Disk(Arc<PathBuf>),
    /// In memory.
    Memory(MemoryShelf),
}

/// Snapshots in memory: what stands for a disk in a simulation survives its crashes.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryShelf(Arc<Mutex<Vec<Kept>>>);

#[derive(Clone, Debug)]
struct Kept {
    header: Header,
    bytes: Arc<Vec<u8>>,
}

/// The bytes of a snapshot, to be read or filled.
#[derive(Debug)]
pub(crate) enum Source {
    Disk(File),
    Memory(Cursor<Vec<u8>>),
}

impl Source {
    /// As the library wants it.
    pub(crate) fn into_snapshot(self) -> SnapshotFile {
        match self {
            Self::Disk(file) => SnapshotFile::Disk(tokio::fs::File::from_std(file)),
            Self::Memory(bytes) => SnapshotFile::Memory(bytes),
        }
    }

    /// From what the library has.
    pub(crate) async fn of(snapshot: SnapshotFile) -> Self {
        match snapshot {
            SnapshotFile::Disk(file) => Self::Disk(file.into_std().await),
            SnapshotFile::Memory(bytes) => Self::Memory(bytes),
        }
    }

    /// Checks it and makes a machine of it.
    pub(crate) fn read(&mut self) -> Result<(Header, Machine), StoreError> {
        match self {
            Self::Disk(file) => format::read(&mut std::io::BufReader::new(file)),
            Self::Memory(bytes) => format::read(bytes),
        }
    }
}

impl Shelf {
    /// The shelf in `directory`, which is made if it is not there. What was not finished is removed.
    pub(crate) fn open(directory: PathBuf) -> Result<Self, StoreError> {
        let made = std::fs::create_dir_all(&directory);
        made.map_err(|error| StoreError::file("create", &directory, &error))?;
        for path in files(&directory, UNFINISHED)? {
            remove(&path)?;
        }
        Ok(Self::Disk(Arc::new(directory)))
    }

    /// Writes a snapshot: complete and durable when it returns, or not there. Gives its size in bytes.
    pub(crate) fn write(
        &self,
        header: &Header,
        records: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Disk(directory) => finish(directory, header, |file| format::write(file, header, records)),
            Self::Memory(shelf) => {
                let mut bytes = Vec::new();
                let written = format::write(&mut bytes, header, records);
                written.map_err(|error| StoreError::io("write a snapshot", &error))?;
                Ok(shelf.keep(header.clone(), bytes))
            }
        }
    }

    /// Takes in a snapshot that was received and checked. Durable when it returns.
    pub(crate) fn adopt(&self, header: &Header, source: &mut Source) -> Result<u64, StoreError> {
        let mut copy = |to: &mut dyn Write| match &mut *source {
            Source::Disk(file) => {
                file.seek(SeekFrom::Start(0))?;
                std::io::copy(file, to)
            }
            Source::Memory(bytes) => to
                .write_all(bytes.get_ref())
                .map(|()| bytes.get_ref().len() as u64),
        };
        match self {
            Self::Disk(directory) => finish(directory, header, |mut file| copy(&mut file).map(|_| ())),
            Self::Memory(shelf) => {
                let mut bytes = Vec::new();
                copy(&mut bytes).map_err(|error| StoreError::io("read a snapshot", &error))?;
                Ok(shelf.keep(header.clone(), bytes))
            }
        }
    }

    /// The newest snapshot that is whole. One that is not is removed.
    pub(crate) fn newest(&self) -> Result<Option<(Header, Source)>, StoreError> {
        let directory = match self {
            Self::Disk(directory) => directory,
            Self::Memory(shelf) => return Ok(shelf.newest()),
        };
        for path in files(directory, SUFFIX)?.into_iter().rev() {
            let opened = File::open(&path).map_err(|error| StoreError::file("open", &path, &error));
            let checked = opened.and_then(|mut file| {
                let header = format::check(&mut file)?;
                file.rewind()
                    .map_err(|error| StoreError::file("read", &path, &error))?;
                Ok((header, file))
            });
            match checked {
                Ok((header, file)) => return Ok(Some((header, Source::Disk(file)))),
                Err(error) if error.damage().is_some() => {
                    tracing::warn!(path = %path.display(), %error, "a damaged snapshot is removed");
                    remove(&path)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Something to receive a snapshot into. It has no name and is gone when it is dropped.
    pub(crate) fn receive(&self) -> Result<Source, StoreError> {
        let Self::Disk(directory) = self else {
            return Ok(Source::Memory(Cursor::default()));
        };
        let path = directory.join(format!("{:016x}.{UNFINISHED}", fastrand::u64(..)));
        let made = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path);
        let file = made.map_err(|error| StoreError::file("create", &path, &error))?;
        remove(&path)?;
        Ok(Source::Disk(file))
    }

    /// Removes the snapshots that do not fit to the rest of the store: newer than `applied`, or too old to go
    /// on from with a log that begins after `purged`.
    pub(crate) fn keep_between(
        &self,
        purged: Option<LogId>,
        applied: Option<LogId>,
    ) -> Result<(), StoreError> {
        let fits = |header: &Header| purged <= header.meta.last_log_id && header.meta.last_log_id <= applied;
        let directory = match self {
            Self::Disk(directory) => directory,
            Self::Memory(shelf) => {
                shelf.lock().retain(|kept| fits(&kept.header));
                return Ok(());
            }
        };
        for path in files(directory, SUFFIX)? {
            let header = File::open(&path).map(|mut file| format::read_header(&mut file));
            if !matches!(header, Ok(Ok(header)) if fits(&header)) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

impl MemoryShelf {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, header: Header, bytes: Vec<u8>) -> u64 {
        let size = bytes.len() as u64;
        let mut kept = self.lock();
        kept.push(Kept {
            header,
            bytes: Arc::new(bytes),
        });
        kept.sort_by_key(|kept| kept.header.meta.last_log_id);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
        size
    }

    fn newest(&self) -> Option<(Header, Source)> {
        let kept = self.lock().last().cloned()?;
        let bytes = Cursor::new(kept.bytes.as_ref().clone());
        Some((kept.header, Source::Memory(bytes)))
    }
}

/// Writes a file under another name, syncs it, gives it its name, and removes the oldest ones.
fn finish(
    directory: &Path,
    header: &Header,
    fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<u64, StoreError> {
    let name = name(header);
    let path = directory.join(format!("{name}.{SUFFIX}"));
    let unfinished = directory.join(format!("{name}.{UNFINISHED}"));
    let write = || {
        let mut file = BufWriter::new(File::create(&unfinished)?);
        fill(&mut file)?;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
        file.metadata().map(|about| about.len())
    };
    let size = write().map_err(|error| StoreError::file("write", &path, &error))?;
    sync(directory)?;
    let kept = files(directory, SUFFIX)?;
    for old in kept.iter().take(kept.len().saturating_sub(KEPT)) {
        remove(old)?;
    }
    Ok(size)
}

/// Sorts by index. The id may be a peer's, so it is not part of a path as it is.
fn name(header: &Header) -> String {
    let index = header.meta.last_log_id.map_or(0, |id| id.index);
    format!("{index:020}-{:016x}", xxh3_64(header.meta.snapshot_id.as_bytes()))
}

/// The files with this suffix, in the order of their names.
fn files(directory: &Path, suffix: &str) -> Result<Vec<PathBuf>, StoreError> {
    let listed = std::fs::read_dir(directory).map_err(|error| StoreError::file("list", directory, &error))?;
    let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|found| found == suffix))
        .collect();
    files.sort();
    Ok(files)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::file("remove", path, &error))
        }
        _ => Ok(()),
    }
}
