//! What can be wrong with a store, and how openraft is told.

use std::io;
use std::path::Path;

use openraft::{AnyError, ErrorSubject, ErrorVerb, StorageIOError};

use crate::group::types::StorageError;

/// Why a store could not be opened, read or written. Cheap to clone: a store that failed once says the same
/// to all who come after.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another part of this one, has the store open.
    #[error("`{path}` is in use by another process: give every node a `cluster.data_dir` of its own")]
    InUse {
        /// The directory.
        path: String,
    },
    /// The operating system refused.
    #[error("cannot {what}: {reason} (check the disk's space and health, and the directory's owner)")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        reason: String,
        /// Whether it comes from this process's surroundings (space, rights, open files) and says nothing
        /// about what is stored.
        surroundings: bool,
    },
    /// What is stored is not what was written.
    #[error("the state store is damaged ({damage}): {detail}")]
    Damaged {
        /// How it shows.
        damage: Damage,
        /// Where.
        detail: String,
    },
    /// The store's format is of a later version.
    #[error("the state store has format {found}, this version reads up to {known}: upgrade this node")]
    Newer {
        /// The format found.
        found: u16,
        /// The newest one known here.
        known: u16,
    },
    /// The library beneath gave up.
    #[error("the state store stopped: {0}")]
    Stopped(String),
    /// Longer than is sane: the disk hangs.
    #[error("the state store did not {what} within {seconds} s: check the disk")]
    Slow {
        /// What it was to do.
        what: String,
        /// The limit.
        seconds: u64,
    },
    /// It was closed before.
    #[error("the state store is closed")]
    Closed,
    /// A caller's value does not fit.
    #[error("{what} of {bytes} bytes is too large for the state store")]
    TooLarge {
        /// What.
        what: String,
        /// Its size.
        bytes: usize,
    },
    /// An entry that this program cannot apply.
    #[error("entry {index} of the group's log cannot be applied: {reason}: upgrade this node")]
    Unknown {
        /// The entry's index.
        index: u64,
        /// What is unknown.
        reason: String,
    },
}

/// No space, no rights, no more open files: another day the same store may be whole.
fn is_of_surroundings(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    let known = matches!(
        error.kind(),
        Kind::PermissionDenied
            | Kind::StorageFull
            | Kind::QuotaExceeded
            | Kind::ReadOnlyFilesystem
            | Kind::OutOfMemory
            | Kind::ResourceBusy
            | Kind::WouldBlock
            | Kind::Interrupted
            | Kind::TimedOut
    );
    known
        || error
            .raw_os_error()
            .is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

/// How a damage shows. Becomes part of the name under which the store is set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Damage {
    /// The library beneath cannot read it.
    #[error("unreadable")]
    Unreadable,
    /// The library beneath panicked on it.
    #[error("panic")]
    Panicked,
    /// Opening did not end.
    #[error("endless")]
    Endless,
    /// A record is not what was written.
    #[error("checksum")]
    Checksum,
    /// A record is missing, or one is there that was never written.
    #[error("records")]
    Records,
    /// The log has holes or other ends than it had.
    #[error("log")]
    Log,
    /// The machine's records do not give its digest.
    #[error("digest")]
    Digest,
    /// It is older than what was acknowledged.
    #[error("rolled-back")]
    RolledBack,
    /// The group found it to differ from the others.
    #[error("differs")]
    Differs,
}

impl StoreError {
    /// The system's refusal of `what` (a verb and its object).
    pub(crate) fn io(what: impl Into<String>, error: &io::Error) -> Self {
        Self::Io {
            what: what.into(),
            reason: error.to_string(),
            surroundings: is_of_surroundings(error),
        }
    }

    /// The system's refusal to do `verb` with a file.
    pub(crate) fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::io(format!("{verb} `{}`", path.display()), error)
    }

    pub(crate) fn damaged(damage: Damage, detail: impl Into<String>) -> Self {
        Self::Damaged {
            damage,
            detail: detail.into(),
        }
    }

    /// What is damaged about the store, if that is what this error says.
    pub fn damage(&self) -> Option<Damage> {
        match self {
            Self::Damaged { damage, .. } => Some(*damage),
            Self::Stopped(_) => Some(Damage::Panicked),
            Self::Slow { .. } => Some(Damage::Endless),
            Self::Io { surroundings, .. } => (!surroundings).then_some(Damage::Unreadable),
            _ => None,
        }
    }

    /// As openraft wants it: the group ends with it on this node.
    pub(crate) fn raft(self, subject: ErrorSubject<u64>, verb: ErrorVerb) -> StorageError {
        StorageIOError::new(subject, verb, AnyError::new(&self)).into()
    }
}
