//! A node's words about itself as small keys, there and back. What comes back from others is hostile.
//!
//! Keys arrive one by one, in the order in which they were set, so a reader may see new ones beside old ones.
//! The key `words` is a hash of all the others and set last: what does not fit it is not understood yet.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use xxhash_rust::xxh3::Xxh3;

use super::sightings::LONGEST_NODE;
use crate::member::{Incarnation, NodeId, Said, SaidRaft, SaidRole, Stage, TargetKey};

/// No value is longer than this, in bytes: chitchat would never send one of more than 64 KiB, nor any key set
/// after it.
const LONGEST_VALUE: usize = 32 * 1024;
/// Addresses and versions are not longer than this, in bytes.
const LONGEST_TEXT: usize = 256;
/// How many owned targets a key holds.
const TARGETS_IN_PART: usize = 1_000;
/// How many excluded lives a key holds.
const EXCLUDED_IN_PART: usize = 100;
const MOST_OWNED: usize = 100_000;
const MOST_EXCLUDED: usize = 1_000;
/// A member's weight is at most 16, at 256 points each.
const MOST_POINTS: u32 = 4_096;

const WORDS: &str = "words";
const STAGE: &str = "stage";
const GRPC: &str = "grpc";
const VERSION: &str = "version";
const POINTS: &str = "points";
const VIEW: &str = "view";
const TARGETS: &str = "targets";
const OWNED: &str = "owned";
const EXCLUDED: &str = "excluded";
/// These are not in the hash: each says what it says alone, and nodes that do not know them understand the
/// rest.
const RAFT: &str = "raft";
const DATASET: &str = "dataset";
const PROTOCOL: &str = "protocol";

/// Why words cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unspeakable {
    /// A text is too long for the others.
    #[error("`{key}` is {length} bytes long: at most {most} can be told to the other nodes")]
    TooLong {
        key: &'static str,
        length: usize,
        most: usize,
    },
    /// A list is too long for the others.
    #[error("{length} entries in `{key}`: at most {most} can be told to the other nodes")]
    TooMany {
        key: &'static str,
        length: usize,
        most: usize,
    },
    /// A node's name cannot stand in a list.
    #[error("a node's name in `{EXCLUDED}` is empty, too long or holds control characters")]
    Name,
}

/// Why words are not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// They have not arrived as a whole.
    Partial,
    /// They have, and say what cannot be.
    Malformed(&'static str),
}

/// The keys that say `said`, in the order in which they must be set.
pub(super) fn encode(said: &Said) -> Result<Vec<(String, String)>, Unspeakable> {
    let mut keys = vec![
        (STAGE.to_owned(), stage_name(said.stage).to_owned()),
        (GRPC.to_owned(), text(GRPC, &said.grpc_address)?),
        (VERSION.to_owned(), text(VERSION, &said.version)?),
        (POINTS.to_owned(), said.points.to_string()),
        (VIEW.to_owned(), said.view.to_string()),
        (TARGETS.to_owned(), said.targets.to_string()),
    ];
    at_most(OWNED, said.owned.len(), MOST_OWNED)?;
    let owned = said
        .owned
        .chunks(TARGETS_IN_PART)
        .map(|part| Ok(owned_part(part)));
    push_parts(&mut keys, OWNED, owned)?;
    at_most(EXCLUDED, said.excluded.len(), MOST_EXCLUDED)?;
    push_parts(
        &mut keys,
        EXCLUDED,
        said.excluded.chunks(EXCLUDED_IN_PART).map(excluded_part),
    )?;
    let mut hash = Xxh3::new();
    for (key, value) in &keys {
        at_most(WORDS, value.len(), LONGEST_VALUE)?;
        update(&mut hash, key, value);
    }
    keys.push((
        RAFT.to_owned(),
        said.raft.as_ref().map_or_else(String::new, raft_text),
    ));
    keys.push((
        DATASET.to_owned(),
        format!("{} {}", said.dataset.0, said.dataset.1),
    ));
    keys.push((PROTOCOL.to_owned(), said.protocol.to_string()));
    keys.push((WORDS.to_owned(), hash.digest().to_string()));
    Ok(keys)
}

