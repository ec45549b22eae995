//! What the ring promises, for any members and targets, and how evenly it spreads them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringwatch_cluster::member::{NodeId, TargetKey};
use ringwatch_cluster::ring::{POINTS, Ring, RingMember};
use ringwatch_frame::TargetId;

fn member(name: &str, points: u32) -> RingMember {
    RingMember {
        node: NodeId::new(name),
        points,
    }
}

/// Nodes with names of their own for each set: another ring each time.
fn nodes(set: u32, count: usize) -> Vec<RingMember> {
    (0..count)
        .map(|nth| member(&format!("{set}-{nth}"), POINTS))
        .collect()
}

fn keys(random: &mut fastrand::Rng, count: usize) -> Vec<TargetKey> {
    let key = |_| {
        let name = format!("db{}.example:{}", random.u32(..), random.u16(1024..));
        TargetKey::from(&TargetId::new("postgresql", &name))
    };
    (0..count).map(key).collect()
}

fn members() -> impl Strategy<Value = Vec<RingMember>> {
    let points = prop_oneof![Just(POINTS), 1_u32..600];
    prop::collection::btree_map("[a-z]{1,4}(-[0-9])?", points, 1..12)
        .prop_map(|all| all.iter().map(|(name, points)| member(name, *points)).collect())
}

