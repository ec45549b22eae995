//! The world of a run: its processes, and what can be done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_cluster::gossip::{Gossip, GossipParts, Keyring, start_gossip_on};
use ringwatch_cluster::member::{Incarnation, Said, Stage};
use ringwatch_cluster::node::{ClusterNode, ClusterParts, Knowledge, MovesCap, prepare_cluster};
use ringwatch_cluster::pulse::{BEAT, Pulse};
use ringwatch_cluster::ring::POINTS;
use ringwatch_cluster::roster::Timing;
use ringwatch_frame::{Clock, TargetId, Tick};
use tokio::sync::watch;
use tokio::time::interval;

use crate::collector::SimCollector;
use crate::group::Group;
use crate::network::{Network, SimPeers, SwitchedTransport, address, name};
use crate::oracle::Oracle;
use crate::story::{Fault, Story};
use crate::switch::Switch;
use crate::trace::Trace;

const HOLD_DOWN: Duration = Duration::from_secs(5);

pub(crate) struct World {
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) clock: Clock,
    pub(crate) processes: BTreeMap<usize, Process>,
    network: Arc<Network>,
    pub(crate) group: Arc<Group>,
    weights: Arc<BTreeMap<TargetId, f64>>,
    targets: watch::Sender<Arc<[TargetId]>>,
    lives: u64,
    rng: fastrand::Rng,
    /// What undoes a fault, and when.
    later: BTreeMap<(Tick, usize), Later>,
    draining: BTreeSet<usize>,
}

/// What ends a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Later {
    Start,
    Resume,
    Heal,
    Clear,
}

/// A process that runs, or stands still.
pub(crate) struct Process {
    pub(crate) life: Incarnation,
    pub(crate) switch: Switch,
    node: ClusterNode,
    collector: SimCollector,
}

impl Process {
    pub(crate) fn knows(&self) -> Arc<Knowledge> {
        Arc::clone(&self.node.control().knowledge().borrow())
    }
}

pub(crate) fn target(nth: usize) -> TargetId {
    TargetId::new("postgresql", &format!("db-{nth}:5432"))
}

impl World {
    pub(crate) fn new(seed: u64, story: &Story) -> Self {
        let targets: Vec<TargetId> = (1..=story.targets).map(target).collect();
        let clock = Clock::simulated(Tick::from_unix_nanos(1_800_000_000_000_000_000));
        let trace = Arc::new(Trace::new(&clock));
        let network = Network::new(seed, &trace);
        let mut rng = fastrand::Rng::with_seed(seed);
        let weights = (1..=20)
            .filter(|_| story.uneven)
            .map(|nth| (target(nth), 0.1 + rng.f64()));
        Self {
            group: Group::start(seed, &network),
            weights: Arc::new(weights.collect()),
            network,
            oracle: Arc::default(),
            clock,
            trace,
            processes: BTreeMap::new(),
            targets: watch::Sender::new(targets.into()),
            lives: 0,
            rng: fastrand::Rng::with_seed(seed),
            later: BTreeMap::new(),
            draining: BTreeSet::new(),
        }
    }

    pub(crate) fn targets(&self) -> Arc<[TargetId]> {
        Arc::clone(&self.targets.borrow())
    }

    async fn gossip(&self, n: usize, me: &Incarnation, grpc_address: &str, switch: &Switch) -> Gossip {
        let first = Said {
            stage: Stage::Joining,
            grpc_address: grpc_address.into(),
            version: "1".into(),
            points: POINTS,
            view: 0,
            targets: 0,
            owned: Arc::default(),
            excluded: Arc::default(),
            raft: None,
            dataset: (0, 0),
            protocol: ringwatch_cluster::member::PROTOCOL,
        };
        let gossip = GossipParts {
            me: me.clone(),
            cluster: "sim".into(),
            listen: address(n),
            advertise: None,
            seeds: vec![address(1).to_string(), address(2).to_string()],
            keys: Keyring::of_name("sim"),
            // The node's own pulse must stand still with the process, which the gossip's loop here does not.
            pulse: Arc::default(),
            registry: Registry::new(),
        };
        let transport = SwitchedTransport {
            me: me.node.clone(),
            network: Arc::clone(&self.network),
            switch: switch.clone(),
        };
        start_gossip_on(&transport, gossip, first).await.unwrap()
    }

