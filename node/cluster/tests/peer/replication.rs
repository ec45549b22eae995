//! Replication over connections that break and stand still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_cluster::member::{Incarnation, Member};
use ringwatch_cluster::memories::{Clearance, Memories};
use ringwatch_cluster::peer::{Late, Peers};
use ringwatch_cluster::replicate::{Replicator, start_replication};
use ringwatch_frame::{Receipt, TargetId, TargetMemory, Tick};
use tokio::time::Instant;

use crate::common::{
    FIRST, Node, SECOND, activity, caller, count, incarnation, member, meta, nobody, statements, target,
    until,
};
use crate::proxy::{Proxy, Way};

const RESETS: &str = "ringwatch_replication_resets_total";

/// A node that reads targets and tells its heirs.
pub(crate) struct Owner {
    pub(crate) who: Incarnation,
    pub(crate) memories: Arc<Memories>,
    pub(crate) registry: Registry,
    _replicator: Replicator,
}

impl Owner {
    pub(crate) fn start() -> Self {
        let (who, registry) = (incarnation("owner", 1), Registry::new());
        let memories = Memories::new(&registry).unwrap();
        let replicator = start_replication(&memories, Arc::new(caller(&who)));
        Self {
            who,
            memories,
            registry,
            _replicator: replicator,
        }
    }

    pub(crate) fn own(&self, targets: usize, heir: &Member) {
        for n in 0..targets {
            self.memories.own(&target(n), TargetMemory::new());
        }
        self.stands_by(targets, heir);
    }

    fn stands_by(&self, targets: usize, heir: &Member) {
        let heirs: BTreeMap<TargetId, Member> = (0..targets).map(|n| (target(n), heir.clone())).collect();
        self.memories.set_heirs(&heirs);
    }

    fn read(&self, of: usize, n: i64) -> Receipt {
        let (meta, rows) = (meta(&target(of), &activity(), n), statements(2, 1));
        self.memories.collected(&meta, &rows, Some(rows.clone())).unwrap()
    }
}

/// The last tick and the pending ticks of a target in the shadow of `node`.
fn known(node: &Node, of: usize) -> Option<(Option<i64>, Vec<i64>)> {
    let n = |tick: Tick| (tick.unix_nanos() - FIRST) / SECOND;
    let memory = node.desk.memories.shadow(&target(of), &nobody)?;
    let Some(stream) = memory.get(&activity()) else {
        return Some((None, Vec::new()));
    };
    let pending = stream.pending.iter().map(|frame| n(frame.meta.id.tick)).collect();
    Some((stream.last.map(n), pending))
}

