//! What a node asks under an older view than the others have: it is refused and counted, and changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use prometheus::Registry;
use ringwatch_cluster::gossip::Keyring;
use ringwatch_cluster::member::{Incarnation, Member, NodeId, PROTOCOL, Said, Stage, State};
use ringwatch_cluster::memories::Change;
use ringwatch_cluster::peer::{GrpcPeers, Handed, PeerError, PeerMetrics, Peers};
use ringwatch_cluster_tests::cluster::ask;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_frame::{TargetId, TargetMemory, Tick};
use tokio::sync::mpsc;

use super::Watching;
use crate::story::SOON;

const REFUSED: &str = "ringwatch_refused_epochs_total";

/// Who calls, in the name of a node, and whom.
struct Caller {
    peers: GrpcPeers,
    to: Member,
}

impl Caller {
    /// Calls node `to` as node `from`, as that one does itself.
    async fn of(all: &Watching, from: usize, to: usize) -> Result<Self> {
        let grpc = all.cluster.seat(to).ports().grpc;
        let known = ask::members(grpc).await?;
        let life = |n: usize| {
            let id = all.cluster.seat(n).id();
            let member = known.members.iter().find(|member| member.node_id == id);
            let member = member.with_context(|| format!("{id} is no member"))?;
            Ok::<_, anyhow::Error>(Incarnation {
                node: NodeId::new(&member.node_id),
                generation: member.generation,
            })
        };
        let keys = Keyring::read(&all.cluster.key_file())?;
        let keys = Arc::new((keys, known.cluster.clone()));
        let metrics = PeerMetrics::register(&Registry::new())?;
        Ok(Self {
            peers: GrpcPeers::new(&life(from)?, &known.cluster, keys, metrics),
            to: Member {
                who: life(to)?,
                state: State::Ready,
                since: Tick::from_unix_nanos(0),
                gossip_address: None,
                said: Said {
                    stage: Stage::Ready,
                    grpc_address: format!("127.0.0.1:{grpc}"),
                    version: String::new(),
                    points: 1,
                    view: 0,
                    targets: 0,
                    owned: Arc::default(),
                    excluded: Arc::default(),
                    raft: None,
                    dataset: (0, 0),
                    protocol: PROTOCOL,
                },
            },
        })
    }

    /// What came of a handoff's steps, a claim and a copy for a standby under this epoch, by what is counted.
    async fn ask_all(&self, target: &TargetId, view: u64) -> BTreeMap<&'static str, Result<(), PeerError>> {
        let handed = Handed {
            target: target.clone(),
            memory: TargetMemory::default(),
            companion: Vec::new(),
            moves: Vec::new(),
            handoff: 1,
            view,
        };
        let (changes, to_send) = mpsc::channel(1);
        let (words, _heard) = mpsc::channel(1);
        let snapshot = Change::Snapshot {
            target: target.clone(),
            memory: TargetMemory::default(),
            covers: BTreeMap::new(),
            serial: 1,
            view,
        };
        // The stream takes one message, and is empty.
        let _ = changes.send(snapshot).await;
        let claim = self.peers.recall(&self.to, std::slice::from_ref(target), view);
        BTreeMap::from([
            ("prepare", self.peers.prepare(&self.to, target, 1, view).await),
            ("commit", self.peers.commit(&self.to, handed).await),
            ("recall", claim.await.map(drop)),
            (
                "replicate",
                Err(self.peers.replicate(&self.to, to_send, words).await),
            ),
        ])
    }
}

#[test]
fn what_is_asked_under_an_older_view_is_refused_and_changes_nothing() -> Result<()> {
    scenario("cluster_epochs", async |scene| {
        let mut all = Watching::start(scene, 3, 6, |_| {}).await?;
        let old = all.cluster.agree(SOON).await?.view;
        let newcomer = all.cluster.add_seat()?;
        all.cluster.launch(newcomer)?;
        let before = all.cluster.agree(SOON * 2).await?;
        ensure_fault(old > 0 && before.view > old, "there is no older view")?;
        let (target, standby) = before
            .standbys
            .first_key_value()
            .context("no target has a standby")?;
        let callee = all.cluster.number_of(standby)?;
        let caller = all.cluster.number_of(&before.owners[target])?;
        let (caller, target) = (
            Caller::of(&all, caller, callee).await?,
            TargetId::new("postgresql", target),
        );
        // So far it goes well: a handoff that begins under the present view.
        caller.peers.prepare(&caller.to, &target, 1, before.view).await?;
        let count = async |what: &str| {
            let metrics = all.cluster.node(callee)?.metrics().await?;
            Ok::<_, anyhow::Error>(metrics.count(REFUSED, &[("what", what)]))
        };
        let mut counted = BTreeMap::new();
        for what in ["prepare", "commit", "recall", "replicate"] {
            counted.insert(what, count(what).await?);
        }
        for (what, answer) in caller.ask_all(&target, old).await {
            let stale = matches!(&answer, Err(PeerError::Stale { view }) if *view >= before.view);
            ensure!(stale, "{what} under view {old} of {}: {answer:?}", before.view);
            let (was, now) = (counted[what], count(what).await?);
            ensure!(
                now == was + 1,
                "{what} was refused {was} times before, {now} after"
            );
        }

        let after = all.cluster.agree(SOON).await?;
        ensure!(
            after.owners == before.owners,
            "before {before:?}, after {after:?}"
        );
        all.more_ticks(2).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}