    /// How often targets may be handed over here: as seldom as elsewhere, in a shorter time.
    fn cap() -> MovesCap {
        MovesCap {
            within: Duration::from_secs(20),
            ..MovesCap::default()
        }
    }

    /// Starts node `n` in a new life.
    pub(crate) async fn start(&mut self, n: usize) {
        self.lives += 1;
        let me = Incarnation {
            node: name(n),
            generation: self.lives,
        };
        let (switch, pulse) = (Switch::new(), Arc::new(Pulse::default()));
        let grpc_address = format!("10.0.0.{n}:9000");
        let gossip = self.gossip(n, &me, &grpc_address, &switch).await;
        let peers = SimPeers {
            me: me.clone(),
            network: Arc::clone(&self.network),
            switch: switch.clone(),
        };
        let prepared = prepare_cluster(ClusterParts {
            me: me.clone(),
            cluster: "sim".into(),
            version: "1".into(),
            grpc_address,
            gossip_address: Some(address(n)),
            points: POINTS,
            timing: Timing {
                hold_down: HOLD_DOWN,
                ..Timing::default()
            },
            moves: Self::cap(),
            covers: true,
            clock: self.clock.clone(),
            registry: Registry::new(),
            targets: self.targets.subscribe(),
            gossip: Some(gossip),
            peers: Arc::new(peers),
            numbering: self.group.join(&me, &switch, Arc::clone(&self.weights)),
            announcement: watch::Sender::default().subscribe(),
            pulse: Arc::clone(&pulse),
        })
        .unwrap();
        self.network.register(&me, prepared.answers(), &switch);
        let shared = (prepared.gate(), prepared.memories(), prepared.may());
        let covers = prepared.covers();
        let seed = self.rng.u64(..);
        let collector = SimCollector::new(
            &me,
            &switch,
            &self.clock,
            shared,
            (&self.oracle, &self.group, &self.trace),
            seed,
        );
        beat(&switch, pulse);
        switch.spawn(Arc::clone(&collector.0).cover(covers));
        let node = prepared.start_with(Arc::new(collector.clone()), |node| switch.spawn(node));
        let _first = collector.0.control.set(node.control());
        node.ready();
        if self.draining.contains(&n) {
            node.drain();
        }
        self.processes.insert(
            n,
            Process {
                life: me,
                switch,
                node,
                collector,
            },
        );
    }

    /// Lets `fault` happen, if it can: nothing happens to who is not there.
    pub(crate) async fn happens(&mut self, fault: Fault) {
        let now = self.clock.now();
        self.trace.line(&"fault", || format!("{fault:?}"));
        match fault {
            Fault::Join(n) => {
                self.oracle.happens(now, fault, None);
                self.start(n).await;
            }
            Fault::AddTarget(n) => {
                self.oracle.happens(now, fault, None);
                self.change_targets(|targets| targets.push(target(n)));
            }
            Fault::RemoveTarget(n) => {
                self.oracle.happens(now, fault, None);
                self.oracle.note(|books| books.removed.extend([(target(n), now)]));
                self.change_targets(|targets| targets.retain(|t| *t != target(n)));
            }
            Fault::Move(nth, to) => {
                self.oracle.happens(now, fault, None);
                let leader = self.group.leader();
                let leader = self
                    .processes
                    .values()
                    .find(|process| Some(&process.life.node) == leader.as_ref());
                if let Some(leader) = leader {
                    let control = leader.node.control();
                    // What it comes to is seen in the views.
                    tokio::spawn(async move { control.move_target(&target(nth), Some(&name(to))).await });
                }
            }
            Fault::Drain(n)
            | Fault::Undrain(n)
            | Fault::Leave(n, _)
            | Fault::Kill(n, _)
            | Fault::Pause(n, _)
            | Fault::Partition(n, _)
            | Fault::Unheard(n, _)
            | Fault::Blind(n, _) => self.hits(n, fault, now).await,
            Fault::Weather(time) => {
                self.oracle.happens(now, fault, None);
                self.network.weather(10, 60);
                self.in_time(time, 0, Later::Clear);
            }
        }
    }

