//! A store in memory: for nodes without a directory, and for simulations, which can crash it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::store::snapshot::MemoryShelf;
use crate::store::{Batch, Kv, StoreError};

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Keeps everything in memory, on the caller's thread. What stands for the disk is shared by all handles that
/// come of one another by [`MemoryKv::crash`]; only the newest of them works.
#[derive(Clone, Debug)]
pub struct MemoryKv {
    disk: Arc<Mutex<Disk>>,
    shelf: MemoryShelf,
    /// The life of the process that this handle belongs to.
    life: u64,
    delay: Option<(Duration, Duration)>,
}

#[derive(Debug, Default)]
struct Disk {
    durable: Pairs,
    /// What a reader sees: with the lazy writes that are not durable yet.
    seen: Pairs,
    lazy: Vec<Batch>,
    life: u64,
    closed: bool,
    /// Durable writes that still succeed before the next one fails; `None`: all do.
    left: Option<u64>,
    writes: u64,
}

impl Default for MemoryKv {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryKv {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            disk: Arc::default(),
            shelf: MemoryShelf::default(),
            life: 0,
            delay: None,
        }
    }

    /// Each durable write takes between `least` and `most` of tokio's time before it is done, drawn from
    /// this thread's [`fastrand`]. What is waiting when the store crashes is lost.
    #[must_use]
    pub fn with_delay(mut self, least: Duration, most: Duration) -> Self {
        self.delay = Some((least, most.max(least)));
        self
    }

    /// The process dies: lazy writes that are not durable yet are lost, everything that holds this handle or
    /// one of its clones gets [`StoreError::Closed`]. Gives the handle for the next process.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut disk = self.lock();
        disk.life += 1;
        disk.closed = false;
        disk.lazy.clear();
        disk.seen = disk.durable.clone();
        Self {
            life: disk.life,
            ..self.clone()
        }
    }

    /// The disk is gone: an empty store, and old handles get [`StoreError::Closed`].
    #[must_use]
    pub fn wipe(&self) -> Self {
        let mut disk = self.lock();
        disk.life += 1;
        disk.closed = true;
        Self {
            delay: self.delay,
            ..Self::new()
        }
    }

    /// After `writes` more durable writes every one fails, as on a full disk; `None`: none fails any more.
    pub fn fail_after(&self, writes: Option<u64>) {
        self.lock().left = writes;
    }

    /// How many durable writes were made.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Another store with the same content, but without the snapshots.
    #[must_use]
    pub fn copy(&self) -> Self {
        let pairs = self.lock().durable.clone();
        let copy = Self::new();
        let mut disk = copy.lock();
        disk.durable.clone_from(&pairs);
        disk.seen = pairs;
        drop(disk);
        copy
    }

    /// Removes a key behind the store's back, as damage does. Whether it was there.
    pub fn lose(&self, key: &[u8]) -> bool {
        let mut disk = self.lock();
        disk.durable.remove(key);
        disk.seen.remove(key).is_some()
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.lock().seen.keys().cloned().collect()
    }

    pub(crate) fn shelf(&self) -> MemoryShelf {
        self.shelf.clone()
    }

    /// How long the next durable write takes.
    pub(crate) fn delay(&self) -> Option<Duration> {
        let (least, most) = self.delay?;
        let spread = u64::try_from((most - least).as_micros()).unwrap_or(u64::MAX);
        Some(least + Duration::from_micros(fastrand::u64(0..=spread)))
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        let disk = self.lock();
        if disk.life != self.life || disk.closed {
            return Err(StoreError::Closed);
        }
        Ok(disk)
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.alive()?.seen.get(key).cloned())
    }

    fn range(
        &self,
        from: &[u8],
        to: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let disk = self.alive()?;
        if from >= to {
            return Ok(());
        }
        let range = disk
            .seen
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        for (key, value) in range {
            if !visit(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut disk = self.alive()?;
        match &mut disk.left {
            Some(0) => {
                return Err(StoreError::io(
                    "write the state store",
                    &std::io::ErrorKind::StorageFull.into(),
                ));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        let Disk {
            durable,
            seen,
            lazy,
            writes,
            ..
        } = &mut *disk;
        for waiting in lazy.drain(..) {
            apply(durable, &waiting);
        }
        apply(durable, batch);
        apply(seen, batch);
        *writes += 1;
        Ok(())
    }

    fn write_lazily(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut disk = self.alive()?;
        apply(&mut disk.seen, batch);
        disk.lazy.push(batch.clone());
        Ok(())
    }

    fn bytes_on_disk(&self) -> u64 {
        let disk = self.lock();
        let bytes: usize = disk.seen.iter().map(|(key, value)| key.len() + value.len()).sum();
        bytes as u64
    }

    fn close(&self) -> Result<(), StoreError> {
        self.alive()?.closed = true;
        Ok(())
    }
}

fn apply(pairs: &mut Pairs, batch: &Batch) {
    for (key, value) in batch.changes() {
        match value {
            Some(value) => pairs.insert(key.to_vec(), value.to_vec()),
            None => pairs.remove(key),
        };
    }
}