/// What the keys say.
pub(super) fn decode<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Said, Fault> {
    let mut reader = Reader {
        get,
        hash: Xxh3::new(),
    };
    let stage = reader.take(STAGE)?;
    let grpc_address = reader.take(GRPC)?;
    let version = reader.take(VERSION)?;
    let points = reader.take(POINTS)?;
    let view = reader.take(VIEW)?;
    let targets = reader.take(TARGETS)?;
    let owned = reader.take_parts(OWNED, MOST_OWNED.div_ceil(TARGETS_IN_PART))?;
    let excluded = reader.take_parts(EXCLUDED, MOST_EXCLUDED.div_ceil(EXCLUDED_IN_PART))?;
    let words = (reader.get)(WORDS).ok_or(Fault::Partial)?;
    if number::<u64>(words, "words")? != reader.hash.digest() {
        return Err(Fault::Partial);
    }
    let points = number(points, "points")?;
    if !(1..=MOST_POINTS).contains(&points) {
        return Err(Fault::Malformed("points"));
    }
    Ok(Said {
        stage: stage_of(stage).ok_or(Fault::Malformed("stage"))?,
        grpc_address: understood_text(grpc_address, "grpc")?,
        version: understood_text(version, "version")?,
        points,
        view: number(view, "view")?,
        targets: number(targets, "targets")?,
        owned: owned_of(&owned)?,
        excluded: excluded_of(&excluded)?,
        raft: some((reader.get)(RAFT)).map(raft_of).transpose()?,
        dataset: some((reader.get)(DATASET))
            .map(dataset_of)
            .transpose()?
            .unwrap_or_default(),
        protocol: some((reader.get)(PROTOCOL)).map_or(Ok(1), |text| number(text, PROTOCOL))?,
    })
}

/// What a key says that nodes of another version may not have, or have emptied.
fn some(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

struct Reader<G> {
    get: G,
    hash: Xxh3,
}

impl<'a, G: Fn(&str) -> Option<&'a str>> Reader<G> {
    fn take(&mut self, key: &str) -> Result<&'a str, Fault> {
        let value = (self.get)(key).ok_or(Fault::Partial)?;
        if value.len() > LONGEST_VALUE {
            return Err(Fault::Malformed("length"));
        }
        update(&mut self.hash, key, value);
        Ok(value)
    }

    fn take_parts(&mut self, key: &'static str, most: usize) -> Result<Vec<&'a str>, Fault> {
        let count: usize = number(self.take(key)?, key)?;
        if count > most {
            return Err(Fault::Malformed(key));
        }
        (0..count).map(|part| self.take(&part_key(key, part))).collect()
    }
}

fn push_parts(
    keys: &mut Vec<(String, String)>,
    key: &'static str,
    parts: impl ExactSizeIterator<Item = Result<String, Unspeakable>>,
) -> Result<(), Unspeakable> {
    keys.push((key.to_owned(), parts.len().to_string()));
    for (at, part) in parts.enumerate() {
        keys.push((part_key(key, at), part?));
    }
    Ok(())
}

fn part_key(key: &str, part: usize) -> String {
    format!("{key}.{part}")
}

fn update(hash: &mut Xxh3, key: &str, value: &str) {
    hash.update(key.as_bytes());
    hash.update(&(value.len() as u64).to_be_bytes());
    hash.update(value.as_bytes());
}

fn at_most(key: &'static str, length: usize, most: usize) -> Result<(), Unspeakable> {
    if length > most {
        return Err(Unspeakable::TooMany { key, length, most });
    }
    Ok(())
}

fn text(key: &'static str, text: &str) -> Result<String, Unspeakable> {
    if text.len() > LONGEST_TEXT {
        let (length, most) = (text.len(), LONGEST_TEXT);
        return Err(Unspeakable::TooLong { key, length, most });
    }
    Ok(text.to_owned())
}

fn understood_text(text: &str, what: &'static str) -> Result<String, Fault> {
    if text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
        return Err(Fault::Malformed(what));
    }
    Ok(text.to_owned())
}

fn number<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::Malformed(what))
}

