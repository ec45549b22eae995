//! The node's share of the targets: of those that the configuration names, those that the cluster gave to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ringwatch_collect::{TargetSpec, Targets};
use ringwatch_frame::TargetId;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What the collector reads. It follows the configuration and the cluster.
pub(super) struct Share {
    inner: Arc<Inner>,
    ids: watch::Receiver<Arc<[TargetId]>>,
    _follow: AbortOnDropHandle<()>,
}

struct Inner {
    configured: watch::Receiver<Targets>,
    given: Mutex<BTreeSet<TargetId>>,
    read: watch::Sender<Targets>,
}

impl Share {
    /// Nothing yet, of what is `configured`.
    pub(super) fn of(configured: watch::Receiver<Targets>) -> Self {
        let (names, ids) = watch::channel(names_of(&configured.borrow()));
        let mut changes = configured.clone();
        let inner = Arc::new(Inner {
            configured,
            given: Mutex::default(),
            read: watch::Sender::new(Arc::default()),
        });
        let follows = Arc::clone(&inner);
        // It ends with the list's other side: then the list stays as it is.
        let follow = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let now = Arc::clone(&changes.borrow_and_update());
                follows.change(|_| {});
                names.send_replace(names_of(&now));
            }
        });
        Self {
            inner,
            ids,
            _follow: AbortOnDropHandle::new(follow),
        }
    }

    /// The names of all configured targets, as they change.
    pub(super) fn ids(&self) -> watch::Receiver<Arc<[TargetId]>> {
        self.ids.clone()
    }

    /// What is to be read here, as it changes.
    pub(super) fn read(&self) -> watch::Receiver<Targets> {
        self.inner.read.subscribe()
    }

    /// The target as the first receiver that names it reads it.
    pub(super) fn spec(&self, target: &TargetId) -> Option<Arc<TargetSpec>> {
        let configured = self.inner.configured.borrow();
        configured.iter().find(|spec| spec.id == *target).cloned()
    }

    /// The cluster gave this target to the node.
    pub(super) fn add(&self, target: &TargetId) {
        self.inner.change(|given| {
            given.insert(target.clone());
        });
    }

    /// The cluster took it away.
    pub(super) fn remove(&self, target: &TargetId) {
        self.inner.change(|given| {
            given.remove(target);
        });
    }
}

impl Inner {
    fn change(&self, change: impl FnOnce(&mut BTreeSet<TargetId>)) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut given);
        let configured = Arc::clone(&self.configured.borrow());
        let read: Targets = configured
            .iter()
            .filter(|spec| given.contains(&spec.id))
            .cloned()
            .collect();
        // Still locked, so that the last list is the one of the last change.
        self.read.send_if_modified(|before| {
            let same =
                before.len() == read.len() && before.iter().zip(&*read).all(|(a, b)| Arc::ptr_eq(a, b));
            *before = read;
            !same
        });
    }
}

/// Names of targets, sorted, each once.
fn names_of(targets: &Targets) -> Arc<[TargetId]> {
    let ids: BTreeSet<TargetId> = targets.iter().map(|spec| spec.id.clone()).collect();
    ids.into_iter().collect()
}
