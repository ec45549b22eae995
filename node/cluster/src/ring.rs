//! The ring: which member owns a target and which stands by, as a pure function of the members.
//!
//! Every member has points on a circle of 2^64 places, more of them the more it can bear. A target belongs to
//! the member of the first point at or after the target's own place, clockwise; the next member that comes
//! after it stands by. So a newcomer takes targets only for itself, and what a lost member owned falls to
//! those that stood by for it.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::member::{NodeId, TargetKey};

/// How many points a member of weight 1 has. The standard deviation of its share is a sixteenth of the mean.
pub const POINTS: u32 = 256;

/// More points than this nobody gets, whatever it says of itself.
pub const MAX_POINTS: u32 = 16 * POINTS;

/// Points are hashed apart from targets, so that no name of a node lies where a target of that name does.
const SEED: u64 = 0x7269_6e67_2d76_3031;

/// A member of the ring. What it is called and how many points it has decide everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RingMember {
    /// The member.
    pub node: NodeId,
    /// How many points it has. On the ring it is at least 1 and at most [`MAX_POINTS`].
    pub points: u32,
}

/// Who collects a target, and who is ready to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The owner.
    pub owner: &'a NodeId,
    /// The next distinct member clockwise; `None` on a ring of one.
    pub standby: Option<&'a NodeId>,
}

/// A place on the circle and the index of the member it belongs to. Members are sorted by name, so of two
/// points at one place the member that sorts first has it.
type Point = (u64, u32);

/// Members and where their points are. A copy costs nothing.
#[derive(Clone, Debug)]
pub struct Ring {
    members: Arc<[RingMember]>,
    points: Arc<[Point]>,
    /// For each value of the high bits of a place, the first point that is not before it; one more entry at
    /// the end.
    index: Arc<[u32]>,
    /// By how much a place is shifted to give its high bits.
    shift: u32,
}

impl PartialEq for Ring {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl Eq for Ring {}

impl Ring {
    /// The ring of these members, in any order. Of two with one name the one with more points stays.
    pub fn new(members: impl IntoIterator<Item = RingMember>) -> Self {
        let mut members: Vec<RingMember> = members.into_iter().collect();
        for member in &mut members {
            member.points = member.points.clamp(1, MAX_POINTS);
        }
        members.sort_unstable_by(|a, b| a.node.cmp(&b.node).then(b.points.cmp(&a.points)));
        members.dedup_by(|later, first| later.node == first.node);
        let points = points_of(&members);
        let bits = usize::BITS - points.len().leading_zeros();
        let shift = u64::BITS - bits.clamp(1, 24);
        Self {
            index: index_of(&points, shift).into(),
            members: members.into(),
            points: points.into(),
            shift,
        }
    }

    /// The members, sorted by name.
    pub fn members(&self) -> &[RingMember] {
        &self.members
    }

    /// Who owns the target and who stands by; `None` on an empty ring.
    pub fn place(&self, target: TargetKey) -> Option<Place<'_>> {
        let (owner, standby) = self.pair(target)?;
        Some(Place {
            owner: self.node(owner)?,
            standby: standby.and_then(|standby| self.node(standby)),
        })
    }

    /// Owner and standby of many targets, as indices into [`Ring::members`], in the order of `targets`.
    /// Nothing comes back from an empty ring.
    pub fn assign(&self, targets: &[TargetKey]) -> Vec<(u32, Option<u32>)> {
        targets.iter().filter_map(|&target| self.pair(target)).collect()
    }

    /// All members in the order in which they would own the target: owner, standby, and who comes after them.
    pub fn walk(&self, target: TargetKey) -> impl Iterator<Item = &NodeId> {
        let mut seen = vec![false; self.members.len()];
        self.clockwise(target)
            .filter(move |&member| {
                let first = seen.get_mut(member as usize);
                first.is_some_and(|seen| !std::mem::replace(seen, true))
            })
            .filter_map(|member| self.node(member))
            .take(self.members.len())
    }

    /// Which part of all places each member owns, parallel to [`Ring::members`]; together 1.
    pub fn shares(&self) -> Vec<f64> {
        let mut owned = vec![0_u128; self.members.len()];
        // The arc of a point reaches back to the point before it; that of the first begins at the last one.
        let mut before = self.points.last().map_or(0, |&(place, _)| u128::from(place));
        let circle = 1_u128 << u64::BITS;
        for (nth, &(place, member)) in self.points.iter().enumerate() {
            let place = u128::from(place);
            let arc = if nth == 0 {
                place + circle - before
            } else {
                place - before
            };
            if let Some(owned) = owned.get_mut(member as usize) {
                *owned += arc;
            }
            before = place;
        }
        owned
            .into_iter()
            .map(|owned| owned as f64 / circle as f64)
            .collect()
    }

