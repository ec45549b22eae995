//! The way of a proposal to the leader.

use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use ringwatch_proto::v1;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::metrics::Outcome;
use super::run::leads;
use super::types::EntryBytes;
use super::{Core, Run};
use crate::network::{CallError, Method, decode_message, encode_message};

/// The time limit of a proposal.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);
/// What a leader takes less for a proposal of another node, so that its answer comes in time.
const LIMIT_AT_LEADER: Duration = Duration::from_millis(1800);
/// The most commands of one proposal.
pub(crate) const MAX_COMMANDS: usize = 4096;
/// The largest proposal, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// How long is waited for another leader before it is looked again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The format that a program must know to apply what this one proposes.
const REQUIRES: u32 = 0;

/// Why a proposal was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// There is no leader with a majority of the voters.
    #[error(
        "the group has no quorum, missing voters: {}; start them or restore their network",
        list(missing)
    )]
    NoQuorum {
        /// The voters that are not alive, by node.
        missing: Vec<String>,
    },
    /// There is no group yet.
    #[error("the group is not founded: {waiting}")]
    NotFounded {
        /// What it waits for.
        waiting: String,
    },
    /// It was not taken: too large, or the leader said no.
    #[error("{0}")]
    Refused(String),
    /// There was no answer in time. It may have been done, or may be done later.
    #[error("no answer in time: it may have been done, look before you do it again")]
    Unknown,
    /// This node's part of the group has ended.
    #[error("{0}")]
    Failed(String),
}

fn list(missing: &[String]) -> String {
    if missing.is_empty() {
        "none by gossip, a leader may be being elected: try again".into()
    } else {
        missing.join(", ")
    }
}

impl ProposeError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NoQuorum { .. } => Outcome::NoQuorum,
            Self::NotFounded { .. } => Outcome::NotFounded,
            Self::Refused(_) => Outcome::Refused,
            Self::Unknown => Outcome::Unknown,
            Self::Failed(_) => Outcome::Failed,
        }
    }
}

/// Who proposes.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) node: String,
    pub(crate) generation: u64,
}

/// What became of commands at a node that may lead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    Done(Vec<v1::StateAnswer>),
    /// It does not lead, or is about to stop. Which node it takes for the leader. Nothing was done.
    NotLeader(Option<String>),
    Refused(String),
    Unknown,
    Failed(String),
}

impl Core {
    /// Proposes commands as one entry, made under the view `view`.
    pub(crate) async fn propose(
        &self,
        view: u64,
        commands: Vec<v1::StateCommand>,
    ) -> Result<Vec<v1::StateAnswer>, ProposeError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.route(view, commands).await;
        match &answer {
            Ok(answers) => {
                self.metrics.proposal(Outcome::Done);
                self.metrics.answers(answers);
            }
            Err(error) => self.metrics.proposal(error.outcome()),
        }
        answer
    }

    async fn route(
        &self,
        view: u64,
        commands: Vec<v1::StateCommand>,
    ) -> Result<Vec<v1::StateAnswer>, ProposeError> {
        let request = v1::ProposeRequest {
            view,
            commands,
            requires: REQUIRES,
        };
        check_size(&request).map_err(ProposeError::Refused)?;
        let deadline = Instant::now() + LIMIT;
        loop {
            let run = self.ready()?;
            let mut metrics = run.raft.metrics();
            metrics.borrow_and_update();
            match self.attempt(&run, &request, deadline).await {
                Written::Done(answers) => return Ok(answers),
                Written::Refused(why) => return Err(ProposeError::Refused(why)),
                Written::Failed(why) => return Err(ProposeError::Failed(why)),
                Written::Unknown => return Err(ProposeError::Unknown),
                Written::NotLeader(_) => {}
            }
            let missing = self.standing.borrow().missing.clone();
            if self.is_hopeless() {
                return Err(ProposeError::NoQuorum { missing });
            }
            tokio::select! {
                () = sleep_until(deadline) => return Err(ProposeError::NoQuorum { missing }),
                () = sleep(LOOK_AGAIN) => {}
                changed = metrics.changed() => if changed.is_err() { sleep(LOOK_AGAIN).await },
            }
        }
    }

    /// The run, if it belongs to a group.
    fn ready(&self) -> Result<std::sync::Arc<Run>, ProposeError> {
        let standing = self.standing.borrow();
        if let Some(failed) = &standing.failed {
            return Err(ProposeError::Failed(failed.clone()));
        }
        match self.run().filter(|run| run.identity.group() != 0) {
            Some(run) => Ok(run),
            None => Err(ProposeError::NotFounded {
                waiting: standing
                    .waiting
                    .clone()
                    .unwrap_or_else(|| "the store is being opened".into()),
            }),
        }
    }

    /// No leader is heard, and the gossip shows too few voters for one.
    fn is_hopeless(&self) -> bool {
        let standing = self.standing.borrow();
        let alive = standing.voters.len().saturating_sub(standing.missing.len());
        !standing.quorum && !standing.voters.is_empty() && alive <= standing.voters.len() / 2
    }

    /// Tries with whom this node takes for the leader.
    async fn attempt(&self, run: &Run, request: &v1::ProposeRequest, deadline: Instant) -> Written {
        let (leader, node) = {
            let metrics = run.raft.metrics();
            let metrics = metrics.borrow();
            let leader = metrics.current_leader;
            (
                leader,
                leader.and_then(|leader| Run::nodes(&metrics).remove(&leader)),
            )
        };
        match (leader, node) {
            (Some(leader), _) if leader == run.identity.raft_id => {
                let me = &self.parts.me;
                let origin = Origin {
                    node: me.node.clone(),
                    generation: me.generation,
                };
                run.write(self, origin, request.clone()).await
            }
            (Some(leader), Some(node)) => forward(run, &node, leader, request, deadline).await,
            _ => Written::NotLeader(None),
        }
    }
}

