//! Whatever happens to an owner and to the stream to its standby: both remember the same in the end.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Collect {
        target: usize,
        stream: usize,
        ahead: i64,
        with_baseline: bool,
    },
    Missed {
        target: usize,
        stream: usize,
        ahead: i64,
    },
    Settle(prop::sample::Index),
    Forget {
        target: usize,
        stream: usize,
    },
    Release(usize),
    Own(usize),
    Heirs(BTreeSet<usize>),
    Open,
    Cut,
    Snapshot,
    Deliver(usize),
}

fn collect_op((target, stream, ahead, with_baseline): (usize, usize, i64, bool)) -> Op {
    Op::Collect {
        target,
        stream,
        ahead,
        with_baseline,
    }
}

fn missed_op((target, stream, ahead): (usize, usize, i64)) -> Op {
    Op::Missed {
        target,
        stream,
        ahead,
    }
}

fn op() -> impl Strategy<Value = Op> {
    let (target, stream) = (0..3_usize, 0..3_usize);
    // Sometimes a tick that is not later, as after a clock was set back.
    let ahead = prop_oneof![8 => 1..4_i64, 1 => -3..1_i64];
    prop_oneof![
        10 => (target.clone(), stream.clone(), ahead.clone(), any::<bool>())
            .prop_map(collect_op),
        3 => (target.clone(), stream.clone(), ahead).prop_map(missed_op),
        8 => any::<prop::sample::Index>().prop_map(Op::Settle),
        1 => (target.clone(), stream).prop_map(|(target, stream)| Op::Forget { target, stream }),
        1 => target.clone().prop_map(Op::Release),
        2 => target.prop_map(Op::Own),
        2 => prop::collection::btree_set(0..3_usize, 0..=3).prop_map(Op::Heirs),
        2 => Just(Op::Open),
        1 => Just(Op::Cut),
        4 => Just(Op::Snapshot),
        6 => (0..6_usize).prop_map(Op::Deliver),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn in_the_end_the_shadow_is_what_the_owner_remembers(ops in prop::collection::vec(op(), 1..120)) {
        let (owner, standby) = (memories(), memories());
        let mut line = Line::new(&owner, &standby);
        let mut clocks = BTreeMap::new();
        let mut receipts: Vec<(FrameId, Receipt)> = Vec::new();
        let mut all: BTreeSet<usize> = (0..3).collect();
        for op in ops {
            match op {
                Op::Collect { target: t, stream: s, ahead, with_baseline } => {
                    let clock = clocks.entry((t, s)).or_insert(100_i64);
                    *clock += ahead;
                    let meta = meta(&target(t), &stream(s), *clock);
                    let baseline = with_baseline.then(|| rows(*clock, 2));
                    let receipt = owner.collected(&meta, &rows(*clock, 1), baseline);
                    receipts.extend(receipt.map(|receipt| (meta.id, receipt)));
                }
                Op::Missed { target: t, stream: s, ahead } => {
                    let clock = clocks.entry((t, s)).or_insert(100_i64);
                    *clock += ahead;
                    owner.missed(&target(t), &stream(s), tick(*clock), false);
                }
                Op::Settle(_) if receipts.is_empty() => {}
                Op::Settle(which) => drop(receipts.swap_remove(which.index(receipts.len()))),
                Op::Forget { target: t, stream: s } => owner.forget(&target(t), &stream(s)),
                Op::Release(t) => drop(owner.release(&target(t))),
                Op::Own(t) => owner.own(&target(t), owner.recall(&target(t))),
                Op::Heirs(targets) => {
                    all = targets;
                    owner.set_heirs(&heirs(all.iter().copied().map(target), &member("standby", 1)));
                }
                Op::Open => line.open(),
                Op::Cut => line.cut(),
                Op::Snapshot => drop(line.snapshot()),
                Op::Deliver(most) => drop(line.deliver(most)),
            }
        }
        owner.set_heirs(&heirs(all.iter().copied().map(target), &member("standby", 1)));
        // Snapshots of a stream begun anew, so that what a broken one told last is no matter.
        line.cut();
        line.settle();
        for t in 0..3 {
            let whole = owner.whole(&target(t));
            if all.contains(&t) && owner.lock().is_ours(&target(t)) {
                prop_assert_eq!(standby.shadow(&target(t), &nobody), Some(whole.clone()), "target {}", t);
            } else {
                prop_assert_eq!(standby.shadow(&target(t), &nobody), None, "target {}", t);
            }
            for (id, stream) in &whole {
                for frame in &stream.pending {
                    let unsettled = receipts.iter().any(|(receipt, _)| *receipt == frame.meta.id);
                    prop_assert!(unsettled, "{} is settled", id);
                }
            }
        }
        drop(receipts);
        for t in 0..3 {
            prop_assert!(owner.whole(&target(t)).values().all(|stream| stream.pending.is_empty()));
        }
    }
}
