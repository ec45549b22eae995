//! Opening a store: guarded, proven, and set aside when it is not what was written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringwatch_frame::Clock;

use crate::group::types::{StoredMembership, Vote};
use crate::store::aside::{SetAside, set_aside};
use crate::store::desk::Desk;
use crate::store::error::Damage;
use crate::store::guarded::{load_guarded, lock, with_suffix};
use crate::store::key::Meta as Single;
use crate::store::log::LogMeta;
use crate::store::machine::{MachineMeta, Shared};
use crate::store::proof::{self, Content, FORMAT, Identity};
use crate::store::sled_kv::sync;
use crate::store::snapshot::Shelf;
use crate::store::{
    Batch, Kv, LogStore, MachineStore, MemoryKv, Meta, SledKv, StoreError, StoreMetrics, single,
};

/// Ids stay below this, so that they are exact in JSON.
const RAFT_IDS: u64 = 1 << 53;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this directory, which is made if it is not there. Its parent also gets a lock file and the stores
    /// that are set aside.
    Disk(PathBuf),
    /// In memory: after a restart there is nothing.
    Memory,
}

/// An open store.
#[derive(Debug)]
pub struct Opened {
    /// The id under which it takes part. A store's id never changes.
    pub raft_id: u64,
    /// It is new: it was not there, or what was there was set aside.
    pub fresh: bool,
    /// What was found and set aside.
    pub set_aside: Option<SetAside>,
    /// The group that it belongs to.
    pub group: Option<u64>,
    /// Id, group, promise, and closing.
    pub meta: Meta,
    /// The log.
    pub log: LogStore,
    /// The machine.
    pub machine: MachineStore,
}

/// Opens the store at `place`. A damaged one is set aside and a new one made.
///
/// # Errors If another process has it, if it is of a newer version, or if the system does not let us. Damage
/// is no error.
pub async fn open(place: &Place, clock: &Clock, metrics: &StoreMetrics) -> Result<Opened, StoreError> {
    open_with(place, None, clock, metrics).await
}

/// Sets the store at `place` aside, for a `reason` that becomes part of its name, and opens a new one.
///
/// # Errors
/// As [`open`]. Whoever had it open has to close it before, see [`Meta::close`].
pub async fn open_anew(
    place: &Place,
    reason: &str,
    clock: &Clock,
    metrics: &StoreMetrics,
) -> Result<Opened, StoreError> {
    open_with(place, Some(reason.to_owned()), clock, metrics).await
}

async fn open_with(
    place: &Place,
    reason: Option<String>,
    clock: &Clock,
    metrics: &StoreMetrics,
) -> Result<Opened, StoreError> {
    let Place::Disk(directory) = place else {
        return open_memory(&MemoryKv::new(), clock, metrics).await;
    };
    let (directory, clock, counted) = (directory.clone(), clock.clone(), metrics.clone());
    let found = move || open_directory(&directory, reason, &clock, &counted);
    let found = tokio::task::spawn_blocking(found).await;
    let found = found.unwrap_or_else(|error| Err(StoreError::Stopped(error.to_string())))?;
    let desk = Desk::with_thread(Arc::new(found.kv), metrics.clone())?;
    let mut opened = assemble(desk, found.shelf, found.content, metrics).await?;
    opened.fresh = found.fresh;
    opened.set_aside = found.set_aside;
    opened.meta.bytes_on_disk().await;
    Ok(opened)
}

/// Opens a store in memory, on the caller's thread alone. What a crash or the test left in it is read and
/// proven as on disk.
///
/// # Errors
/// If it is damaged: what to do then is the caller's affair, see [`MemoryKv::wipe`].
pub async fn open_memory(kv: &MemoryKv, clock: &Clock, metrics: &StoreMetrics) -> Result<Opened, StoreError> {
    let fresh = kv.keys().is_empty();
    if fresh {
        kv.write(&first_records(new_raft_id(), clock)?)?;
    }
    let content = proof::read(kv)?;
    let shelf = Shelf::Memory(kv.shelf());
    shelf.keep_between(content.log.purged, content.machine.applied)?;
    let mut opened = assemble(Desk::inline(kv), shelf, content, metrics).await?;
    opened.fresh = fresh;
    Ok(opened)
}