const STAGES: [(Stage, &str); 4] = [
    (Stage::Joining, "joining"),
    (Stage::Ready, "ready"),
    (Stage::Draining, "draining"),
    (Stage::Left, "left"),
];

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Joining => "joining",
        Stage::Ready => "ready",
        Stage::Draining => "draining",
        Stage::Left => "left",
    }
}

fn stage_of(name: &str) -> Option<Stage> {
    STAGES
        .iter()
        .find(|(_, known)| *known == name)
        .map(|(stage, _)| *stage)
}

const ROLES: [(SaidRole, &str); 4] = [
    (SaidRole::None, "none"),
    (SaidRole::Leader, "leader"),
    (SaidRole::Follower, "follower"),
    (SaidRole::Learner, "learner"),
];

/// Id, group, role, checkpoint and digest.
fn raft_text(raft: &SaidRaft) -> String {
    let role = match raft.role {
        SaidRole::None => "none",
        SaidRole::Leader => "leader",
        SaidRole::Follower => "follower",
        SaidRole::Learner => "learner",
    };
    let SaidRaft {
        id,
        group,
        checkpoint,
        digest,
        ..
    } = raft;
    format!("{id} {group} {role} {checkpoint} {digest}")
}

fn raft_of(text: &str) -> Result<SaidRaft, Fault> {
    let fault = Fault::Malformed(RAFT);
    // A newer node may say more after these.
    let mut words = text.split(' ');
    let mut word = || words.next().ok_or(fault);
    let (id, group, role, checkpoint, digest) = (word()?, word()?, word()?, word()?, word()?);
    let id = number(id, RAFT)?;
    if id == 0 {
        return Err(fault);
    }
    let role = ROLES.iter().find(|(_, known)| *known == role);
    Ok(SaidRaft {
        id,
        group: number(group, RAFT)?,
        role: role.map(|(role, _)| *role).ok_or(fault)?,
        checkpoint: number(checkpoint, RAFT)?,
        digest: number(digest, RAFT)?,
    })
}

fn dataset_of(text: &str) -> Result<(u64, u64), Fault> {
    let (version, hash) = text.split_once(' ').ok_or(Fault::Malformed(DATASET))?;
    Ok((number(version, DATASET)?, number(hash, DATASET)?))
}

fn owned_part(targets: &[TargetKey]) -> String {
    let bytes: Vec<u8> = targets.iter().flat_map(|target| target.0.to_be_bytes()).collect();
    BASE64.encode(bytes)
}

/// The owned targets; the sender has sorted them, and each is there once.
fn owned_of(parts: &[&str]) -> Result<Arc<[TargetKey]>, Fault> {
    let fault = Fault::Malformed(OWNED);
    let mut owned = Vec::new();
    for part in parts {
        let bytes = BASE64.decode(part).map_err(|_| fault)?;
        let (keys, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() || keys.len() > TARGETS_IN_PART {
            return Err(fault);
        }
        owned.extend(keys.iter().map(|key| TargetKey(u64::from_be_bytes(*key))));
    }
    if owned.is_sorted_by(|before, after| before < after) {
        return Ok(owned.into());
    }
    Err(fault)
}

fn excluded_part(lives: &[Incarnation]) -> Result<String, Unspeakable> {
    let mut part = String::new();
    for life in lives {
        if !is_name(life.node.as_str()) {
            return Err(Unspeakable::Name);
        }
        part.push_str(&format!("{} {}\n", life.generation, life.node));
    }
    Ok(part)
}

fn excluded_of(parts: &[&str]) -> Result<Arc<[Incarnation]>, Fault> {
    let fault = Fault::Malformed(EXCLUDED);
    let mut excluded = Vec::new();
    for line in parts.iter().flat_map(|part| part.lines()) {
        let (generation, node) = line.split_once(' ').ok_or(fault)?;
        if excluded.len() >= MOST_EXCLUDED || !is_name(node) {
            return Err(fault);
        }
        excluded.push(Incarnation {
            node: NodeId::new(node),
            generation: number(generation, EXCLUDED)?,
        });
    }
    Ok(excluded.into())
}

fn is_name(node: &str) -> bool {
    !node.is_empty() && node.len() <= LONGEST_NODE && !node.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
