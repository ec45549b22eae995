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
    known: Mutex<Known>,
    read: watch::Sender<Targets>,
}

struct Known {
    /// What is configured, as far as it is covered: nothing else may be read.
    covered: Targets,
    given: BTreeSet<TargetId>,
}

impl Share {
    /// Nothing yet, of what is `configured`. `cover` hears of the targets before anything of them is read.
    pub(super) fn of(
        configured: watch::Receiver<Targets>,
        cover: impl Fn(&Targets) + Send + 'static,
    ) -> Self {
        let mut configured = configured;
        let now = Arc::clone(&configured.borrow_and_update());
        cover(&now);
        let (names, ids) = watch::channel(names_of(&now));
        let mut changes = configured;
        let inner = Arc::new(Inner {
            known: Mutex::new(Known {
                covered: now,
                given: BTreeSet::new(),
            }),
            read: watch::Sender::new(Arc::default()),
        });
        let follows = Arc::clone(&inner);
        // It ends with the list's other side: then the list stays as it is.
        let follow = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let now = Arc::clone(&changes.borrow_and_update());
                cover(&now);
                follows.change(|known| known.covered = Arc::clone(&now));
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

    /// The target with all receivers that read it.
    pub(super) fn spec(&self, target: &TargetId) -> Option<Arc<TargetSpec>> {
        self.inner.spec(target)
    }

    /// Looks targets up, as [`spec`](Self::spec) does.
    pub(super) fn specs(&self) -> impl Fn(&TargetId) -> Option<Arc<TargetSpec>> + Send + use<> {
        let inner = Arc::clone(&self.inner);
        move |target| inner.spec(target)
    }

    /// Says which targets the cluster gave to the node.
    pub(super) fn given(&self) -> impl Fn(&TargetId) -> bool + Send + 'static {
        let inner = Arc::clone(&self.inner);
        move |target| {
            let known = inner.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.given.contains(target)
        }
    }

    /// The cluster gave this target to the node.
    pub(super) fn add(&self, target: &TargetId) {
        self.inner.change(|known| {
            known.given.insert(target.clone());
        });
    }

    /// The cluster took it away.
    pub(super) fn remove(&self, target: &TargetId) {
        self.inner.change(|known| {
            known.given.remove(target);
        });
    }
}

impl Inner {
    fn spec(&self, target: &TargetId) -> Option<Arc<TargetSpec>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.covered.iter().find(|spec| spec.id == *target).cloned()
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        let read: Targets = known
            .covered
            .iter()
            .filter(|spec| known.given.contains(&spec.id))
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

#[cfg(test)]
mod tests {
    use ringwatch_catalogue::Catalogue;
    use ringwatch_collect::{Reader, join_targets, targets_of};
    use ringwatch_config::{Request, load};

    use super::*;
    use crate::run::receivers::plan_receivers;

    /// The targets of two receivers, of which the second names `a:1` again.
    fn configured() -> Vec<Arc<TargetSpec>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringwatch.yaml");
        let text = "
receivers:
  postgresql/first: { username: u, targets: [{ endpoint: \"a:1\" }, { endpoint: \"b:1\" }] }
  postgresql/second: { username: u, targets: [{ endpoint: \"c:1\" }] }
exporters: { debug: }
service: { pipelines: { metrics: { receivers: [postgresql/first, postgresql/second], exporters: [debug] } } }
";
        std::fs::write(&file, text).unwrap();
        let request = Request {
            files: &[file],
            sets: &[],
            env: &|_| None,
        };
        let settings = load(&request, &|_| Vec::new()).unwrap();
        let plans = plan_receivers(&settings, &Catalogue::embedded().unwrap())
            .unwrap()
            .plans;
        let mut targets: Vec<_> = plans.iter().flat_map(targets_of).collect();
        let again = TargetSpec {
            readers: targets[2].readers.clone(),
            ..TargetSpec::clone(&targets[0])
        };
        targets.push(Arc::new(again));
        join_targets(&targets).to_vec()
    }

    fn read(share: &Share) -> Vec<String> {
        let read = share.read();
        let read = read.borrow();
        read.iter()
            .map(|spec| {
                let source = |reader: &Arc<Reader>| reader.source.to_string();
                let sources: Vec<_> = spec.readers.iter().map(source).collect();
                format!("{} {}", sources.join(","), spec.id)
            })
            .collect()
    }

    #[tokio::test]
    async fn what_is_read_follows_the_cluster_and_the_configuration() {
        let all = configured();
        let (list, targets) = watch::channel(all.clone().into());
        let covered = Arc::new(Mutex::new(Vec::new()));
        let covers = Arc::clone(&covered);
        let share = Share::of(targets, move |now: &Targets| {
            covers.lock().unwrap().push(now.len());
        });
        let id = |name: &str| TargetId::from_name(name);
        let (a, b, c) = (
            id("postgresql://a:1"),
            id("postgresql://b:1"),
            id("postgresql://c:1"),
        );
        assert_eq!(
            **share.ids().borrow(),
            [a.clone(), b.clone(), c.clone()],
            "each once"
        );
        assert!(read(&share).is_empty());
        share.add(&a);
        share.add(&c);
        let first = "postgresql/first postgresql://a:1";
        let second = "postgresql/second postgresql://c:1";
        assert_eq!(
            read(&share),
            [first, second],
            "two receivers cannot both read the catalogue"
        );
        assert_eq!(share.spec(&a).unwrap().doubles, ["postgresql/second".into()]);
        share.remove(&c);

        // The file of targets changes: what was given stays given.
        let mut ids = share.ids();
        ids.mark_unchanged();
        list.send_replace(all[1..3].into());
        ids.changed().await.unwrap();
        assert_eq!(**ids.borrow(), [b.clone(), c]);
        assert!(read(&share).is_empty() && share.spec(&a).is_none());
        list.send_replace(all[..2].into());
        ids.changed().await.unwrap();
        assert_eq!(read(&share), [first]);
        share.remove(&a);
        share.add(&b);
        assert_eq!(read(&share), ["postgresql/first postgresql://b:1"]);
        assert_eq!(
            *covered.lock().unwrap(),
            [3, 2, 2],
            "whoever protects them hears of each list"
        );
    }
}