    async fn hits(&mut self, n: usize, fault: Fault, now: Tick) {
        let busy = self.later.keys().any(|(_, node)| *node == n);
        let present = self.processes.keys().filter(|other| {
            let away = self.draining.contains(other) || self.later.keys().any(|(_, node)| node == *other);
            **other != n && !away
        });
        // Somebody must be left who can take what it has, and most must be there.
        let enough = matches!(fault, Fault::Undrain(_)) || present.count() * 2 > self.processes.len().max(2);
        let Some(process) = self.processes.get(&n).filter(|_| enough && !busy) else {
            return;
        };
        self.oracle.happens(now, fault, Some(&process.life));
        match fault {
            Fault::Drain(_) => {
                self.draining.insert(n);
                process.node.drain();
            }
            Fault::Undrain(_) => {
                self.draining.remove(&n);
                process.node.undrain();
            }
            Fault::Leave(_, away) => {
                let Some(process) = self.processes.remove(&n) else {
                    return;
                };
                process.node.leave(Duration::from_secs(10)).await;
                process.collector.flush().await;
                process.node.stop().await;
                process.switch.kill();
                self.oracle.dies(&process.life);
                self.in_time(away, n, Later::Start);
            }
            Fault::Kill(_, away) => {
                process.switch.kill();
                self.oracle.dies(&process.life);
                self.processes.remove(&n);
                self.in_time(away, n, Later::Start);
            }
            Fault::Pause(_, time) => {
                process.switch.pause();
                self.oracle
                    .note(|books| books.paused.extend([process.life.clone()]));
                self.in_time(time, n, Later::Resume);
            }
            Fault::Partition(_, time) => {
                for other in (1..=7).filter(|other| *other != n) {
                    self.network.cut(n, other);
                }
                self.in_time(time, n, Later::Heal);
            }
            Fault::Unheard(_, time) => {
                self.network.silence(n, true);
                self.in_time(time, n, Later::Heal);
            }
            Fault::Blind(_, time) => {
                let node = process.life.node.clone();
                self.oracle.note(|books| books.blind.extend([node]));
                self.in_time(time, n, Later::Heal);
            }
            Fault::Join(_)
            | Fault::AddTarget(_)
            | Fault::RemoveTarget(_)
            | Fault::Move(..)
            | Fault::Weather(_) => {}
        }
    }

    fn in_time(&mut self, time: Duration, n: usize, what: Later) {
        let at = self.clock.now().unix_nanos() + i64::try_from(time.as_nanos()).unwrap();
        self.later.insert((Tick::from_unix_nanos(at), n), what);
    }

    /// Lets time pass until `end`, and ends the faults that are over by then.
    pub(crate) async fn pass(&mut self, end: Tick) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, n), what) = entry.remove_entry();
            self.clock.sleep_until(at).await;
            self.undo(n, what).await;
        }
        self.clock.sleep_until(end).await;
    }

    /// Ends all faults that are not over.
    pub(crate) async fn calm(&mut self) {
        self.network.lose_answers(0);
        self.group.lose_answers(false);
        while let Some(((_, n), what)) = self.later.pop_first() {
            self.undo(n, what).await;
        }
        for n in std::mem::take(&mut self.draining) {
            if let Some(process) = self.processes.get(&n) {
                process.node.undrain();
            }
        }
    }

    pub(crate) fn lose_answers(&self) {
        self.network.lose_answers(20);
        self.group.lose_answers(true);
    }

    async fn undo(&mut self, n: usize, what: Later) {
        self.trace.line(&"fault", || format!("ends: {what:?} {n}"));
        match what {
            // A process that was killed a moment ago still has its port.
            Later::Start => self.start(n).await,
            Later::Resume => {
                if let Some(process) = self.processes.get(&n) {
                    process.switch.resume();
                    self.oracle
                        .note(|books| books.paused.retain(|life| *life != process.life));
                }
            }
            Later::Clear => self.network.weather(0, 0),
            Later::Heal => {
                self.network.silence(n, false);
                self.oracle
                    .note(|books| books.blind.retain(|node| *node != name(n)));
                for other in (1..=7).filter(|other| *other != n) {
                    self.network.heal(n, other);
                }
            }
        }
    }

    fn change_targets(&self, change: impl FnOnce(&mut Vec<TargetId>)) {
        let mut targets = self.targets().to_vec();
        change(&mut targets);
        self.targets.send_replace(targets.into());
    }
}

/// Lets a process have a pulse.
fn beat(switch: &Switch, pulse: Arc<Pulse>) {
    switch.spawn(async move {
        let mut beats = interval(BEAT);
        loop {
            beats.tick().await;
            pulse.beat();
        }
    });
}
