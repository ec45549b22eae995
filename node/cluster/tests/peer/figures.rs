//! What replication costs. Prints; asserts no times.

use std::time::Duration;

use ringwatch_frame::ipc;
use tokio::time::Instant;

use crate::common::{Node, activity, member, meta, nobody, statements, target, until};
use crate::proxy::Proxy;
use crate::replication::Owner;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures: run it in a release build"]
async fn figures() {
    let node = Node::start("standby", 1).await;
    let proxy = Proxy::start(&node.address).await;
    for (what, frame_rows, baseline_rows, ticks) in [
        ("a frame of 200 rows", 200, 0, 200_i64),
        ("a frame of 200 rows and a baseline of 5000", 200, 5000, 40),
    ] {
        let owner = Owner::start();
        owner.own(1, &member(node.who.clone(), &proxy.address));
        until("a snapshot", || {
            node.desk.memories.has_shadow(&target(0), &nobody).then_some(())
        })
        .await;
        let frames: Vec<_> = (0..8).map(|seed| statements(frame_rows, seed)).collect();
        let baselines: Vec<_> = (0..8).map(|seed| statements(baseline_rows, 90 + seed)).collect();
        let before = proxy.forth();
        let (mut took, mut settled) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        for n in 1..=ticks {
            let at = n as usize % 8;
            let meta = meta(&target(0), &activity(), n);
            let baseline = (baseline_rows > 0).then(|| baselines[at].clone());
            let start = Instant::now();
            let receipt = owner.memories.collected(&meta, &frames[at], baseline);
            took.push(start.elapsed());
            let start = Instant::now();
            drop(receipt);
            settled.push(start.elapsed());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let last = meta(&target(0), &activity(), ticks).id.tick;
        until("the last tick", || {
            let memory = node.desk.memories.shadow(&target(0), &nobody)?;
            (memory.get(&activity())?.last == Some(last)).then_some(())
        })
        .await;
        let (all, bytes) = (begun.elapsed(), proxy.forth() - before);
        took.sort_unstable();
        settled.sort_unstable();
        let plain = ipc::encode(&meta(&target(0), &activity(), 1), &frames[0])
            .unwrap()
            .len();
        let baseline = ipc::encode(&meta(&target(0), &activity(), 1), &baselines[0])
            .unwrap()
            .len();
        println!(
            "{what}: collected p50 {:?} p99 {:?}; settled p50 {:?}; {} bytes per tick on the wire \
             (Arrow: frame {plain}, baseline {baseline}); {ticks} ticks in {all:?}",
            took[took.len() / 2],
            took[took.len() * 99 / 100],
            settled[settled.len() / 2],
            bytes / ticks as u64,
        );
        owner.memories.release(&target(0));
        until("it is released", || {
            (node.desk.memories.shadow_count() == 0).then_some(())
        })
        .await;
    }
}
