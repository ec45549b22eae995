//! What stands before a connection: nothing passes without a warrant, and what is under way rests.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::fault::Fault;
use crate::guarded::{ASK_AGAIN, not_held};
use crate::reader::Reader;
use crate::warrant::Warrant;

/// Lets nothing pass without a warrant.
pub(crate) struct Barrier {
    pub(crate) warrant: Arc<dyn Warrant>,
    /// How long something under way may rest.
    patience: Duration,
}

/// What a warrant must say.
pub(crate) type Allows = fn(&(dyn Warrant + 'static)) -> bool;

impl Barrier {
    /// With what `reader` says of patience.
    pub(crate) fn new(warrant: &Arc<dyn Warrant>, reader: &Reader) -> Self {
        Self {
            warrant: Arc::clone(warrant),
            patience: reader.plan.timeout(),
        }
    }

    /// Whether something may pass now.
    pub(crate) fn check(&self, allows: Allows) -> Result<(), Fault> {
        if allows(&*self.warrant) {
            Ok(())
        } else {
            Err(not_held())
        }
    }

    /// What comes of `work`, which rests while the warrant does not allow it. `None` when it rested too long: then
    /// it is broken off in the middle.
    pub(crate) async fn around<T>(&self, allows: Allows, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let held = poll_fn(|context| {
                if allows(&*self.warrant) {
                    work.as_mut().poll(context).map(Some)
                } else {
                    Poll::Ready(None)
                }
            });
            if let Some(done) = held.await {
                return Some(done);
            }
            let end = Instant::now() + self.patience;
            while !allows(&*self.warrant) {
                if Instant::now() >= end {
                    return None;
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}
