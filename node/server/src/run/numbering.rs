//! The group numbers the views of the cluster: between the one and the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use ringwatch_cluster::member::NodeId;
use ringwatch_cluster::numbering::{By, Committed, GroupStanding, NotCommitted, Numbering, Pin, Seat};
use ringwatch_frame::TargetId;
use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;
use ringwatch_state::machine::Touched;
use ringwatch_state::{Directory, ProposeError, Standing, StateHandle};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::state::Group;
use crate::runtime::{Content, Flag};

/// What targets cost.
type Weights = Arc<BTreeMap<TargetId, f64>>;

/// The group as ownership needs it.
pub(super) struct ByGroup {
    handle: StateHandle,
    committed: watch::Receiver<Option<Arc<Committed>>>,
    standing: watch::Receiver<GroupStanding>,
    weights: watch::Receiver<Weights>,
    directory: watch::Receiver<Arc<Directory>>,
    content: watch::Receiver<Arc<Content>>,
    _follow: [AbortOnDropHandle<()>; 2],
}

impl ByGroup {
    /// Follows what is committed from now on; `content` has the flags.
    pub(super) fn new(group: &Group, content: watch::Receiver<Arc<Content>>) -> Self {
        let handle = group.handle();
        let (committed, weights) = (watch::Sender::new(None), watch::Sender::new(Weights::default()));
        let (views, costs) = (committed.subscribe(), weights.subscribe());
        let (follow, standing) = (follow(handle.clone(), committed, weights), stand(&handle));
        Self {
            handle,
            committed: views,
            standing: standing.0,
            weights: costs,
            directory: group.directory(),
            content,
            _follow: [follow, standing.1],
        }
    }
}

/// Follows the view and the weights.
fn follow(
    handle: StateHandle,
    committed: watch::Sender<Option<Arc<Committed>>>,
    weights: watch::Sender<Weights>,
) -> AbortOnDropHandle<()> {
    // Subscribed before the first look, so that nothing falls between the two.
    let mut touched = handle.touched();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let (mut view, mut cost) = (true, true);
        loop {
            if view && let Some(next) = handle.read(|machine| machine.view().map(committed_of)) {
                handle.set_view_fence(next.number);
                committed.send_if_modified(|before| {
                    let newer = before.as_ref().is_none_or(|before| before.number < next.number);
                    if newer {
                        *before = Some(Arc::new(next));
                    }
                    newer
                });
            }
            if cost {
                let all = handle.read(|machine| {
                    let all = machine.weights();
                    all.map(|(target, record)| (TargetId::from_name(target), record.weight))
                        .collect()
                });
                weights.send_replace(Arc::new(all));
            }
            (view, cost) = match touched.recv().await {
                Ok(touched) => (
                    touched
                        .iter()
                        .any(|one| matches!(one, Touched::All | Touched::View { .. })),
                    touched
                        .iter()
                        .any(|one| matches!(one, Touched::All | Touched::Weights { .. })),
                ),
                Err(RecvError::Lagged(_)) => (true, true),
                Err(RecvError::Closed) => return,
            };
        }
    }))
}

/// Follows how the group stands.
fn stand(handle: &StateHandle) -> (watch::Receiver<GroupStanding>, AbortOnDropHandle<()>) {
    let mut standing = handle.standing();
    let told = watch::Sender::new(standing_of(&standing.borrow_and_update()));
    let receiver = told.subscribe();
    let task = tokio::spawn(async move {
        while standing.changed().await.is_ok() {
            let now = standing_of(&standing.borrow_and_update());
            told.send_if_modified(|before| {
                let changed = *before != now;
                *before = now;
                changed
            });
        }
    });
    (receiver, AbortOnDropHandle::new(task))
}

impl Numbering for ByGroup {
    fn committed(&self) -> watch::Receiver<Option<Arc<Committed>>> {
        self.committed.clone()
    }

    fn standing(&self) -> watch::Receiver<GroupStanding> {
        self.standing.clone()
    }

    fn propose<'a>(&'a self, next: Committed, reason: String) -> BoxFuture<'a, Result<(), NotCommitted>> {
        let view = record_of(&next, reason, &self.directory.borrow());
        let proposed = v1::ViewProposed { view: Some(view) };
        let command = v1::StateCommand {
            kind: Some(Kind::ViewProposed(proposed)),
        };
        async move {
            let answers = self.handle.propose(vec![command]).await.map_err(not_proposed)?;
            outcome(answers.first())
        }
        .boxed()
    }

    fn weights(&self) -> Weights {
        Arc::clone(&self.weights.borrow())
    }

    fn rebalances(&self) -> bool {
        self.content.borrow().is_on(Flag::Rebalance)
    }
}

