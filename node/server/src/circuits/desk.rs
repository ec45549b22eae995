//! Where circuits are asked for and turned: here for the targets of this node, and through their owners for
//! the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ringwatch_cluster::member::{Member, State};
use ringwatch_cluster::node::Knowledge;
use ringwatch_frame::TargetId;
use ringwatch_proto::v1;
use ringwatch_proto::v1::breakers_client::BreakersClient;
use tokio::sync::watch;
use tonic::Status;
use tonic::transport::Channel;

use super::{Circuits, wire};
use crate::grpc::forward;

/// Each member must have answered by then when all are asked.
const EACH: Duration = Duration::from_secs(1);
/// The list of targets does not wait as long for what others know.
const GLANCE: Duration = Duration::from_millis(500);
/// No member has more to say: a hundred thousand circuits.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The circuits of the whole cluster.
#[derive(Clone)]
pub(crate) struct Desk {
    circuits: Arc<Circuits>,
    knowledge: watch::Receiver<Arc<Knowledge>>,
}

/// What is to be done with a circuit.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Reset,
    Open(Option<Duration>),
}

impl Desk {
    /// The circuits of this node, and those that the others have.
    pub(crate) fn new(circuits: Arc<Circuits>, knowledge: watch::Receiver<Arc<Knowledge>>) -> Self {
        Self { circuits, knowledge }
    }

    /// The circuits of all targets, or of those of this node alone.
    pub(crate) async fn list(&self, local: bool) -> v1::ListBreakersResponse {
        if local {
            let known = Arc::clone(&self.knowledge.borrow());
            return v1::ListBreakersResponse {
                breakers: self.own(&known),
                silent: Vec::new(),
            };
        }
        self.all(EACH).await
    }

    /// The states of the circuits as the list of targets shows them, by target; nothing where no pipeline has
    /// a breaker.
    pub(crate) async fn states(&self) -> BTreeMap<String, &'static str> {
        if self.circuits.breakers().is_empty() {
            return BTreeMap::new();
        }
        let all = self.all(GLANCE).await.breakers;
        let state = |breaker: v1::Breaker| {
            let state = breaker.state().as_str_name();
            (breaker.target_id, state)
        };
        all.into_iter().map(state).collect()
    }

    /// Closes a circuit. `forwarded`: another node has passed this on, and it is not passed on again.
    pub(crate) async fn reset(&self, name: &str, forwarded: bool) -> Result<v1::Breaker, Status> {
        self.turn(name, Turn::Reset, forwarded).await
    }

    /// Opens a circuit, for a time or until it is reset.
    pub(crate) async fn open(
        &self,
        name: &str,
        lasts: Option<Duration>,
        forwarded: bool,
    ) -> Result<v1::Breaker, Status> {
        self.turn(name, Turn::Open(lasts), forwarded).await
    }

    async fn all(&self, each: Duration) -> v1::ListBreakersResponse {
        let known = Arc::clone(&self.knowledge.borrow());
        let others = known.members.iter().filter(|member| member.who.node != known.me);
        let others = others.filter(|member| !matches!(member.state, State::Dead | State::Joining));
        let ask = async |member: &Member| {
            let answer = forward::ask(member, each, async |channel| {
                let request = forward::marked(v1::ListBreakersRequest { local: true });
                client(channel).list_breakers(request).await
            });
            (member.who.node.to_string(), answer.await)
        };
        let mut breakers = self.own(&known);
        let mut silent = Vec::new();
        for (node, answer) in join_all(others.map(|member| ask(&member.member))).await {
            match answer {
                // Whoever says that it owns a target speaks for itself only.
                Ok(answer) => breakers.extend(answer.breakers.into_iter().map(|breaker| v1::Breaker {
                    owner: node.clone(),
                    ..breaker
                })),
                Err(_) => silent.push(node),
            }
        }
        breakers.sort_by(|a, b| a.target_id.cmp(&b.target_id));
        // While a target changes hands two may speak of it.
        breakers.dedup_by(|a, b| a.target_id == b.target_id);
        v1::ListBreakersResponse { breakers, silent }
    }

    fn own(&self, known: &Knowledge) -> Vec<v1::Breaker> {
        let me = known.me.as_str();
        let circuits = self.circuits.list();
        let own = circuits.iter().filter(|circuit| {
            let found = known
                .targets
                .binary_search_by(|placed| placed.target.cmp(&circuit.target));
            let owner = found.ok().and_then(|at| known.targets.get(at)?.owner.as_ref());
            owner == Some(&known.me)
        });
        own.map(|circuit| wire::breaker(circuit, me)).collect()
    }

    async fn turn(&self, name: &str, turn: Turn, forwarded: bool) -> Result<v1::Breaker, Status> {
        let target = self.target(name)?;
        let known = Arc::clone(&self.knowledge.borrow());
        let placed = known.targets.iter().find(|placed| placed.target == target);
        let Some(owner) = placed.and_then(|placed| placed.owner.as_ref()) else {
            let text = format!(
                "nobody owns `{target}` at this moment; `ringwatch cluster targets` shows when somebody does"
            );
            return Err(Status::unavailable(text));
        };
        if *owner == known.me {
            return self.turn_here(&target, turn, known.me.as_str());
        }
        if forwarded {
            let text = format!("`{target}` is owned by `{owner}` by now; try again");
            return Err(Status::failed_precondition(text));
        }
        let member = known.members.iter().find(|member| member.who.node == *owner);
        let member = member
            .ok_or_else(|| Status::unavailable(format!("`{owner}`, which owns `{target}`, has left")))?;
        let target = target.to_string();
        forward::ask(&member.member, forward::DEADLINE, async |channel| {
            let mut client = client(channel);
            match turn {
                Turn::Reset => {
                    client
                        .reset_breaker(forward::marked(v1::ResetBreakerRequest { target }))
                        .await
                }
                Turn::Open(lasts) => {
                    let lasts = lasts.and_then(|lasts| prost_types::Duration::try_from(lasts).ok());
                    let request = v1::OpenBreakerRequest { target, r#for: lasts };
                    client.open_breaker(forward::marked(request)).await
                }
            }
        })
        .await
    }

    fn turn_here(&self, target: &TargetId, turn: Turn, me: &str) -> Result<v1::Breaker, Status> {
        let done = match turn {
            Turn::Reset => self.circuits.reset(target),
            Turn::Open(lasts) => self.circuits.open(target, lasts),
        };
        let circuit = done.ok_or_else(|| unknown(target.as_str()))?;
        Ok(wire::breaker(&circuit, me))
    }

    /// The one target that is meant.
    fn target(&self, name: &str) -> Result<TargetId, Status> {
        let mut found = self.circuits.find(name);
        match (found.pop(), found.is_empty()) {
            (Some(target), true) => Ok(target),
            (Some(last), false) => {
                let mut ids: Vec<_> = found.iter().map(TargetId::as_str).collect();
                ids.push(last.as_str());
                let (count, ids) = (
                    ids.len(),
                    ids.iter().take(8).copied().collect::<Vec<_>>().join(", "),
                );
                let text = format!("`{name}` may mean {count} targets; say which: {ids}");
                Err(Status::failed_precondition(text))
            }
            (None, _) => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> Status {
    let short: String = name.chars().take(200).collect();
    Status::not_found(format!(
        "no target with a circuit is called `{short}`; `ringwatch breaker list` names them all"
    ))
}

fn client(channel: Channel) -> BreakersClient<Channel> {
    BreakersClient::new(channel).max_decoding_message_size(LARGEST_ANSWER)
}
