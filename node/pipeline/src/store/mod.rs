//! What a component remembers beyond its process: where it is kept, and who writes it.
//!
//! A component hands its newest state to a [`Keeper`] and never waits. The keeper's task writes it to a
//! [`StateStore`] now and then and at the end. A store that cannot be written costs memory of the past, never
//! the node.

mod file;
mod keeper;
mod replace;

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

pub use file::FileStore;
pub use keeper::{Keeper, KeeperHandle, KeeperStatus, recall, start_keeper};
pub use replace::Replacement;

/// Where a component keeps its state: one text of JSON, replaced as a whole. Both calls may block; they are
/// made on threads that may.
pub trait StateStore: Send + Sync {
    /// What was saved last; `None` where nothing was, or where it was damaged and has been set aside.
    ///
    /// # Errors
    /// When the place cannot be read.
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts `state` in place of what was there. After it returned, the state survives a power cut, as far as
    /// the place survives one.
    ///
    /// # Errors When the place cannot be written. What was there before is there still.
    fn save(&self, state: &[u8]) -> Result<(), StoreError>;

    /// Takes what is there out of the way, because its component cannot read it. Gives where it is now.
    fn set_aside(&self) -> Option<String> {
        None
    }

    /// How logs and health call the place.
    fn place(&self) -> String;
}

/// Why a state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read.
    #[error(
        "`{}` cannot be read: {source}; let the node's user read it, or name another file",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(
        "`{}` cannot be written: {source}; let the node's user write in its directory, or name another file",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is whole, and not ours. It is left as it is, and nothing is written over it.
    #[error("`{}` holds {found}: name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: String,
    },
    /// The state is no JSON, or could not be made into it.
    #[error("the state cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The write was cut off by the end of the process or by a defect.
    #[error("the write did not end")]
    Cut,
}

/// A store that ends with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Option<Vec<u8>>>);

impl StateStore for MemoryStore {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn save(&self, state: &[u8]) -> Result<(), StoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.to_vec());
        Ok(())
    }

    fn set_aside(&self) -> Option<String> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        None
    }

    fn place(&self) -> String {
        "memory".into()
    }
}
