use proptest::prelude::*;
use ringwatch_frame::TargetId;

use super::*;
use crate::ring::POINTS;

fn seats(count: usize) -> Vec<Seat> {
    let seat = |nth: usize| Seat {
        node: NodeId::new(&format!("node-{nth}")),
        generation: 1,
        points: POINTS,
    };
    (1..=count).map(seat).collect()
}

fn target(nth: usize) -> TargetId {
    TargetId::new("postgresql", &format!("db-{nth}:5432"))
}

fn targets(count: usize) -> BTreeMap<TargetKey, TargetId> {
    let targets = (0..count).map(target);
    targets.map(|target| ((&target).into(), target)).collect()
}

type Pins = BTreeMap<TargetId, Pin>;
type Weights = BTreeMap<TargetId, f64>;

fn plan(seats: &[Seat], weights: &Weights, pins: &Pins) -> Plan {
    Load::new(seats, &targets(weights.len()), weights, pins).plan()
}

/// Carries plans out, so many moves at a time, until there is nothing more to move. The pins, and how many
/// moves that were.
fn settle(seats: &[Seat], weights: &Weights, mut pins: Pins, at_once: usize) -> (Pins, usize) {
    let mut moves = 0;
    for _ in 0..200 {
        let plan = plan(seats, weights, &pins);
        if plan.moves.is_empty() && plan.redundant.is_empty() {
            return (pins, moves);
        }
        moves += plan.moves.len().min(at_once);
        plan.take(at_once, &mut pins);
    }
    panic!("it never comes to rest");
}

