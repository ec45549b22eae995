//! Whether all nodes say the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use ringwatch_proto::v1::{GetRingResponse, ListMembersResponse, State, Target};

use super::ask;

/// What one node says.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// The members.
    pub members: ListMembersResponse,
    /// The targets.
    pub targets: Vec<Target>,
    /// The ring.
    pub ring: GetRingResponse,
}

impl Words {
    /// Asks the node whose gRPC port this is.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn of(grpc: u16) -> Result<Self> {
        Ok(Self {
            members: ask::members(grpc).await?,
            targets: ask::targets(grpc).await?,
            ring: ask::ring(grpc).await?,
        })
    }
}

/// What all nodes say alike, when nothing is on its way: who is ready, and who owns and stands by for each target. A
/// target is written as the receiver has it, `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The number of the view.
    pub view: u64,
    /// Owner by target.
    pub owners: BTreeMap<String, String>,
    /// Standby by target, where there is one.
    pub standbys: BTreeMap<String, String>,
}

impl Agreement {
    /// The targets of a node, sorted.
    pub fn owned_by(&self, node: &str) -> Vec<String> {
        let owned = self.owners.iter().filter(|(_, owner)| *owner == node);
        owned.map(|(target, _)| target.clone()).collect()
    }

    /// The node with most targets.
    pub fn busiest(&self) -> String {
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        for owner in self.owners.values() {
            *counts.entry(owner).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(node, _)| node.clone()).unwrap_or_default()
    }

    /// The targets whose owner is another one than `before`, each with its new owner.
    pub fn moved_since(&self, before: &Self) -> BTreeMap<String, String> {
        let moved = self
            .owners
            .iter()
            .filter(|(target, owner)| before.owners.get(*target) != Some(owner));
        moved.map(|(t, o)| (t.clone(), o.clone())).collect()
    }
}

/// What owners are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Each target is where the ring has it.
    OfTheRing,
    /// A target that has moved often lately may still be elsewhere: it stays there for some minutes.
    Any,
}

/// The agreement, if it is reached: the nodes `ready` and no others are ready and nobody is joining, draining or
/// suspect; the ring is theirs; all have the same view; each of `endpoints` has one owner, the same everywhere, in the
/// place that is wanted.
///
/// # Errors
/// What stands in the way, in words.
pub fn reached(
    words: &[Words],
    ready: &[String],
    endpoints: &[String],
    place: Place,
) -> Result<Agreement, String> {
    let mut agreed: Option<Agreement> = None;
    for word in words {
        let here = of_one(word, ready, endpoints, place)
            .map_err(|why| format!("{} says: {why}", word.members.answered_by))?;
        match &agreed {
            Some(first) if *first != here => {
                return Err(format!(
                    "{} says {here:?}, the first said {first:?}",
                    word.members.answered_by
                ));
            }
            _ => agreed = Some(here),
        }
    }
    agreed.ok_or_else(|| "nobody was asked".into())
}

fn of_one(word: &Words, ready: &[String], endpoints: &[String], place: Place) -> Result<Agreement, String> {
    let states: Vec<(&str, State, u32)> = word
        .members
        .members
        .iter()
        .map(|m| (m.node_id.as_str(), m.state(), m.owned_targets))
        .collect();
    let of_state = |state| -> BTreeSet<&str> {
        let fitting = states.iter().filter(|(_, s, _)| *s == state);
        fitting.map(|(node, _, _)| *node).collect()
    };
    let wanted: BTreeSet<&str> = ready.iter().map(String::as_str).collect();
    let unsettled = of_state(State::Suspect).len() + of_state(State::Joining).len();
    if of_state(State::Ready) != wanted || unsettled > 0 {
        return Err(format!("members {states:?}"));
    }
    if word.ring.view != word.members.view {
        return Err("a ring of another view".into());
    }
    let seated: BTreeSet<&str> = word.ring.members.iter().map(|m| m.node_id.as_str()).collect();
    if seated != wanted {
        return Err(format!("the ring is of {seated:?}"));
    }
    for ring in word.ring.members.iter().filter(|_| place == Place::OfTheRing) {
        let owned = states.iter().find(|(node, ..)| *node == ring.node_id);
        if owned.map(|(_, _, n)| *n) != Some(ring.owner_of) {
            return Err(format!(
                "the ring gives {} {} targets, members are {states:?}",
                ring.node_id, ring.owner_of
            ));
        }
    }
    let by = |who: fn(&Target) -> &str| -> BTreeMap<String, String> {
        let named = word.targets.iter().filter(|t| !who(t).is_empty());
        named
            .map(|t| (endpoint(t).to_owned(), who(t).to_owned()))
            .collect()
    };
    let owners = by(|t| &t.owner);
    let known: BTreeSet<&str> = owners.keys().map(String::as_str).collect();
    if known != endpoints.iter().map(String::as_str).collect() {
        return Err(format!("owners {owners:?}"));
    }
    for (target, owner) in &owners {
        if !wanted.contains(owner.as_str()) {
            return Err(format!("{target} is {owner}'s, who is not ready"));
        }
    }
    for (node, _, owned) in &states {
        let listed = owners.values().filter(|owner| owner == node).count();
        if wanted.contains(node) && listed != *owned as usize {
            return Err(format!("{node} owns {owned} targets and is listed for {listed}"));
        }
    }
    Ok(Agreement {
        view: word.members.view,
        owners,
        standbys: by(|t| &t.standby),
    })
}