    fn pair(&self, target: TargetKey) -> Option<(u32, Option<u32>)> {
        let mut members = self.clockwise(target);
        let owner = members.next()?;
        let alone = self.members.len() < 2;
        let standby = if alone {
            None
        } else {
            members.find(|&member| member != owner)
        };
        Some((owner, standby))
    }

    /// The members of all points clockwise, once round.
    fn clockwise(&self, target: TargetKey) -> impl Iterator<Item = u32> {
        let start = self.first_at_or_after(target.0).min(self.points.len());
        let (before, from) = self.points.split_at(start);
        from.iter().chain(before).map(|&(_, member)| member)
    }

    /// The index of the first point at or after `place`; the number of points when there is none before the
    /// circle ends.
    fn first_at_or_after(&self, place: u64) -> usize {
        let bucket = usize::try_from(place >> self.shift).unwrap_or(usize::MAX - 1);
        let bound = |nth: usize| {
            self.index
                .get(nth)
                .map_or(self.points.len(), |&first| first as usize)
        };
        let (from, to) = (bound(bucket), bound(bucket + 1));
        let near = self.points.get(from..to).unwrap_or_default();
        from + near.partition_point(|&(point, _)| point < place)
    }

    fn node(&self, member: u32) -> Option<&NodeId> {
        self.members.get(member as usize).map(|member| &member.node)
    }
}

/// All points of the members, sorted.
fn points_of(members: &[RingMember]) -> Vec<Point> {
    let count = members.iter().map(|member| member.points as usize).sum();
    let mut points = Vec::with_capacity(count);
    let mut name = Vec::new();
    for (member, nth) in members.iter().zip(0_u32..) {
        for point in 0..member.points {
            name.clear();
            name.extend_from_slice(member.node.as_str().as_bytes());
            name.push(0);
            name.extend_from_slice(&point.to_le_bytes());
            points.push((xxh3_64_with_seed(&name, SEED), nth));
        }
    }
    points.sort_unstable();
    points
}

/// Where to begin to look for a place, by its high bits.
fn index_of(points: &[Point], shift: u32) -> Vec<u32> {
    let buckets = 1_usize << (u64::BITS - shift);
    let mut index = Vec::with_capacity(buckets + 1);
    for (&(place, _), nth) in points.iter().zip(0_u32..) {
        let bucket = usize::try_from(place >> shift).unwrap_or(buckets);
        while index.len() <= bucket {
            index.push(nth);
        }
    }
    index.resize(buckets + 1, u32::try_from(points.len()).unwrap_or(u32::MAX));
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(points: &[u32]) -> Ring {
        let member = |(nth, points): (usize, &u32)| RingMember {
            node: NodeId::new(&format!("node-{nth}")),
            points: *points,
        };
        Ring::new(points.iter().enumerate().map(member))
    }

    #[test]
    fn a_point_owns_its_own_place_and_all_before_it_back_to_the_last_point() {
        let ring = ring(&[1, 7, 256, 40]);
        let last = ring.points.len() - 1;
        for (nth, &(place, member)) in ring.points.iter().enumerate() {
            let owner = |place| ring.pair(TargetKey(place)).map(|(owner, _)| owner);
            assert_eq!(owner(place), Some(member));
            let (_, next) = ring.points[if nth == last { 0 } else { nth + 1 }];
            assert_eq!(owner(place.wrapping_add(1)), Some(next));
        }
    }

    #[test]
    fn the_index_finds_what_a_plain_search_finds() {
        for points in [vec![1], vec![1, 1], vec![300, 5], vec![256; 20]] {
            let ring = ring(&points);
            let random = std::iter::repeat_with({
                let mut random = fastrand::Rng::with_seed(1);
                move || random.u64(..)
            });
            for place in random.take(2_000).chain([0, 1, u64::MAX - 1, u64::MAX]) {
                let plain = ring.points.partition_point(|&(point, _)| point < place);
                assert_eq!(ring.first_at_or_after(place), plain, "{place} among {points:?}");
            }
        }
    }

    #[test]
    fn of_two_points_at_one_place_the_first_by_name_has_it() {
        let mut ring = ring(&[1, 1]);
        let points = vec![(5, 0), (5, 1)];
        ring.index = index_of(&points, ring.shift).into();
        ring.points = points.into();
        assert_eq!(ring.pair(TargetKey(5)), Some((0, Some(1))));
        assert_eq!(ring.pair(TargetKey(6)), Some((0, Some(1))));
    }
}
