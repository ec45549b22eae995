//! Proof that a store is what was written: nothing of it is used before all of it was read and found to fit.

use std::collections::HashMap;

use openraft::RaftLogId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::group::types::{Entry, LogId, Vote};
use crate::machine::Machine;
use crate::store::error::Damage;
use crate::store::key::{self, Key, METAS, Meta};
use crate::store::log::{self, LogMeta};
use crate::store::machine::{MachineMeta, Parts, State};
use crate::store::record::{self, Record};
use crate::store::{Kv, StoreError};

/// The format that this program writes, and the newest it reads.
pub(crate) const FORMAT: u16 = 1;

/// Whose store it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Comes first, so that a later one is known as such.
    pub(crate) format: u16,
    pub(crate) raft_id: u64,
    /// When it was made, nanoseconds since the Unix epoch.
    pub(crate) made: i64,
}

/// Everything that a store contained.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) identity: Identity,
    pub(crate) vote: Option<Vote>,
    pub(crate) group: Option<u64>,
    /// With number of parts as stored.
    pub(crate) promise: (Option<Vec<u8>>, u16),
    pub(crate) log: LogMeta,
    /// With number of parts and size as stored.
    pub(crate) entries: Vec<(Entry, u16, usize)>,
    pub(crate) machine: MachineMeta,
    pub(crate) state: State,
    pub(crate) parts: Parts,
    /// Generations of the machine that were left over.
    pub(crate) strays: Vec<u32>,
}

/// Reads everything and proves it.
pub(crate) fn read(kv: &dyn Kv) -> Result<Content, StoreError> {
    let identity = identity(kv)?;
    let machine: MachineMeta = single(kv, Meta::Machine)?;
    let mut found = Found {
        generation: machine.generation,
        entries: Vec::new(),
        parts: HashMap::new(),
        records: Vec::new(),
        strays: Vec::new(),
        singles: HashMap::new(),
    };
    let (from, to) = key::everything();
    record::scan(kv, &from, &to, &mut |record| found.take(record).map(|()| true))?;
    if found.singles.len() != METAS.len() {
        return Err(StoreError::damaged(
            Damage::Records,
            "one of its single records is missing",
        ));
    }
    let parts_of = |meta| found.singles.get(&meta).copied().unwrap_or(1);
    let content = Content {
        identity,
        vote: single(kv, Meta::Vote)?,
        group: single(kv, Meta::Group)?,
        promise: (single(kv, Meta::Promise)?, parts_of(Meta::Promise)),
        log: single(kv, Meta::Log)?,
        entries: found.entries,
        machine,
        state: State {
            machine: prove_machine(&machine, found.records)?,
            applied: machine.applied,
            membership: single(kv, Meta::Membership)?,
            ..State::default()
        },
        parts: Parts {
            records: found.parts,
            membership: parts_of(Meta::Membership),
        },
        strays: found.strays,
    };
    prove_log(&content.log, &content.entries)?;
    prove_order(&content)?;
    Ok(content)
}

fn identity(kv: &dyn Kv) -> Result<Identity, StoreError> {
    let bytes = single_bytes(kv, Meta::Identity)?;
    let format = postcard::take_from_bytes::<u16>(&bytes).map(|(format, _)| format);
    match format {
        Ok(found) if found > FORMAT => Err(StoreError::Newer { found, known: FORMAT }),
        _ => decode(Meta::Identity, &bytes),
    }
}

fn single<T: DeserializeOwned>(kv: &dyn Kv, meta: Meta) -> Result<T, StoreError> {
    decode(meta, &single_bytes(kv, meta)?)
}

fn single_bytes(kv: &dyn Kv, meta: Meta) -> Result<Vec<u8>, StoreError> {
    let record = record::read(kv, &key::meta_key(meta))?;
    let missing = || StoreError::damaged(Damage::Records, format!("its {meta:?} is missing"));
    Ok(record.ok_or_else(missing)?.value)
}

