//! openraft's own tests of a store.

use openraft::testing::{StoreBuilder, Suite};
use ringwatch_state::group::types::{StorageError, Types};
use ringwatch_state::store::{LogStore, MachineStore, MemoryKv, Place, open, open_memory};

use crate::common::{clock, metrics};

struct OnDisk;
struct InMemory;

impl StoreBuilder<Types, LogStore, MachineStore, tempfile::TempDir> for OnDisk {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, MachineStore), StorageError> {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::Disk(directory.path().join("raft"));
        let opened = open(&place, &clock(), &metrics()).await.unwrap();
        Ok((directory, opened.log, opened.machine))
    }
}

impl StoreBuilder<Types, LogStore, MachineStore, ()> for InMemory {
    async fn build(&self) -> Result<((), LogStore, MachineStore), StorageError> {
        let opened = open_memory(&MemoryKv::new(), &clock(), &metrics()).await.unwrap();
        Ok(((), opened.log, opened.machine))
    }
}

#[test]
fn on_disk_the_store_is_what_openraft_asks_for() {
    Suite::test_all(OnDisk).unwrap();
}

#[test]
fn in_memory_the_store_is_what_openraft_asks_for() {
    Suite::test_all(InMemory).unwrap();
}