async fn assemble(
    desk: Desk,
    shelf: Shelf,
    content: Content,
    metrics: &StoreMetrics,
) -> Result<Opened, StoreError> {
    let raft_id = content.identity.raft_id;
    let shared = Shared::new(content.state);
    let log = LogStore::new(
        desk.clone(),
        content.vote,
        content.log,
        content.entries,
        Arc::clone(&shared),
    );
    let generation = content.machine.generation;
    let machine = MachineStore::new(desk.clone(), shared, shelf, generation, content.parts);
    for stray in content.strays {
        machine.remove_generation(stray).await?;
    }
    let group = content.group;
    let meta = Meta::new(desk, raft_id, group, content.promise, metrics.clone());
    Ok(Opened {
        raft_id,
        fresh: false,
        set_aside: None,
        group,
        meta,
        log,
        machine,
    })
}

struct Found {
    kv: SledKv,
    content: Content,
    shelf: Shelf,
    fresh: bool,
    set_aside: Option<SetAside>,
}

/// All that blocks: the lock, the store, the proof, and a new store if need be.
fn open_directory(
    directory: &Path,
    reason: Option<String>,
    clock: &Clock,
    metrics: &StoreMetrics,
) -> Result<Found, StoreError> {
    if let Some(parent) = directory.parent() {
        std::fs::create_dir_all(parent).map_err(|error| StoreError::file("create", parent, &error))?;
    }
    let lock = lock(directory)?;
    let mut aside = None;
    if directory.exists() {
        let tried = match reason {
            Some(reason) => Err(StoreError::damaged(Damage::Differs, reason)),
            None => load_guarded(directory),
        };
        match tried {
            Ok((kv, content)) => return found(directory, lock, kv, content, None),
            Err(error) => {
                let Some(damage) = error.damage() else {
                    return Err(error);
                };
                metrics.set_aside(damage);
                aside = Some(set_aside(
                    directory,
                    &damage.to_string(),
                    error.to_string(),
                    clock,
                )?);
            }
        }
    }
    create(directory, clock)?;
    let (kv, content) = load_guarded(directory)?;
    let mut found = found(directory, lock, kv, content, aside)?;
    found.fresh = true;
    Ok(found)
}

fn found(
    directory: &Path,
    lock: File,
    kv: SledKv,
    content: Content,
    set_aside: Option<SetAside>,
) -> Result<Found, StoreError> {
    kv.hold(lock);
    let shelf = Shelf::open(directory.join("snapshots"))?;
    shelf.keep_between(content.log.purged, content.machine.applied)?;
    Ok(Found {
        kv,
        content,
        shelf,
        fresh: false,
        set_aside,
    })
}

/// Makes an empty store: under another name first, so that it is there completely or not at all.
fn create(directory: &Path, clock: &Clock) -> Result<(), StoreError> {
    let raft_id = new_raft_id();
    let unfinished = with_suffix(directory, ".new");
    if unfinished.exists() {
        let removed = std::fs::remove_dir_all(&unfinished);
        removed.map_err(|error| StoreError::file("remove", &unfinished, &error))?;
    }
    let made = std::fs::create_dir(&unfinished);
    made.map_err(|error| StoreError::file("create", &unfinished, &error))?;
    let kv = SledKv::create(&unfinished, raft_id)?;
    kv.write(&first_records(raft_id, clock)?)?;
    kv.close()?;
    let renamed = std::fs::rename(&unfinished, directory);
    renamed.map_err(|error| StoreError::file("create", directory, &error))?;
    directory.parent().map_or(Ok(()), sync)
}

/// What every store has from its beginning.
fn first_records(raft_id: u64, clock: &Clock) -> Result<Batch, StoreError> {
    let identity = Identity {
        format: FORMAT,
        raft_id,
        made: clock.now().unix_nanos(),
    };
    let mut batch = Batch::new();
    single::put(&mut batch, Single::Identity, &identity)?;
    single::put(&mut batch, Single::Vote, &None::<Vote>)?;
    single::put(&mut batch, Single::Log, &LogMeta::default())?;
    single::put(&mut batch, Single::Machine, &MachineMeta::default())?;
    single::put(&mut batch, Single::Membership, &StoredMembership::default())?;
    single::put(&mut batch, Single::Group, &None::<u64>)?;
    single::put(&mut batch, Single::Promise, &None::<Vec<u8>>)?;
    Ok(batch)
}

fn new_raft_id() -> u64 {
    fastrand::u64(1..RAFT_IDS)
}
