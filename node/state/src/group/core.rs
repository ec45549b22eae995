//! What stays of a node's part of the group when its store is replaced.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{broadcast, watch};

use super::Run;
use super::directory::Directory;
use super::metrics::Metrics;
use super::outbox::Outbox;
use super::parts::StateParts;
use super::standing::{Announcement, Standing};
use crate::machine::Touched;
use crate::network::Transport;
use crate::store::Shared;

/// How many changes a subscriber may be behind before it is told that it lost some.
const TOUCHED: usize = 1024;

/// What all of a node's part of the group share.
pub(crate) struct Core {
    pub(crate) parts: StateParts,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) metrics: Metrics,
    /// The present run; `None` while the store is replaced, and after the part has failed.
    pub(crate) run: ArcSwapOption<Run>,
    /// The state, that of the last run if there is none: what was known stays in force.
    pub(crate) shared: ArcSwap<Shared>,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) announcement: watch::Sender<Announcement>,
    pub(crate) touched: broadcast::Sender<Arc<Vec<Touched>>>,
    /// The number of the view that this node acts under.
    pub(crate) fence: AtomicU64,
    pub(crate) outbox: Outbox,
}

impl Core {
    pub(crate) fn new(
        parts: StateParts,
        transport: Arc<dyn Transport>,
        metrics: Metrics,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            parts,
            transport,
            metrics,
            run: ArcSwapOption::empty(),
            shared: ArcSwap::new(shared),
            standing: watch::Sender::new(Standing::default()),
            announcement: watch::Sender::new(Announcement::default()),
            touched: broadcast::Sender::new(TOUCHED),
            fence: AtomicU64::new(0),
            outbox: Outbox::default(),
        }
    }

    /// The present run.
    pub(crate) fn run(&self) -> Option<Arc<Run>> {
        self.run.load_full()
    }

    /// The peers now.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.parts.directory.borrow())
    }

    /// All may have changed: tells the subscribers to read again.
    pub(crate) fn touch_all(&self) {
        // Nobody listens: nobody needs to know.
        let _ = self.touched.send(Arc::new(vec![Touched::All]));
    }
}
