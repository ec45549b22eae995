//! Which targets have tasks, for those who wait for their end.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_frame::TargetId;
use tokio::sync::watch;

/// How many tasks each target has: one that runs, and those that finish their last reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<watch::Sender<BTreeMap<TargetId, usize>>>);

impl Live {
    /// A task of `target` begins; it has ended when what is given back is dropped.
    pub(crate) fn begin(&self, target: &TargetId) -> Alive {
        self.0
            .send_modify(|tasks| *tasks.entry(target.clone()).or_default() += 1);
        Alive {
            live: self.clone(),
            target: target.clone(),
        }
    }

    /// Whether `target` has a task.
    pub(crate) fn has(&self, target: &TargetId) -> bool {
        self.0.borrow().contains_key(target)
    }

    /// Waits until `target` has no task.
    pub(crate) async fn ended(&self, target: &TargetId) {
        let mut tasks = self.0.subscribe();
        // It fails only when the sender is gone, which is here.
        let _ = tasks.wait_for(|tasks| !tasks.contains_key(target)).await;
    }
}

/// One task of a target, until it is dropped.
#[derive(Debug)]
pub(crate) struct Alive {
    live: Live,
    target: TargetId,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.live.0.send_modify(|tasks| {
            if let Some(count) = tasks.get_mut(&self.target) {
                *count -= 1;
                if *count == 0 {
                    tasks.remove(&self.target);
                }
            }
        });
    }
}
