//! Whatever happens to a circuit, in whatever order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u32),
    Ask(u8),
    End(u8, Outcome),
    Look,
    Press(bool),
    Reset,
    Open(Option<u32>),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        4 => (0_u64..3000).prop_map(answered),
        4 => (0_u64..20_000).prop_map(|took| Outcome::Failed { took: Duration::from_millis(took) }),
        1 => Just(Outcome::Ignored),
        1 => Just(Outcome::NotMade),
    ];
    prop_oneof![
        6 => (0_u32..100).prop_map(Step::Wait),
        10 => (0_u8..8).prop_map(Step::Ask),
        10 => (0_u8..8, outcome).prop_map(|(stream, outcome)| Step::End(stream, outcome)),
        3 => Just(Step::Look),
        1 => any::<bool>().prop_map(Step::Press),
        1 => Just(Step::Reset),
        1 => prop::option::of(0_u32..1000).prop_map(Step::Open),
    ]
}

/// What an onlooker knows of the circuit.
#[derive(Default)]
struct Onlooker {
    /// Until when it may give no leave, after it opened for the target's sake.
    shut: Option<Instant>,
    /// Leaves of the half-open phase that may have reached the server.
    tried: u32,
    last_break: Duration,
}

impl Onlooker {
    fn sees(&mut self, change: Option<Change>, world: &World) {
        match change {
            Some(Change::Opened { reason, lasts }) => {
                if reason.is_of_target() {
                    let lasts = lasts.unwrap();
                    assert!(lasts <= world.circuit.rules.max_break);
                    assert!(lasts == world.circuit.rules.break_duration || lasts >= self.last_break);
                    self.last_break = lasts;
                }
                self.shut = lasts.map(|lasts| world.now + lasts);
            }
            Some(Change::HalfOpened { leaves }) => {
                assert_eq!(leaves, world.circuit.rules.half_open);
                assert!(self.shut.is_none_or(|end| world.now >= end), "too early");
                self.tried = 0;
            }
            Some(Change::Closed { by_hand, .. }) => {
                assert!(
                    by_hand || self.tried >= world.circuit.rules.half_open,
                    "closed by ignorance"
                );
                self.shut = None;
            }
            None => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_lets_through_what_it_promises(steps in prop::collection::vec(step(), 1..300)) {
        let mut world = World::new(rules());
        let mut onlooker = Onlooker::default();
        let mut under_way = std::collections::BTreeSet::new();
        for step in steps {
            let before = world.circuit.state();
            let name = |stream: u8| stream.to_string();
            match step {
                Step::Wait(seconds) => { world.wait(seconds); }
                Step::Ask(at) if !under_way.contains(&at) => {
                    let (stream, tick) = (&stream(&name(at)), Tick::from_unix_nanos(0));
                    let ask = Ask { stream, tick, interval: SECOND, slowdown: 1 };
                    let (answer, change) = world.circuit.ask(&ask, world.now);
                    onlooker.sees(change, &world);
                    let state = world.circuit.state();
                    prop_assert!(state != State::Open || answer.is_err());
                    prop_assert!(state != State::Closed || answer.is_ok());
                    if answer.is_ok() {
                        under_way.insert(at);
                        onlooker.tried += 1;
                        prop_assert!(state != State::HalfOpen || onlooker.tried <= 3);
                    }
                }
                Step::Ask(_) => {}
                Step::End(at, outcome) => {
                    // Leaves are taken back after a while: such an end is of no phase.
                    let leave = world.circuit.leaves.get(&stream(&name(at))).copied();
                    if under_way.remove(&at) {
                        let is_current = leave.is_some_and(|leave| leave.era == world.circuit.era);
                        if before == State::HalfOpen && is_current && outcome == Outcome::NotMade {
                            onlooker.tried -= 1;
                        }
                        let change = world.end(&name(at), outcome);
                        onlooker.sees(change, &world);
                        let has_failed = matches!(outcome, Outcome::Failed { .. });
                        if before == State::HalfOpen && is_current && has_failed {
                            prop_assert_eq!(world.circuit.state(), State::Open);
                        }
                    }
                }
                Step::Look => {
                    let change = world.circuit.look(world.now);
                    onlooker.sees(change, &world);
                    // Lost leaves are given out again.
                    if let Phase::HalfOpen { spare, good, .. } = world.circuit.phase {
                        let (leaves, era) = (&world.circuit.leaves, world.circuit.era);
                        let out = leaves.values().filter(|leave| leave.era == era).count();
                        prop_assert_eq!(spare + good + out as u32, 3);
                        onlooker.tried = 3 - spare;
                    }
                }
                Step::Press(on) => {
                    let change = world.circuit.press(on.then_some(Reason::ProcessCpu), world.now);
                    onlooker.sees(change, &world);
                }
                Step::Reset => {
                    let change = world.circuit.reset(world.now);
                    onlooker.last_break = Duration::ZERO;
                    onlooker.sees(change, &world);
                }
                Step::Open(seconds) => {
                    let lasts = seconds.map(|seconds| seconds * SECOND);
                    let change = world.circuit.open_by_hand(lasts, world.now);
                    onlooker.sees(Some(change), &world);
                }
            }
            prop_assert!(world.circuit.leaves.len() <= 8);
        }
    }
}
