//! The targets of the node: the configured ones, and those that were added at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ringwatch_collect::{ReaderPlan, TargetSpec, Targets, join_targets};
use ringwatch_config::Endpoint;
use ringwatch_config::settings::Target;
use ringwatch_frame::TargetId;
use ringwatch_proto::v1;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::Content;

/// All targets, as both lists change.
pub(crate) struct Roll {
    plans: Arc<Vec<ReaderPlan>>,
    configured: watch::Receiver<Targets>,
    all: watch::Receiver<Targets>,
    _follow: AbortOnDropHandle<()>,
}

/// What was made of targets before, so that what did not change stays the same object: the collector goes on
/// with it.
type Made = BTreeMap<String, (v1::RuntimeTarget, Arc<TargetSpec>)>;

impl Roll {
    /// The targets of `configured` and `content`; those of the latter are read by one of `plans`.
    pub(crate) fn new(
        plans: Vec<ReaderPlan>,
        configured: watch::Receiver<Targets>,
        content: watch::Receiver<Arc<Content>>,
    ) -> Self {
        let plans = Arc::new(plans);
        let (mut files, mut added) = (configured.clone(), content);
        let mut made = Made::new();
        let first = joined(
            &plans,
            &files.borrow_and_update(),
            &added.borrow_and_update(),
            &mut made,
        );
        let told = watch::Sender::new(first);
        let all = told.subscribe();
        let reads = Arc::clone(&plans);
        let follow = tokio::spawn(async move {
            loop {
                // When the other side of either has ended, the node is about to.
                let changed = tokio::select! {
                    changed = files.changed() => changed,
                    changed = added.changed() => changed,
                };
                if changed.is_err() {
                    return;
                }
                let now = joined(
                    &reads,
                    &files.borrow_and_update(),
                    &added.borrow_and_update(),
                    &mut made,
                );
                told.send_if_modified(|before| {
                    let same = before.len() == now.len()
                        && before
                            .iter()
                            .zip(&*now)
                            .all(|(one, other)| Arc::ptr_eq(one, other));
                    *before = now;
                    !same
                });
            }
        });
        Self {
            plans,
            configured,
            all,
            _follow: AbortOnDropHandle::new(follow),
        }
    }

    /// All of them, as they change.
    pub(crate) fn all(&self) -> watch::Receiver<Targets> {
        self.all.clone()
    }

    /// For whoever asks.
    pub(crate) fn lists(&self) -> Lists {
        Lists {
            plans: Arc::clone(&self.plans),
            configured: self.configured.clone(),
            all: self.all.clone(),
        }
    }
}

/// The lists of targets, to be looked at.
#[derive(Clone)]
pub(crate) struct Lists {
    plans: Arc<Vec<ReaderPlan>>,
    configured: watch::Receiver<Targets>,
    all: watch::Receiver<Targets>,
}

impl Lists {
    /// The targets that this node reads or would read.
    pub(crate) fn all(&self) -> Targets {
        Arc::clone(&self.all.borrow())
    }

    /// Whether the configuration names the target.
    pub(crate) fn is_configured(&self, target: &TargetId) -> bool {
        self.configured.borrow().iter().any(|spec| spec.id == *target)
    }

    /// The receivers that can read a target which is added, by name.
    pub(crate) fn receivers(&self) -> Vec<String> {
        let engines = self
            .plans
            .iter()
            .filter(|plan| matches!(plan, ReaderPlan::Engine(_)));
        engines.map(|plan| plan.source().to_string()).collect()
    }

    /// The target as a receiver reads it.
    ///
    /// # Errors
    /// Why this node cannot.
    pub(crate) fn spec(&self, target: &v1::RuntimeTarget) -> Result<TargetSpec, Unreadable> {
        spec(&self.plans, target)
    }
}

/// Why a target cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The configuration has no such receiver, or none that reads targets.
    #[error("no receiver `{0}` that reads targets is configured")]
    Receiver(String),
    /// What should be an endpoint is none.
    #[error("`{0}` is no host:port")]
    Endpoint(String),
}

fn spec(plans: &[ReaderPlan], target: &v1::RuntimeTarget) -> Result<TargetSpec, Unreadable> {
    let of =
        |plan: &&ReaderPlan| **plan.source() == *target.receiver && matches!(plan, ReaderPlan::Engine(_));
    let plan = plans.iter().find(of);
    let plan = plan.ok_or_else(|| Unreadable::Receiver(target.receiver.clone()))?;
    let endpoint: Endpoint = target
        .endpoint
        .parse()
        .map_err(|_| Unreadable::Endpoint(target.endpoint.clone()))?;
    let labels = target.labels.iter();
    let labels = labels.map(|label| (label.name.clone(), label.value.clone()));
    let labels = labels.collect();
    Ok(TargetSpec::new(plan, &Target { endpoint, labels }))
}