/// A target's `host:port`.
pub fn endpoint(target: &Target) -> &str {
    target
        .target_id
        .split_once("://")
        .map_or(target.target_id.as_str(), |(_, endpoint)| endpoint)
}

#[cfg(test)]
mod tests {
    use ringwatch_proto::v1::{Member, RingMember};

    use super::*;

    /// Two members; the words of one of them, in which `a` owns both targets.
    fn words(answered_by: &str) -> Words {
        let member = |node: &str, owned| Member {
            node_id: node.into(),
            state: State::Ready.into(),
            owned_targets: owned,
            ..Member::default()
        };
        let target = |endpoint: &str| Target {
            target_id: format!("postgresql://{endpoint}"),
            owner: "a".into(),
            standby: "b".into(),
            ..Target::default()
        };
        let ring = |node: &str, owner_of| RingMember {
            node_id: node.into(),
            owner_of,
            ..RingMember::default()
        };
        Words {
            members: ListMembersResponse {
                view: 7,
                answered_by: answered_by.into(),
                members: vec![member("a", 2), member("b", 0)],
                ..ListMembersResponse::default()
            },
            targets: vec![target("x:1"), target("y:1")],
            ring: GetRingResponse {
                view: 7,
                members: vec![ring("a", 2), ring("b", 0)],
            },
        }
    }

    type Change = fn(&mut Words);

    #[test]
    fn only_what_all_say_and_nothing_on_its_way_is_an_agreement() {
        let table: [(&str, Change, bool); 10] = [
            ("the same", |_| {}, true),
            ("another view", |w| w.members.view = 8, false),
            ("a ring of another view", |w| w.ring.view = 8, false),
            ("a newcomer without a seat", |w| w.ring.members.truncate(1), false),
            (
                "a suspect",
                |w| w.members.members[1].set_state(State::Suspect),
                false,
            ),
            ("a member less", |w| w.members.members.truncate(1), false),
            ("another owner", |w| w.targets[0].owner = "b".into(), false),
            ("no owner", |w| w.targets[0].owner.clear(), false),
            ("a stranger owns", |w| w.targets[0].owner = "c".into(), false),
            ("still to be moved", |w| w.ring.members[0].owner_of = 1, false),
        ];
        let ready = ["a".to_owned(), "b".to_owned()];
        let endpoints = ["x:1".to_owned(), "y:1".to_owned()];
        for (what, change, agreed) in table {
            let mut of_b = words("b");
            change(&mut of_b);
            let reached = reached(&[words("a"), of_b], &ready, &endpoints, Place::OfTheRing);
            assert_eq!(reached.is_ok(), agreed, "{what}: {reached:?}");
        }
        assert!(reached(&[], &ready, &endpoints, Place::OfTheRing).is_err());
        let mut away = words("a");
        away.ring.members[0].owner_of = 1;
        assert!(reached(&[away], &ready, &endpoints, Place::Any).is_ok());
    }

    #[test]
    fn what_moved() {
        let ready = ["a".to_owned(), "b".to_owned()];
        let endpoints = ["x:1".to_owned(), "y:1".to_owned()];
        let before = reached(&[words("a")], &ready, &endpoints, Place::OfTheRing).unwrap();
        let mut after = before.clone();
        after.owners.insert("x:1".into(), "b".into());
        assert_eq!(
            after.moved_since(&before),
            [("x:1".to_owned(), "b".to_owned())].into()
        );
        assert_eq!((before.busiest(), before.owned_by("b")), ("a".to_owned(), vec![]));
    }
}