fn decode<T: DeserializeOwned>(meta: Meta, bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|error| {
        StoreError::damaged(Damage::Records, format!("its {meta:?} cannot be read: {error}"))
    })
}

/// What a scan found.
struct Found {
    generation: u32,
    entries: Vec<(Entry, u16, usize)>,
    parts: HashMap<Vec<u8>, u16>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
    strays: Vec<u32>,
    /// With number of parts.
    singles: HashMap<Meta, u16>,
}

impl Found {
    fn take(&mut self, record: Record) -> Result<(), StoreError> {
        let Record { key, value, parts } = record;
        match Key::decode(&key) {
            Some(Key::Meta(meta)) => {
                self.singles.insert(meta, parts);
            }
            Some(Key::Log(index)) => self
                .entries
                .push((log::decode(index, &value)?, parts, value.len())),
            Some(Key::Machine(generation, key)) if generation == self.generation => {
                if parts > 1 {
                    self.parts.insert(key.clone(), parts);
                }
                self.records.push((key, value));
            }
            Some(Key::Machine(generation, _)) => {
                if self.strays.last() != Some(&generation) {
                    self.strays.push(generation);
                }
            }
            None => return Err(StoreError::damaged(Damage::Records, "it has a key that is none")),
        }
        Ok(())
    }
}

fn prove_machine(meta: &MachineMeta, records: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Machine, StoreError> {
    let machine = Machine::load(records.into_iter())
        .map_err(|error| StoreError::damaged(Damage::Digest, error.to_string()))?;
    if machine.count() != meta.count || machine.digest() != meta.digest {
        let detail = format!(
            "the machine has {} records with digest {:016x}, written were {} with {:016x}",
            machine.count(),
            machine.digest(),
            meta.count,
            meta.digest
        );
        return Err(StoreError::damaged(Damage::Digest, detail));
    }
    Ok(machine)
}

/// The log has all entries from the one after the purged ones to the last.
fn prove_log(meta: &LogMeta, entries: &[(Entry, u16, usize)]) -> Result<(), StoreError> {
    let broken = |what: &str| Err(StoreError::damaged(Damage::Log, format!("the log {what}")));
    if entries.len() as u64 != meta.count {
        return broken(&format!(
            "has {} entries, written were {}",
            entries.len(),
            meta.count
        ));
    }
    let mut before = meta.purged;
    for (entry, _, _) in entries {
        let id = *entry.get_log_id();
        if id.index != before.map_or(0, |before| before.index.saturating_add(1)) {
            return broken(&format!("has a hole before entry {}", id.index));
        }
        if before.is_some_and(|before| before.leader_id > id.leader_id) {
            return broken(&format!("has terms that go back at entry {}", id.index));
        }
        before = Some(id);
    }
    if before != meta.last {
        return broken("has another end than was written");
    }
    Ok(())
}

/// What the parts say of each other.
fn prove_order(content: &Content) -> Result<(), StoreError> {
    let broken = |damage, what: &str| Err(StoreError::damaged(damage, what));
    let Content { log, state, vote, .. } = content;
    if log.purged > state.applied {
        return broken(
            Damage::Log,
            "entries were purged that the machine has not applied",
        );
    }
    if state.membership.log_id() > &state.applied {
        return broken(
            Damage::Records,
            "the membership is of an entry that was not applied",
        );
    }
    let newest = log.last.max(state.applied).map_or(0, |id| id.leader_id.term);
    if vote.map_or(0, |vote| vote.leader_id.term) < newest {
        return broken(Damage::Records, "the vote is older than the log");
    }
    let agrees = |applied: &LogId| {
        let same = content
            .entries
            .iter()
            .map(|(entry, _, _)| entry.log_id)
            .find(|id| id.index == applied.index);
        same.is_none_or(|same| same == *applied)
    };
    if !state.applied.as_ref().is_none_or(agrees) {
        return broken(
            Damage::Log,
            "the machine has applied another entry than the log has",
        );
    }
    Ok(())
}