/// Both lists as one. What the configuration names is read as the configuration says.
fn joined(plans: &[ReaderPlan], configured: &Targets, content: &Content, made: &mut Made) -> Targets {
    let known: BTreeSet<&TargetId> = configured.iter().map(|spec| &spec.id).collect();
    let mut added = Made::new();
    for target in &content.targets {
        let before = made.get(&target.target_id).filter(|(before, _)| before == target);
        let found = match before {
            Some((_, spec)) => Ok(Arc::clone(spec)),
            None => spec(plans, target).map(Arc::new),
        };
        match found {
            Ok(found) if known.contains(&found.id) => {}
            Ok(found) => {
                added.insert(target.target_id.clone(), (target.clone(), found));
            }
            Err(why) => {
                tracing::warn!(target = target.target_id, %why,
                    "a target that was added at run time cannot be read by this node: are all nodes configured alike?");
            }
        }
    }
    let all = join_targets(configured.iter().chain(added.values().map(|(_, spec)| spec)));
    *made = added;
    all
}

#[cfg(test)]
mod tests {
    use ringwatch_catalogue::Catalogue;
    use ringwatch_collect::targets_of;
    use ringwatch_config::{Request, load};

    use super::*;
    use crate::run::plan_receivers;

    /// The plan of a receiver that names `a:1`.
    fn plans() -> Vec<ReaderPlan> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringwatch.yaml");
        let text = "
receivers: { postgresql/fleet: { username: u, targets: [{ endpoint: \"a:1\" }] } }
exporters: { debug: }
service: { pipelines: { metrics: { receivers: [postgresql/fleet], exporters: [debug] } } }
";
        std::fs::write(&file, text).unwrap();
        let request = Request {
            files: &[file],
            sets: &[],
            env: &|_| None,
        };
        let settings = load(&request, &|_| Vec::new()).unwrap();
        plan_receivers(&settings, &Catalogue::embedded().unwrap())
            .unwrap()
            .plans
    }

    fn added(receiver: &str, endpoint: &str, label: &str) -> v1::RuntimeTarget {
        v1::RuntimeTarget {
            target_id: format!("postgresql://{endpoint}"),
            receiver: receiver.into(),
            endpoint: endpoint.into(),
            labels: vec![v1::RuntimeLabel {
                name: "team".into(),
                value: label.into(),
            }],
        }
    }

    #[test]
    fn what_is_added_joins_what_is_configured_and_stays_what_it_is() {
        let plans = plans();
        let configured: Targets = targets_of(&plans[0]).into();
        let mut made = Made::new();
        let mut all = |targets: Vec<v1::RuntimeTarget>| {
            let content = Content {
                targets,
                ..Content::default()
            };
            joined(&plans, &configured, &content, &mut made)
        };
        let ids = |all: &Targets| all.iter().map(|spec| spec.id.to_string()).collect::<Vec<_>>();
        let fleet = "postgresql/fleet";
        let first = all(vec![
            added(fleet, "b:1", "x"),
            added("postgresql/gone", "c:1", "x"),
        ]);
        assert_eq!(ids(&first), ["postgresql://a:1", "postgresql://b:1"]);
        assert!(Arc::ptr_eq(&first[0], &configured[0]));

        let second = all(vec![
            added(fleet, "b:1", "x"),
            added(fleet, "d:1", "x"),
            added(fleet, "a:1", "x"),
        ]);
        assert_eq!(
            ids(&second),
            ["postgresql://a:1", "postgresql://b:1", "postgresql://d:1"]
        );
        assert!(
            Arc::ptr_eq(&second[1], &first[1]),
            "it is read on without a break"
        );
        assert!(
            Arc::ptr_eq(&second[0], &configured[0]),
            "the configuration counts"
        );

        let third = all(vec![added(fleet, "b:1", "y")]);
        assert_eq!(ids(&third), ["postgresql://a:1", "postgresql://b:1"]);
        assert!(!Arc::ptr_eq(&third[1], &first[1]), "another label");
    }

    #[test]
    fn what_cannot_be_read_is_told_why() {
        let plans = plans();
        let why = |target| spec(&plans, &target).unwrap_err();
        assert_eq!(
            why(added("mysql", "b:1", "x")),
            Unreadable::Receiver("mysql".into())
        );
        assert_eq!(
            why(added("postgresql/fleet", "b", "x")),
            Unreadable::Endpoint("b".into())
        );
    }
}
