//! Random entries for property tests: few names, so that commands meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ringwatch_proto::v1;
use v1::state_command::Kind;

const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_800_000_000 * SECOND;

/// Entries one after the other, at rising times now and then a day apart, under views that rise.
pub(crate) fn entries(most: usize) -> impl Strategy<Value = Vec<v1::StateEntry>> {
    let step = prop_oneof![4 => 0..SECOND, 1 => 0..3_600 * SECOND, 1 => 0..4 * 86_400 * SECOND];
    let commands = vec(command(), 0..6);
    let one = (step, commands, 0..3_u64, node(), 1..4_u64, any::<bool>());
    vec(one, 1..most).prop_map(|all| {
        let mut time = BEGIN;
        let mut number = 0_u64;
        let entries = all
            .into_iter()
            .map(|(step, mut commands, behind, node, generation, next)| {
                time += step;
                let view = if behind == 0 {
                    number
                } else {
                    number.saturating_sub(behind - 1)
                };
                if next {
                    number += 1;
                    commands.push(command_of(Kind::ViewProposed(view_of(number, &node))));
                }
                v1::StateEntry {
                    // A leader whose clock is behind that of the one before it.
                    time_unix_nano: if generation == 1 { time - SECOND } else { time },
                    node,
                    generation,
                    view,
                    commands,
                    requires: 0,
                }
            });
        entries.collect()
    })
}

pub(crate) fn command_of(kind: Kind) -> v1::StateCommand {
    v1::StateCommand { kind: Some(kind) }
}

fn view_of(number: u64, node: &str) -> v1::ViewProposed {
    let view = v1::ViewRecord {
        number,
        members: vec![v1::ViewMember {
            node: node.to_owned(),
            generation: number * 7,
            points: 100,
            raft_id: number * 1_000,
        }],
        pins: vec![v1::ViewPin {
            target: format!("t{number}"),
            node: node.to_owned(),
            by: i32::try_from(1 + number % 2).unwrap(),
        }],
        reason: "a test".to_owned(),
    };
    v1::ViewProposed { view: Some(view) }
}

fn node() -> impl Strategy<Value = String> {
    "n[1-3]"
}

fn target() -> impl Strategy<Value = String> {
    "t[0-5]"
}

fn received() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(0), 1 => BEGIN - 9 * 86_400 * SECOND..BEGIN + 86_400 * SECOND]
}

fn command() -> impl Strategy<Value = v1::StateCommand> {
    let kind = prop_oneof![
        3 => breaker(),
        4 => seen(),
        1 => rates(),
        1 => caps(),
        1 => weights(),
        4 => data(),
        1 => action().prop_map(|action| Kind::OperatorActed(v1::OperatorActed { action: Some(action) })),
        1 => (0..12_u64, node()).prop_map(|(number, node)| Kind::ViewProposed(view_of(number, &node))),
    ];
    kind.prop_map(command_of)
}

fn breaker() -> impl Strategy<Value = Kind> {
    let learnt = ("s[1-2]", any::<u64>(), -1.0..1e4_f64, 0.0..1e3_f64);
    let learnt = learnt.prop_map(
        |(stream, deadline_ms, typical_ms, deviation_ms)| v1::BreakerLearnt {
            stream,
            deadline_ms,
            typical_ms,
            deviation_ms,
        },
    );
    let head = ("b[1-2]", target(), 0..4_i32, option::of(0..100_000_u64));
    let tail = (
        0..5_u64,
        node(),
        0..4_u64,
        0..3_u64,
        received(),
        vec(learnt, 0..3),
    );
    (head, tail).prop_map(|((breaker, target, state, left_ms), tail)| {
        let (view, owner, seq, generation, received_unix_nano, learnt) = tail;
        let record = v1::BreakerRecord {
            state,
            reason: "timeout".to_owned(),
            left_ms,
            closed_ms: seq * 10,
            opened_ms: left_ms.map(|left| left / 2),
            trips: view,
            learnt,
            view,
            owner,
            seq,
            generation,
            received_unix_nano,
            ..v1::BreakerRecord::default()
        };
        Kind::BreakerChanged(v1::BreakerChanged {
            breaker,
            target,
            record: Some(record),
        })
    })
}

