//! What can be looked at, backed up and restored.

use std::time::Duration;

use prost::Message as _;
use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;
use serde_json::Value;

use super::propose::ProposeError;
use super::{Core, Run};
use crate::machine;

/// How much of a back-up goes into one entry.
const COMMANDS: usize = 512;
const BYTES: usize = 256 * 1024;
/// How often a part is tried, and how soon again.
const ATTEMPTS: usize = 20;
const AGAIN: Duration = Duration::from_millis(250);

/// What a node's store and state hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// Number and size of records by table, in the order of their keys.
    pub tables: Vec<TableSize>,
    /// The digest of the state, the same on every node at the same index.
    pub digest: u64,
    /// The index that was applied last.
    pub applied: u64,
    /// The first index that the log still has; 0: none.
    pub log_first: u64,
    /// The last index of the log; 0: none.
    pub log_last: u64,
    /// The index that the last snapshot ends with; 0: there is none.
    pub snapshot: u64,
    /// The store's size on disk when it was last measured, in bytes.
    pub disk_bytes: u64,
    /// The Raft id of the store; 0: there is none.
    pub raft_id: u64,
    /// The group; 0: none.
    pub group: u64,
    /// The voters, by node.
    pub voters: Vec<String>,
    /// The learners, by node.
    pub learners: Vec<String>,
    /// The store that was set aside when this one was opened: its path and why.
    pub set_aside: Option<(String, String)>,
}

/// Number and size of a table's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    /// The table's name.
    pub table: String,
    /// How many records it has.
    pub records: u64,
    /// Their size in bytes, keys included.
    pub bytes: u64,
}

/// Why a back-up was not restored.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailed {
    /// Somebody has changed something at run time since the group was founded.
    #[error("the group was changed at run time already: a back-up can only be restored into a new group")]
    NotEmpty,
    /// The document is no back-up.
    #[error(transparent)]
    Malformed(#[from] machine::ImportError),
    /// The group did not take it, or only a part.
    #[error("{done} of {all} commands were restored, then: {error}")]
    Proposal {
        /// How many commands were done.
        done: usize,
        /// How many there are.
        all: usize,
        /// What stopped it.
        error: ProposeError,
    },
    /// A command was refused.
    #[error("the group refused a part of the back-up after {done} of {all} commands: {why}")]
    Refused {
        /// How many commands were done.
        done: usize,
        /// How many there are.
        all: usize,
        /// Why.
        why: String,
    },
}

impl Core {
    pub(crate) fn inspect(&self) -> Inspection {
        let mut inspection = self.shared.load().read(|machine| {
            let tables = machine.sizes().map(|(table, sizes)| TableSize {
                table: table.to_owned(),
                records: sizes.records,
                bytes: sizes.bytes,
            });
            Inspection {
                tables: tables.collect(),
                digest: machine.digest(),
                ..Inspection::default()
            }
        });
        let standing = self.standing.borrow().clone();
        inspection.applied = standing.applied;
        inspection.voters = standing.voters;
        inspection.learners = standing.learners;
        if let Some(run) = self.run() {
            inspect_run(&run, &mut inspection);
        }
        inspection
    }

    /// Restores a back-up. What is broken off can be repeated: commands that were done change nothing again.
    pub(crate) async fn import(&self, backup: Value) -> Result<usize, ImportFailed> {
        let commands = machine::import(backup)?;
        if !self.shared.load().read(machine::Machine::is_untouched) {
            return Err(ImportFailed::NotEmpty);
        }
        let (mut done, all) = (0, commands.len());
        for part in parts(commands) {
            let count = part.len();
            self.restore(&part).await.map_err(|hindered| match hindered {
                Hindered::Proposal(error) => ImportFailed::Proposal { done, all, error },
                Hindered::Refused(why) => ImportFailed::Refused { done, all, why },
            })?;
            done += count;
        }
        Ok(done)
    }

    /// Restores a part, again where the view has changed meanwhile or nobody knows whether it was done.
    async fn restore(&self, part: &[v1::StateCommand]) -> Result<(), Hindered> {
        let mut hindered = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(AGAIN).await;
            }
            let view = self.shared.load().read(machine::Machine::view_number);
            let commands = under(view, part.to_vec());
            if commands.is_empty() {
                return Ok(());
            }
            let answers = match self.propose(view, commands).await {
                Ok(answers) => answers,
                Err(error @ (ProposeError::Unknown | ProposeError::NoQuorum { .. })) => {
                    hindered = Some(Hindered::Proposal(error));
                    continue;
                }
                Err(error) => return Err(Hindered::Proposal(error)),
            };
            let refused = answers.iter().find(|answer| {
                answer.outcome() == v1::StateOutcome::Refused && answer.refusal() != v1::StateRefusal::Stale
            });
            match refused {
                // The group had heard of the rest since: its own word stays.
                None => return Ok(()),
                Some(answer) => {
                    let why = Hindered::Refused(answer.message.clone());
                    if answer.refusal() != v1::StateRefusal::OldView {
                        return Err(why);
                    }
                    hindered = Some(why);
                }
            }
        }
        Err(hindered.unwrap_or(Hindered::Proposal(ProposeError::Unknown)))
    }
}

/// Why a part was not restored.
enum Hindered {
    Proposal(ProposeError),
    Refused(String),
}

/// What is restored into a group that counts views already: it keeps its own, and nothing comes from a later
/// one, because the words of a circuit's next owner would be older than it.
fn under(view: u64, mut commands: Vec<v1::StateCommand>) -> Vec<v1::StateCommand> {
    if view == 0 {
        return commands;
    }
    commands.retain(|command| !is_view(command));
    for command in &mut commands {
        if let Some(Kind::BreakerChanged(changed)) = &mut command.kind
            && let Some(record) = &mut changed.record
        {
            record.view = record.view.min(view);
        }
    }
    commands
}

fn inspect_run(run: &Run, inspection: &mut Inspection) {
    let metrics = run.raft.metrics();
    let metrics = metrics.borrow();
    let (first, last) = run.log.bounds().unwrap_or((0, 0));
    inspection.log_first = first;
    inspection.log_last = last;
    inspection.applied = metrics.last_applied.map_or(0, |id| id.index);
    inspection.snapshot = metrics.snapshot.map_or(0, |id| id.index);
    inspection.disk_bytes = run.disk_bytes();
    inspection.raft_id = run.identity.raft_id;
    inspection.group = run.identity.group();
    let aside = run.set_aside.as_ref();
    inspection.set_aside = aside.map(|aside| (aside.path.display().to_string(), aside.reason.clone()));
}

/// What comes after a view is said under it, and not in the same entry.
fn is_view(command: &v1::StateCommand) -> bool {
    matches!(command.kind, Some(Kind::ViewProposed(_)))
}

/// Cuts commands into parts that fit into entries.
fn parts(commands: Vec<v1::StateCommand>) -> Vec<Vec<v1::StateCommand>> {
    let mut parts: Vec<Vec<v1::StateCommand>> = Vec::new();
    let mut bytes = 0;
    for command in commands {
        let size = command.encoded_len();
        match parts.last_mut() {
            Some(part) if part.len() < COMMANDS && bytes + size <= BYTES && !part.iter().any(is_view) => {
                bytes += size;
                part.push(command);
            }
            _ => {
                bytes = size;
                parts.push(vec![command]);
            }
        }
    }
    parts
}