fn outcome(answer: Option<&v1::StateAnswer>) -> Result<(), NotCommitted> {
    let Some(answer) = answer else {
        return Err(NotCommitted::Unknown);
    };
    match (answer.outcome(), answer.refusal()) {
        (v1::StateOutcome::Done | v1::StateOutcome::Unchanged, _) => Ok(()),
        (_, v1::StateRefusal::Version) => Err(NotCommitted::Overtaken {
            present: answer.version,
        }),
        _ => Err(NotCommitted::Refused(answer.message.clone())),
    }
}

fn not_proposed(error: ProposeError) -> NotCommitted {
    match error {
        ProposeError::NoQuorum { missing } => NotCommitted::NoQuorum {
            missing: missing.iter().map(|node| NodeId::new(node)).collect(),
        },
        ProposeError::Unknown => NotCommitted::Unknown,
        other => NotCommitted::Refused(other.to_string()),
    }
}

fn committed_of(view: &v1::ViewRecord) -> Committed {
    let seats = view.members.iter().map(|member| Seat {
        node: NodeId::new(&member.node),
        generation: member.generation,
        points: member.points,
    });
    let mut seats: Vec<_> = seats.collect();
    seats.sort();
    let pins = view.pins.iter().map(|pin| {
        let by = match pin.by() {
            v1::PinnedBy::Operator => By::Operator,
            v1::PinnedBy::Load | v1::PinnedBy::Unspecified => By::Load,
        };
        let to = NodeId::new(&pin.node);
        (TargetId::from_name(&pin.target), Pin { to, by })
    });
    Committed {
        number: view.number,
        seats,
        pins: pins.collect(),
    }
}

fn record_of(view: &Committed, reason: String, directory: &Directory) -> v1::ViewRecord {
    let members = view.seats.iter().map(|seat| v1::ViewMember {
        node: seat.node.to_string(),
        generation: seat.generation,
        points: seat.points,
        raft_id: directory
            .peer(seat.node.as_str())
            .and_then(|peer| peer.raft_id())
            .unwrap_or(0),
    });
    let pins = view.pins.iter().map(|(target, pin)| v1::ViewPin {
        target: target.to_string(),
        node: pin.to.to_string(),
        by: match pin.by {
            By::Load => v1::PinnedBy::Load,
            By::Operator => v1::PinnedBy::Operator,
        }
        .into(),
    });
    v1::ViewRecord {
        number: view.number,
        members: members.collect(),
        pins: pins.collect(),
        reason,
    }
}

fn standing_of(standing: &Standing) -> GroupStanding {
    let mut missing: Vec<_> = standing.missing.iter().map(|node| NodeId::new(node)).collect();
    missing.sort();
    GroupStanding {
        leads: standing.leads,
        leader: standing.leader.as_deref().map(NodeId::new),
        quorum: standing.quorum,
        founded: standing.founded,
        missing,
        waiting: standing.waiting.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_goes_through_the_group_unchanged() {
        let seat = |node: &str, generation| Seat {
            node: NodeId::new(node),
            generation,
            points: 256,
        };
        let pin = |by| Pin {
            to: NodeId::new("b"),
            by,
        };
        let view = Committed {
            number: 7,
            seats: vec![seat("a", 1), seat("b", 9)],
            pins: [
                (TargetId::from_name("postgresql://x:1"), pin(By::Operator)),
                (TargetId::from_name("postgresql://y:1"), pin(By::Load)),
            ]
            .into(),
        };
        let record = record_of(&view, "b joined".into(), &Directory::default());
        assert_eq!(record.reason, "b joined");
        assert_eq!(committed_of(&record), view);
    }

    #[test]
    fn what_the_group_answers_is_understood() {
        let answer = |outcome: v1::StateOutcome, refusal: v1::StateRefusal| v1::StateAnswer {
            outcome: outcome.into(),
            refusal: refusal.into(),
            message: "why".into(),
            version: 8,
        };
        let none = v1::StateRefusal::Unspecified;
        assert_eq!(outcome(Some(&answer(v1::StateOutcome::Done, none))), Ok(()));
        assert_eq!(outcome(Some(&answer(v1::StateOutcome::Unchanged, none))), Ok(()));
        let refused = |refusal| outcome(Some(&answer(v1::StateOutcome::Refused, refusal)));
        assert_eq!(
            refused(v1::StateRefusal::Version),
            Err(NotCommitted::Overtaken { present: 8 })
        );
        assert_eq!(
            refused(v1::StateRefusal::Limit),
            Err(NotCommitted::Refused("why".into()))
        );
        assert_eq!(outcome(None), Err(NotCommitted::Unknown));
    }
}