fn seen() -> impl Strategy<Value = Kind> {
    let fingerprint = prop_oneof![0..400_u64, any::<u64>()];
    let at = BEGIN - 2 * 86_400 * SECOND..BEGIN + 5 * 86_400 * SECOND;
    let entry =
        (fingerprint, at, any::<u8>(), any::<u8>()).prop_map(|(fingerprint, seen_unix_nano, now, before)| {
            v1::SeenStatement {
                fingerprint,
                seen_unix_nano,
                rules: now.into(),
                rules_before: before.into(),
            }
        });
    let rules = prop::collection::btree_set("r[a-z][a-d]", 0..9);
    ("s[1-2]", vec(entry, 0..150), rules).prop_map(|(sampler, entries, rules)| {
        Kind::SamplerSeen(v1::SamplerSeen {
            sampler,
            pipeline: "p".to_owned(),
            rules: rules.into_iter().collect(),
            entries,
        })
    })
}

fn rates() -> impl Strategy<Value = Kind> {
    let rate = (target(), -1.0..101.0_f64, received());
    let rate = rate.prop_map(|(target, rate_percent, received_unix_nano)| v1::TargetRate {
        target,
        rate_percent,
        received_unix_nano,
    });
    ("s[1-2]", "p[1-2]", vec(rate, 0..4)).prop_map(|(sampler, pipeline, rates)| {
        Kind::SamplerRates(v1::SamplerRates {
            sampler,
            pipeline,
            node: String::new(),
            rates,
        })
    })
}

fn caps() -> impl Strategy<Value = Kind> {
    let used = (0..9_u64).prop_map(|used| v1::RuleUse {
        rule: format!("r{}", used % 3),
        used,
    });
    let minute = (BEGIN / 60 / SECOND)..(BEGIN / 60 / SECOND + 3_000);
    ("s[1-2]", node(), minute, vec(used, 0..3)).prop_map(|(sampler, node, minute, rules)| {
        Kind::SamplerCaps(v1::SamplerCaps {
            sampler,
            pipeline: "p".to_owned(),
            node,
            minute,
            rules,
        })
    })
}

fn weights() -> impl Strategy<Value = Kind> {
    let weight = (target(), -0.1..9.0_f64, received());
    let weight = weight.prop_map(|(target, weight, received_unix_nano)| v1::TargetWeight {
        target,
        weight,
        received_unix_nano,
    });
    (node(), vec(weight, 0..4)).prop_map(|(node, weights)| Kind::Weights(v1::Weights { node, weights }))
}

fn action() -> impl Strategy<Value = v1::OperatorAction> {
    (0..60_u64, node(), received()).prop_map(|(id, node, time_unix_nano)| v1::OperatorAction {
        id,
        who: "anna".to_owned(),
        from: "127.0.0.1".to_owned(),
        what: format!("action {id}"),
        node,
        time_unix_nano,
    })
}

fn data() -> impl Strategy<Value = Kind> {
    let version = prop_oneof![3 => Just(0), 1 => 0..9_u64];
    let which = (0..7_u8, target(), option::of(0..3_u8), 0..12_u64);
    (which, version, option::of(action())).prop_map(
        |((which, id, value, to_version), expected_version, action)| {
            let label = |value: u8| v1::RuntimeLabel {
                name: format!("l{value}"),
                value: "v".to_owned(),
            };
            match which {
                0 => Kind::TargetAdded(v1::TargetAdded {
                    target: Some(v1::RuntimeTarget {
                        endpoint: format!("{id}:5432"),
                        target_id: id,
                        receiver: "postgresql".to_owned(),
                        labels: value.into_iter().map(label).collect(),
                    }),
                    expected_version,
                    action,
                }),
                1 => Kind::TargetRemoved(v1::TargetRemoved {
                    target_id: id,
                    expected_version,
                    action,
                }),
                2 => Kind::LimitSet(v1::LimitSet {
                    target: id,
                    queries_per_second: value.map(|value| f64::from(value) / 3.0),
                    expected_version,
                    action,
                }),
                3 => Kind::FlagSet(v1::FlagSet {
                    name: id,
                    value: value.map(|value| value > 1),
                    expected_version,
                    action,
                }),
                4 => Kind::SamplerRateSet(v1::SamplerRateSet {
                    sampler: id,
                    rate: value.map(|value| f64::from(value) / 7.0),
                    expected_version,
                    action,
                }),
                5 => Kind::Rollback(v1::Rollback {
                    to_version,
                    expected_version,
                    action,
                }),
                _ => Kind::DataRestored(v1::DataRestored {
                    version: to_version,
                    ..v1::DataRestored::default()
                }),
            }
        },
    )
}
