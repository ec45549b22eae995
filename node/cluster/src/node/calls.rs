//! Calls to other nodes that the loop begins, each as a task with a deadline.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::time::timeout;

use super::claims::Told;
use super::effect::{Effect, Event};
use super::run::{Inner, Tasks};
use crate::member::Member;
use crate::peer::{Handed, MAX_COMPANION, PeerError, Recalled};

/// A preparation that takes longer has failed: the other's deadline and some time for the way.
const PREPARE: Duration = Duration::from_secs(10);
/// After this the answer to a commit counts as lost, and is asked for.
const COMMIT: Duration = Duration::from_secs(5);
/// Short questions between nodes.
const ASK: Duration = Duration::from_millis(500);
/// The leader has an answer to an offer by then.
const OFFER: Duration = Duration::from_secs(6);

impl Inner {
    /// Begins the two steps of a handoff.
    pub(super) fn begin_to_call(&self, effect: Effect, tasks: &mut Tasks) {
        let peers = Arc::clone(&self.peers);
        match effect {
            Effect::Prepare {
                target,
                to,
                number,
                view,
            } => {
                let build = move |target, answer| Event::Prepared {
                    target,
                    number,
                    answer,
                };
                let failed = build(target.clone(), Err(PeerError::Timeout));
                let work = async move {
                    let answer = within(PREPARE, peers.prepare(&to, &target, number, view)).await;
                    build(target, answer)
                };
                tasks.spawn(work, failed);
            }
            Effect::Commit {
                target,
                to,
                memory,
                moves,
                number,
                view,
            } => {
                let build = move |target, answer| Event::Committed {
                    target,
                    number,
                    answer,
                };
                let failed = build(target.clone(), Err(PeerError::Timeout));
                let handed = Handed {
                    companion: self.companion(&target),
                    target: target.clone(),
                    memory,
                    moves,
                    handoff: number,
                    view,
                };
                let work = async move {
                    let answer = within(COMMIT, peers.commit(&to, handed)).await;
                    build(target, answer)
                };
                tasks.spawn(work, failed);
            }
            asking => self.begin_to_ask(asking, tasks),
        }
    }

    /// What goes along with a target; nothing, where that is too much.
    fn companion(&self, target: &TargetId) -> Vec<u8> {
        let mut companion = self.collecting.released(target);
        if companion.len() > MAX_COMPANION {
            let bytes = companion.len();
            tracing::warn!(%target, bytes, "too much to go along with the target: it goes without it");
            companion.clear();
        }
        companion
    }

    /// Begins short questions to peers.
    fn begin_to_ask(&self, effect: Effect, tasks: &mut Tasks) {
        let peers = Arc::clone(&self.peers);
        match effect {
            Effect::Ask { target, to, number } => {
                let build = move |target, answer| Event::Asked {
                    target,
                    number,
                    answer,
                };
                let failed = build(target.clone(), Err(PeerError::Timeout));
                let work = async move {
                    let answer = within(ASK, peers.recall(&to, std::slice::from_ref(&target), 0)).await;
                    let mine = |all: Vec<Recalled>| {
                        let mine = all.into_iter().find(|recalled| recalled.target == target);
                        mine.map(|recalled| recalled.owned).ok_or(PeerError::Timeout)
                    };
                    let answer = answer.and_then(mine);
                    build(target, answer)
                };
                tasks.spawn(work, failed);
            }
            Effect::Recall {
                number,
                targets,
                of,
                view,
            } => self.begin_to_recall(number, targets, of, view, tasks),
            Effect::Confirm { pauses, of } => {
                let build = move |by, excluded| Event::Confirmed { pauses, by, excluded };
                let failed = build(of.who.clone(), None);
                let work = async move {
                    let answer = within(ASK, peers.confirm(&of)).await;
                    build(of.who, answer.ok())
                };
                tasks.spawn(work, failed);
            }
            Effect::Probe { life } => {
                let failed = Event::Probed {
                    life: life.who.clone(),
                    alive: false,
                };
                let work = async move {
                    let alive = within(ASK, peers.confirm(&life)).await.is_ok();
                    Event::Probed {
                        life: life.who,
                        alive,
                    }
                };
                tasks.spawn(work, failed);
            }
            Effect::Offer { to, target, heir } => {
                let build = move |target, answer| Event::Offered { target, answer };
                let failed = build(target.clone(), Err(PeerError::Timeout));
                let work = async move {
                    let answer = within(OFFER, peers.offer(&to, &target, &heir)).await;
                    build(target, answer)
                };
                tasks.spawn(work, failed);
            }
            _ => {}
        }
    }

    /// Begins to ask members about targets that are to be claimed under a view.
    fn begin_to_recall(
        &self,
        number: u64,
        targets: Vec<TargetId>,
        of: Vec<Member>,
        view: u64,
        tasks: &mut Tasks,
    ) {
        let silent = of
            .iter()
            .map(|member| (member.who.clone(), Told::Silent))
            .collect();
        let peers = Arc::clone(&self.peers);
        let work = async move {
            let (targets, peers) = (&targets, &peers);
            let ask = |member: Member| async move {
                let all = |answer: &Vec<Recalled>| {
                    let known = |target: &TargetId| answer.iter().any(|recalled| recalled.target == *target);
                    targets.iter().all(known)
                };
                let told = match within(ASK, peers.recall(&member, targets, view)).await {
                    Ok(answer) if all(&answer) => Told::Known(answer),
                    Err(PeerError::Stale { .. }) => Told::Newer,
                    Ok(_) | Err(_) => Told::Silent,
                };
                (member.who, told)
            };
            let answers = futures::future::join_all(of.into_iter().map(ask)).await;
            Event::Recalled { number, answers }
        };
        let failed = Event::Recalled {
            number,
            answers: silent,
        };
        tasks.spawn(work, failed);
    }
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, PeerError>>,
) -> Result<T, PeerError> {
    timeout(limit, call).await.unwrap_or(Err(PeerError::Timeout))
}