/// Weights as of uneven databases: lognormal, sigma 1.
fn lognormal(count: usize, seed: u64) -> Weights {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut normal = || {
        let (u, v) = (rng.f64().max(f64::MIN_POSITIVE), rng.f64());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    (0..count).map(|nth| (target(nth), normal().exp())).collect()
}

/// The lowest that the highest load can be, in parts of the mean: nothing is split.
fn least(seats: usize, weights: &Weights) -> f64 {
    let heaviest = weights.values().fold(0.0_f64, |most, weight| most.max(*weight));
    (heaviest / (weights.values().sum::<f64>() / seats as f64)).max(1.0)
}

#[test]
fn fifty_uneven_targets_are_evened_out_with_few_pins() {
    for members in 3..=6 {
        let seeds: u64 = 100;
        let seats = seats(members);
        let (mut within, mut possible, mut pins_sum, mut moves_sum) = (0, 0, 0, 0);
        let (mut ring_sum, mut end_sum, mut worst) = (0.0, 0.0, 0.0_f64);
        for seed in 0..seeds {
            let weights = lognormal(50, seed);
            let alone = plan(&seats, &weights, &Pins::new());
            let (pins, moves) = settle(&seats, &weights, Pins::new(), 4);
            let end = Load::new(&seats, &targets(50), &weights, &pins).highest();
            let can = least(members, &weights) <= LIMIT;
            possible += u32::from(can);
            within += u32::from(can && end <= LIMIT + 1e-9);
            (ring_sum, end_sum) = (ring_sum + alone.highest.0, end_sum + end);
            worst = if can { worst.max(end) } else { worst };
            (pins_sum, moves_sum) = (pins_sum + pins.len(), moves_sum + moves);
        }
        let mean = |sum: f64| sum / seeds as f64;
        println!(
            "{members} members: {within} of {possible} seeds where it can be are within {LIMIT} (worst {worst:.3}); \
             highest {:.2} by the ring alone, {:.2} with pins; {:.1} pins, {:.1} moves",
            mean(ring_sum),
            mean(end_sum),
            mean(pins_sum as f64),
            mean(moves_sum as f64),
        );
        assert!(
            f64::from(within) >= 0.99 * f64::from(possible),
            "{members}: {within} of {possible}"
        );
        assert!(10 * possible >= 7 * seeds as u32, "{possible}");
    }
}

#[test]
fn nothing_is_moved_where_nothing_is_known() {
    let seats = seats(3);
    let empty = Load::new(&seats, &targets(9), &Weights::new(), &Pins::new()).plan();
    assert_eq!(empty.moves, []);
    assert_eq!(empty.before.len(), 3);
}

#[test]
fn a_target_of_unknown_weight_counts_as_the_median() {
    let weights: Weights = [(target(0), 1.0), (target(1), 5.0), (target(2), 7.0)].into();
    let load = Load::new(&seats(1), &targets(5), &weights, &Pins::new());
    assert_eq!(
        load.plan().before,
        [(NodeId::new("node-1"), 1.0 + 5.0 + 7.0 + 2.0 * 5.0)]
    );
    let absurd: Weights = [(target(0), f64::NAN), (target(1), -1.0), (target(2), 2.0)].into();
    let load = Load::new(&seats(1), &targets(3), &absurd, &Pins::new());
    assert_eq!(load.plan().before[0].1, 6.0);
}

#[test]
fn a_fair_part_goes_by_the_points() {
    let mut seats = seats(2);
    seats[0].points = 3 * POINTS;
    let weights: Weights = (0..400).map(|nth| (target(nth), 1.0)).collect();
    let (pins, _) = settle(&seats, &weights, Pins::new(), 50);
    let plan = plan(&seats, &weights, &pins);
    assert!(plan.highest.0 <= LIMIT, "{plan:?}");
    let [first, second] = plan.before.as_slice() else {
        panic!("two members")
    };
    assert!(first.1 > 2.5 * second.1, "{first:?} {second:?}");
}

#[test]
fn when_the_ring_alone_is_even_the_pins_go() {
    let seats = seats(3);
    let even: Weights = (0..60).map(|nth| (target(nth), 1.0)).collect();
    // What the ring has is made even by giving each target the weight that does it.
    let ring = plan(&seats, &even, &Pins::new()).before;
    let load = Load::new(&seats, &targets(60), &even, &Pins::new());
    let weights: Weights = load
        .items
        .iter()
        .map(|item| (item.target.clone(), 1.0 / ring[item.ring].1))
        .collect();
    let pin = |item: &Item| Pin {
        to: seats[(item.ring + 1) % 3].node.clone(),
        by: By::Load,
    };
    let pins: Pins = load
        .items
        .iter()
        .take(7)
        .map(|item| (item.target.clone(), pin(item)))
        .collect();
    let plan = plan(&seats, &weights, &pins);
    assert_eq!(plan.moves.len(), 7);
    assert!(plan.only_unpins());
    let (left, _) = settle(&seats, &weights, pins, 4);
    assert!(left.is_empty());
}

#[test]
fn a_pin_to_where_the_ring_has_it_is_taken_away_without_a_move() {
    let seats = seats(3);
    let weights: Weights = (0..3).map(|nth| (target(nth), 1.0)).collect();
    let load = Load::new(&seats, &targets(3), &weights, &Pins::new());
    let item = &load.items[0];
    let pin = |by| Pin {
        to: seats[item.ring].node.clone(),
        by,
    };
    let found = plan(&seats, &weights, &[(item.target.clone(), pin(By::Load))].into());
    assert_eq!(found.redundant, std::slice::from_ref(&item.target));
    let found = plan(
        &seats,
        &weights,
        &[(item.target.clone(), pin(By::Operator))].into(),
    );
    assert_eq!(found.redundant, [], "an operator wants it so");
}

fn problem() -> impl Strategy<Value = (usize, Weights, Pins)> {
    let weight = prop_oneof![0.0..10.0_f64, 1.0..1.5_f64, Just(0.0), Just(100.0)];
    let pin = (0..60_usize, 1..8_usize, any::<bool>());
    (
        1..7_usize,
        prop::collection::vec(weight, 0..60),
        prop::collection::vec(pin, 0..12),
    )
        .prop_map(|(members, weights, pins)| {
            let weights = weights.into_iter().enumerate();
            let pin = |(nth, node, by): (usize, usize, bool)| {
                let pin = Pin {
                    to: NodeId::new(&format!("node-{node}")),
                    by: if by { By::Load } else { By::Operator },
                };
                (target(nth), pin)
            };
            (
                members,
                weights.map(|(nth, weight)| (target(nth), weight)).collect(),
                pins.into_iter().map(pin).collect(),
            )
        })
}

proptest! {
    #[test]
    fn a_plan_moves_only_what_helps((members, weights, pins) in problem()) {
        let seats = seats(members);
        let plan = plan(&seats, &weights, &pins);
        let load = Load::new(&seats, &targets(weights.len()), &weights, &pins);
        prop_assert_eq!(&plan.before, &load.told());
        let over = |loads: &[(NodeId, f64)]| -> f64 {
            let fair = loads.iter().map(|(_, load)| load).sum::<f64>() / loads.len().max(1) as f64;
            loads.iter().map(|(_, load)| (load - LIMIT * fair).max(0.0)).sum()
        };
        prop_assert!(over(&plan.after) <= over(&plan.before) + 1e-6, "{:?}", plan);
        if over(&plan.before) == 0.0 {
            prop_assert!(plan.only_unpins(), "nobody bears too much: {:?}", plan);
        }
        for step in &plan.moves {
            let pin = pins.get(&step.target);
            let seated = |pin: &&Pin| seats.iter().any(|seat| seat.node == pin.to);
            prop_assert!(pin.filter(seated).is_none_or(|pin| pin.by == By::Load), "an operator's stays");
            prop_assert!(step.from != step.to);
        }
        // What is told of the end is what the pins make.
        let mut all = pins;
        plan.take(usize::MAX - 1, &mut all);
        let end = Load::new(&seats, &targets(weights.len()), &weights, &all);
        for ((_, told), made) in plan.after.iter().zip(&end.loads) {
            prop_assert!((told - made).abs() < 1e-6);
        }
    }

    #[test]
    fn it_comes_to_rest_and_stays_there((members, weights, pins) in problem(), at_once in 1..6_usize) {
        let seats = seats(members);
        let (pins, _) = settle(&seats, &weights, pins, at_once);
        let again = plan(&seats, &weights, &pins);
        prop_assert_eq!(again.moves, []);
    }
}