fn targets() -> impl Strategy<Value = Vec<TargetKey>> {
    prop::collection::vec(any::<u64>().prop_map(TargetKey), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_a_join_targets_move_only_to_the_newcomer(
        all in members(), targets in targets(), points in 1_u32..600,
    ) {
        let newcomer = member("newcomer", points);
        let (before, after) = (Ring::new(all.clone()), Ring::new(all.into_iter().chain([newcomer.clone()])));
        for target in targets {
            let (old, new) = (before.place(target).unwrap(), after.place(target).unwrap());
            prop_assert!(new.owner == old.owner || *new.owner == newcomer.node);
            if *new.owner == newcomer.node {
                prop_assert_eq!(new.standby, Some(old.owner), "who had it stands by");
            }
        }
    }

    #[test]
    fn on_a_loss_only_what_was_lost_moves_and_to_its_standby(
        all in members(), targets in targets(), lost in any::<prop::sample::Index>(),
    ) {
        let lost = all[lost.index(all.len())].node.clone();
        let (before, after) =
            (Ring::new(all.clone()), Ring::new(all.into_iter().filter(|member| member.node != lost)));
        for target in targets {
            let old = before.place(target).unwrap();
            let new = after.place(target).map(|place| place.owner);
            prop_assert_eq!(new, if *old.owner == lost { old.standby } else { Some(old.owner) });
        }
    }

    #[test]
    fn the_order_of_members_does_not_matter(all in members(), targets in targets(), seed in any::<u64>()) {
        let mut shuffled = all.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let (one, other) = (Ring::new(all), Ring::new(shuffled));
        prop_assert_eq!(&one, &other);
        for target in targets {
            prop_assert_eq!(one.place(target), other.place(target));
        }
    }

    #[test]
    fn the_walk_begins_with_owner_and_standby_and_meets_everybody_once(
        all in members(), targets in targets(),
    ) {
        let ring = Ring::new(all.clone());
        let assigned = ring.assign(&targets);
        for (target, (owner, standby)) in targets.iter().zip(assigned) {
            let place = ring.place(*target).unwrap();
            let walk: Vec<&NodeId> = ring.walk(*target).collect();
            prop_assert_eq!(walk.first(), Some(&place.owner));
            prop_assert_eq!(walk.get(1).copied(), place.standby);
            prop_assert_ne!(place.standby, Some(place.owner));
            let name = |nth: u32| &ring.members()[nth as usize].node;
            prop_assert_eq!((name(owner), standby.map(name)), (place.owner, place.standby));
            let mut met: Vec<NodeId> = walk.into_iter().cloned().collect();
            met.sort();
            prop_assert_eq!(met, all.iter().map(|member| member.node.clone()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shares_make_a_whole(all in members()) {
        let shares = Ring::new(all).shares();
        prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}

#[test]
fn an_empty_ring_places_nothing_and_a_ring_of_one_has_no_standby() {
    let key = TargetKey(7);
    let empty = Ring::new([]);
    assert_eq!(
        (empty.place(key), empty.walk(key).count(), empty.shares().len()),
        (None, 0, 0)
    );
    assert!(empty.assign(&[key]).is_empty());
    let one = Ring::new([member("a", 1)]);
    for key in [0, 7, u64::MAX] {
        let place = one.place(TargetKey(key)).unwrap();
        assert_eq!((place.owner.as_str(), place.standby), ("a", None));
    }
    assert_eq!(one.shares(), [1.0]);
}

#[test]
fn absurd_members_are_cut_to_size() {
    let ring = Ring::new([
        member("b", 0),
        member("a", u32::MAX),
        member("b", 9),
        member("b", 3),
    ]);
    assert_eq!(ring.members(), [member("a", 16 * POINTS), member("b", 9)]);
}

#[test]
fn load_follows_the_points() {
    let ring = Ring::new([
        member("a", POINTS / 2),
        member("b", POINTS),
        member("c", 4 * POINTS),
    ]);
    let whole = 5.5;
    for (share, weight) in ring.shares().into_iter().zip([0.5, 1.0, 4.0]) {
        let relative = share / (weight / whole);
        assert!(
            (0.8..1.25).contains(&relative),
            "weight {weight} has a share of {share:.3}"
        );
    }
}

struct Spread {
    mean: f64,
    p5: f64,
    p95: f64,
    min: f64,
    max: f64,
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
    Spread {
        mean: values.iter().sum::<f64>() / values.len() as f64,
        p5: at(0.05),
        p95: at(0.95),
        min: at(0.0),
        max: at(1.0),
    }
}

fn show(spread: &Spread) -> String {
    let Spread {
        mean,
        p5,
        p95,
        min,
        max,
    } = spread;
    format!("mean {mean:.3}, p5 {p5:.3}, p95 {p95:.3}, min {min:.3}, max {max:.3}")
}

/// The load of the busiest member in terms of the mean.
fn max_to_mean(ring: &Ring, keys: &[TargetKey]) -> f64 {
    let mut load = BTreeMap::<u32, u32>::new();
    for (owner, _) in ring.assign(keys) {
        *load.entry(owner).or_default() += 1;
    }
    let max = load.values().max().copied().unwrap_or(0);
    f64::from(max) * ring.members().len() as f64 / keys.len() as f64
}

#[test]
fn the_spread_of_load_is_known() {
    let mut random = fastrand::Rng::with_seed(3);
    for (members, targets, at_most) in [(3, 50, 1.35), (3, 5_000, 1.15), (5, 50, 1.65), (5, 5_000, 1.2)] {
        let loads =
            (0..200).map(|set| max_to_mean(&Ring::new(nodes(set, members)), &keys(&mut random, targets)));
        let loads = spread(loads.collect());
        println!(
            "max/mean of {targets} targets on {members} members: {}",
            show(&loads)
        );
        assert!(loads.mean < at_most, "{}", loads.mean);
        assert!(loads.min >= 1.0);
    }
}

#[test]
fn a_fourth_member_takes_a_quarter() {
    let mut random = fastrand::Rng::with_seed(4);
    let shares = (0..1_000).map(|set| {
        let mut nodes = nodes(set, 4);
        let after = Ring::new(nodes.clone());
        nodes.pop();
        let before = Ring::new(nodes);
        let keys = keys(&mut random, 40);
        let moved = keys.iter().filter(|key| {
            let (old, new) = (before.place(**key).unwrap(), after.place(**key).unwrap());
            old.owner != new.owner
        });
        moved.count() as f64 / keys.len() as f64
    });
    let moved = spread(shares.collect());
    println!("moved share of 40 targets from 3 to 4 members: {}", show(&moved));
    assert!((0.23..=0.27).contains(&moved.mean), "{}", moved.mean);
}
