//! What the group keeps on disk: its log, its vote, the machine and snapshots.
//!
//! One [`Kv`] holds everything but the snapshots, which are files. Nothing of a store is used before all of
//! it was proven; one that is not what was written is set aside, and the node takes part again under a new
//! Raft id.

mod aside;
mod desk;
mod error;
mod guarded;
mod key;
mod kv;
mod log;
mod machine;
mod memory_kv;
mod meta;
mod metrics;
mod open;
mod proof;
mod record;
mod single;
mod sled_kv;
mod snapshot;
mod witness;

pub use aside::SetAside;
pub use error::{Damage, StoreError};
pub use kv::{Batch, Kv, LARGEST_VALUE};
pub use log::LogStore;
pub use machine::{AppliedAt, MachineStore, Shared, SnapshotMaker};
pub use memory_kv::MemoryKv;
pub use meta::Meta;
pub use metrics::StoreMetrics;
pub use open::{Opened, Place, open, open_anew, open_memory};
pub use sled_kv::SledKv;
pub use snapshot::check_snapshot;
