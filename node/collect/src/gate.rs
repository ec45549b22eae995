//! How many questions may be under way at once on this node.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Places for targets that answer.
const HEALTHY: usize = 64;
/// Places for targets whose last attempt timed out or did not connect.
const SUSPECT: usize = 8;

/// Places for queries and connects. Targets that hang have few places of their own, so that they cannot take
/// those of the others.
#[derive(Debug)]
pub(crate) struct Gate {
    healthy: Semaphore,
    suspect: Semaphore,
}

impl Gate {
    /// All places free.
    pub(crate) fn new() -> Self {
        Self { healthy: Semaphore::new(HEALTHY), suspect: Semaphore::new(SUSPECT) }
    }

    /// Waits for a place. `None` only when the gate is closed, which it never is.
    pub(crate) async fn enter(&self, suspect: bool) -> Option<SemaphorePermit<'_>> {
        if suspect { self.suspect.acquire().await.ok() } else { self.healthy.acquire().await.ok() }
    }
}
