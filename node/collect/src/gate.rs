//! How many questions may be under way at once on this node.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Places for questions on connections that are open.
const HEALTHY: usize = 64;
/// Places for connects: they cost this node more than a question does, and at a start all come at once.
const CONNECTING: usize = 32;
/// Places for targets whose last attempt timed out or did not connect.
const SUSPECT: usize = 8;

/// Places for queries and connects. Targets that hang have few places of their own, so that they cannot take
/// those of the others.
#[derive(Debug)]
pub(crate) struct Gate {
    healthy: Semaphore,
    connecting: Semaphore,
    suspect: Semaphore,
}

impl Gate {
    /// All places free.
    pub(crate) fn new() -> Self {
        let connecting = Semaphore::new(CONNECTING);
        Self {
            healthy: Semaphore::new(HEALTHY),
            connecting,
            suspect: Semaphore::new(SUSPECT),
        }
    }

    /// Waits for a place. `None` only when the gate is closed, which it never is.
    pub(crate) async fn enter(&self, place: Place) -> Option<SemaphorePermit<'_>> {
        let places = match place {
            Place::Healthy => &self.healthy,
            Place::Connecting => &self.connecting,
            Place::Suspect => &self.suspect,
        };
        places.acquire().await.ok()
    }
}

/// Which of the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To ask on an open connection.
    Healthy,
    /// To connect.
    Connecting,
    /// To try a target whose last attempt failed.
    Suspect,
}