async fn until_known(node: &Node, of: usize, last: i64, pending: &[i64]) {
    let expected = Some((Some(last), pending.to_vec()));
    let what = format!("target {of} at {last} with {pending:?}");
    until(&what, || (known(node, of) == expected).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_knows_it_all_also_after_the_stream_broke() {
    let node = Node::start("standby", 1).await;
    let proxy = Proxy::start(&node.address).await;
    let owner = Owner::start();
    owner.own(3, &member(node.who.clone(), &proxy.address));
    let first = owner.read(0, 1);
    let second = owner.read(0, 2);
    until_known(&node, 0, 2, &[1, 2]).await;
    drop(first);
    until_known(&node, 0, 2, &[2]).await;
    let alive = |who: &Incarnation| *who == owner.who;
    assert!(!node.desk.memories.has_shadow(&target(0), &alive), "it lives");

    proxy.set(Way::Cut);
    let third = owner.read(0, 3);
    drop(second);
    let other = owner.read(1, 1);
    until("the break is seen", || {
        (count(&owner.registry, RESETS, "broken") > 0.0).then_some(())
    })
    .await;
    assert_eq!(known(&node, 0), Some((Some(2), vec![2])), "nothing came through");
    proxy.set(Way::Open);
    until_known(&node, 0, 3, &[3]).await;
    until_known(&node, 1, 1, &[1]).await;
    let memory = node.desk.memories.take_shadow(&target(0), &nobody).unwrap();
    assert_eq!(memory[&activity()].baseline, Some(statements(2, 1)));
    assert_eq!(memory[&activity()].pending[0].rows, statements(2, 1));
    drop((third, other));
}

/// What is decided of a frame of the first target, in the end.
async fn fate(owner: &Owner, n: i64) -> bool {
    match owner.memories.clearance(&meta(&target(0), &activity(), n).id) {
        Clearance::Clear => true,
        Clearance::Wait(decided) => decided.await.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_standby_covers_does_not_count_at_the_owner() {
    let node = Node::start("standby", 1).await;
    let owner = Owner::start();
    owner.own(1, &node.member());
    let first = owner.read(0, 1);
    assert!(fate(&owner, 1).await);
    until_known(&node, 0, 1, &[1]).await;
    let second = owner.read(0, 2);
    let begun = Instant::now();
    assert!(fate(&owner, 2).await);
    println!("a frame was cleared in {:?}", begun.elapsed());

    // Where nobody says that it stands by, nothing is claimed.
    let memories = &node.desk.memories;
    let tick = Tick::from_unix_nanos(FIRST + 3 * SECOND);
    assert_eq!(memories.claim(&target(0), &activity(), tick), None);
    let late = Late {
        epoch: 3,
        target: target(0),
        stream: activity(),
        tick,
        known: None,
    };
    let leave = caller(&owner.who).may(&node.member(), late).await.unwrap();
    assert!(leave.yes && leave.covered.is_none(), "{leave:?}");
    drop((first, second));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_stands_by_no_more_forgets() {
    let (first, second) = (Node::start("first", 1).await, Node::start("second", 1).await);
    let owner = Owner::start();
    owner.own(2, &first.member());
    let _receipt = owner.read(1, 1);
    until_known(&first, 1, 1, &[1]).await;
    owner.stands_by(2, &second.member());
    until_known(&second, 1, 1, &[1]).await;
    until("the first forgets", || {
        (first.desk.memories.shadow_count() == 0).then_some(())
    })
    .await;
    owner.memories.release(&target(1));
    until("the second forgets one", || {
        (second.desk.memories.shadow_count() == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_standby_gets_everything_again() {
    let (first, second) = (Node::start("standby", 1).await, Node::start("standby", 2).await);
    let owner = Owner::start();
    owner.own(1, &first.member());
    let _receipt = owner.read(0, 1);
    until_known(&first, 0, 1, &[1]).await;
    owner.stands_by(1, &second.member());
    until_known(&second, 0, 1, &[1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_stands_still_delays_nobody() {
    let node = Node::start("standby", 1).await;
    let proxy = Proxy::start(&node.address).await;
    let owner = Owner::start();
    owner.own(1, &member(node.who.clone(), &proxy.address));
    let mut receipts = vec![owner.read(0, 1)];
    until_known(&node, 0, 1, &[1]).await;
    proxy.set(Way::HeldUp);
    let rows = statements(200, 7);
    let mut took = Vec::new();
    for n in 2..7000 {
        let meta = meta(&target(0), &activity(), n);
        let begun = Instant::now();
        let receipt = owner.memories.collected(&meta, &rows, Some(rows.clone()));
        took.push(begun.elapsed());
        receipts.push(receipt.unwrap());
        // Only the last are pending: it is the queue that shall be full.
        if n > 4 {
            receipts.remove(0);
        }
    }
    took.sort_unstable();
    let (p50, p999) = (took[took.len() / 2], took[took.len() * 999 / 1000]);
    println!(
        "with a standby that stands still: p50 {p50:?}, p99.9 {p999:?}, max {:?}",
        took.last()
    );
    assert!(p50 < Duration::from_micros(50), "{p50:?}");
    assert!(count(&owner.registry, RESETS, "overflow") >= 1.0);
    proxy.set(Way::Cut);
    proxy.set(Way::Open);
    until_known(&node, 0, 6999, &[6996, 6997, 6998, 6999]).await;
}