/// Whether the proposal fits into one entry: a larger one could be written here and never reach another node.
fn check_size(request: &v1::ProposeRequest) -> Result<(), String> {
    let (bytes, commands) = (prost::Message::encoded_len(request), request.commands.len());
    if bytes > MAX_BYTES || commands > MAX_COMMANDS {
        return Err(format!(
            "{commands} commands of {bytes} bytes are too many for one proposal, send fewer at a time"
        ));
    }
    Ok(())
}

/// Asks the node that leads.
async fn forward(
    run: &Run,
    node: &str,
    raft_id: u64,
    request: &v1::ProposeRequest,
    deadline: Instant,
) -> Written {
    use v1::propose_response::Outcome;
    let call = run
        .caller
        .call(node, raft_id, Method::Propose, encode_message(request));
    let answer = match timeout_at(deadline, call).await {
        Ok(answer) => answer.and_then(decode_message::<v1::ProposeResponse>),
        Err(_) => Err(CallError::Lost("no answer in time".into())),
    };
    match answer.map(|answer| answer.outcome) {
        Ok(Some(Outcome::Answers(answers))) => Written::Done(answers.answers),
        Ok(Some(Outcome::NotLeader(leader))) => {
            Written::NotLeader(Some(leader).filter(|node| !node.is_empty()))
        }
        Ok(Some(Outcome::Refused(why))) => Written::Refused(why),
        Ok(Some(Outcome::Unknown(_)) | None) | Err(CallError::Lost(_)) => Written::Unknown,
        Err(CallError::Unreachable(_) | CallError::Refused(_)) => Written::NotLeader(None),
    }
}

impl Run {
    /// Writes commands into the log, if this node leads, and waits until they were applied here.
    pub(crate) async fn write(&self, core: &Core, origin: Origin, request: v1::ProposeRequest) -> Written {
        let leader = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow();
            let leader = metrics
                .current_leader
                .filter(|leader| *leader != self.identity.raft_id);
            let leader = leader.and_then(|leader| Run::nodes(&metrics).remove(&leader));
            (!leads(&metrics)).then_some(leader)
        };
        if let Some(leader) = leader {
            return Written::NotLeader(leader);
        }
        if self.resigns() {
            return Written::NotLeader(None);
        }
        // What is forwarded was checked by another node, which may be of another version.
        if let Err(why) = check_size(&request) {
            return Written::Refused(why);
        }
        let start = Instant::now();
        let work = async {
            let place = self.proposals.acquire().await;
            if place.is_err() || self.resigns() {
                return Written::NotLeader(None);
            }
            let entry = v1::StateEntry {
                time_unix_nano: core.parts.clock.now().unix_nanos(),
                node: origin.node,
                generation: origin.generation,
                view: request.view,
                requires: request.requires,
                commands: request.commands,
            };
            // An entry that cannot be applied would end the group on every node.
            match crate::machine::check_known(&entry) {
                Ok(()) => self.commit(EntryBytes::of(&entry)).await,
                Err(unknown) => Written::Refused(unknown.to_string()),
            }
        };
        let written = timeout(LIMIT_AT_LEADER, work).await.unwrap_or(Written::Unknown);
        if matches!(written, Written::Done(_)) {
            core.metrics.committed(start.elapsed());
        }
        written
    }

    async fn commit(&self, entry: EntryBytes) -> Written {
        match self.raft.client_write(entry).await {
            Ok(answer) => match answer.data.decode() {
                Ok(answers) => Written::Done(answers),
                Err(error) => Written::Failed(format!("the state's answer cannot be read: {error}")),
            },
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(leader))) => {
                Written::NotLeader(leader.leader_node.map(|node| node.node))
            }
            Err(RaftError::APIError(error)) => Written::Refused(error.to_string()),
            Err(RaftError::Fatal(error)) => Written::Failed(error.to_string()),
        }
    }
}
