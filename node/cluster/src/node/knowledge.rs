//! What this node knows of its cluster, for everyone who asks: one value, sent when it changes.

use std::collections::BTreeMap;

use ringwatch_frame::TargetId;

use super::number::Group;
use crate::member::{Member, NodeId, State, TargetKey};
use crate::numbering::{By, GroupStanding, Pin};
use crate::ring::Ring;
use crate::roster::Membership;
use crate::view::View;

/// The cluster as this node sees it.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The cluster's name.
    pub cluster: String,
    /// This node.
    pub me: NodeId,
    /// The number of the present view, as the group committed it; 0: there is none yet.
    pub view: u64,
    /// Whether this node sees a majority of all nodes it knows.
    pub quorum: bool,
    /// The members, sorted by node, this one among them.
    pub members: Vec<Known>,
    /// The configured targets, sorted by name.
    pub targets: Vec<Placed>,
    /// The ring in force: the members of the present view that can take targets now.
    pub ring: Ring,
    /// The pins of the present view.
    pub pins: BTreeMap<TargetId, Pin>,
    /// How the Raft group is.
    pub standing: GroupStanding,
}

/// A member with what the cluster gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The member.
    pub member: Member,
    /// How many of the configured targets it owns.
    pub owned: usize,
    /// For how many it stands by.
    pub standby: usize,
}

impl std::ops::Deref for Known {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.member
    }
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The target.
    pub target: TargetId,
    /// Who says that it owns it; if nobody does, whose it is by the view.
    pub owner: Option<NodeId>,
    /// Whose it is by the view: its pin, or the ring.
    pub home: Option<NodeId>,
    /// Who stands by.
    pub standby: Option<NodeId>,
    /// Under which epoch it is read: the view's number.
    pub epoch: u64,
    /// What it costs: seconds of query time per second; 0 where that is not known.
    pub weight: f64,
    /// Who has pinned it; `None`: it is where the ring has it.
    pub pinned: Option<By>,
}

impl Knowledge {
    /// Of a node that knows nobody yet.
    pub(crate) fn nothing(cluster: &str, me: &NodeId) -> Self {
        Self {
            cluster: cluster.into(),
            me: me.clone(),
            view: 0,
            quorum: false,
            members: Vec::new(),
            targets: Vec::new(),
            ring: Ring::new([]),
            pins: BTreeMap::new(),
            standing: GroupStanding::default(),
        }
    }

    /// Of these members, this view and these targets.
    pub(crate) fn of(
        cluster: &str,
        membership: &Membership,
        view: Option<&View>,
        targets: &BTreeMap<TargetKey, TargetId>,
        group: &Group,
    ) -> Self {
        let owners = owners(membership);
        let epoch = view.map_or(0, View::number);
        let pins = view.map_or_else(BTreeMap::new, |view| view.committed().pins.clone());
        let mut placed: Vec<Placed> = targets
            .iter()
            .map(|(key, target)| {
                let home = view.and_then(|view| view.place(*key)).map(|place| place.owner);
                let owner = owners.get(key).copied().or(home);
                let walk = view.into_iter().flat_map(|view| view.walk(*key));
                let standby = walk.into_iter().find(|node| Some(*node) != owner);
                Placed {
                    target: target.clone(),
                    owner: owner.cloned(),
                    home: home.cloned(),
                    standby: standby.cloned(),
                    epoch,
                    weight: group.weights.get(target).copied().unwrap_or(0.0),
                    pinned: pins.get(target).map(|pin| pin.by),
                }
            })
            .collect();
        placed.sort_by(|a, b| a.target.cmp(&b.target));
        let (owned, standby) = (
            count(&placed, |p| p.owner.as_ref()),
            count(&placed, |p| p.standby.as_ref()),
        );
        let members = membership.members.iter().map(|member| Known {
            owned: owned.get(&member.who.node).copied().unwrap_or(0),
            standby: standby.get(&member.who.node).copied().unwrap_or(0),
            member: member.clone(),
        });
        let members = members.collect();
        Self {
            cluster: cluster.into(),
            me: membership.me.clone(),
            view: epoch,
            quorum: membership.quorum,
            members,
            targets: placed,
            ring: view.map_or_else(|| Ring::new([]), |view| view.ring().clone()),
            pins,
            standing: group.standing.clone(),
        }
    }

    /// Whether it says the same as `other`. The pins need no look: they are named by the view's number.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.view == other.view
            && self.quorum == other.quorum
            && self.ring == other.ring
            && self.standing == other.standing
            && self.members == other.members
            && self.targets == other.targets
    }

    /// For how many targets `node` stands by.
    pub fn standby_of(&self, node: &NodeId) -> usize {
        self.members
            .iter()
            .find(|known| known.who.node == *node)
            .map_or(0, |known| known.standby)
    }
}

/// How many targets each node has.
fn count(placed: &[Placed], of: fn(&Placed) -> Option<&NodeId>) -> BTreeMap<NodeId, usize> {
    let mut counts = BTreeMap::new();
    for node in placed.iter().filter_map(of) {
        match counts.get_mut(node) {
            Some(count) => *count += 1,
            None => {
                counts.insert(node.clone(), 1);
            }
        }
    }
    counts
}

/// Who says that it owns a target. The dead own nothing; of two, the ring's order decides nothing, so the
/// lower name is shown.
fn owners(membership: &Membership) -> BTreeMap<TargetKey, &NodeId> {
    let mut owners = BTreeMap::new();
    for member in membership
        .members
        .iter()
        .filter(|member| member.state != State::Dead)
    {
        for key in member.said.owned.iter() {
            owners.entry(*key).or_insert(&member.who.node);
        }
    }
    owners
}
