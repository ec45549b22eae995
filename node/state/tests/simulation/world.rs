//! The nodes, and what happens to them.

use std::time::Duration;

use fastrand::Rng;
use ringwatch_state::{Role, Standing};
use tokio::time::{Instant, sleep};

use crate::gossip::Gossip;
use crate::network::Network;
use crate::node::Machine;
use crate::oracle::Oracle;
use crate::story::{Fault, Story};

/// Between two looks at the nodes.
const LOOK: Duration = Duration::from_millis(40);
/// The gossip's interval, in looks.
const GOSSIP: u64 = 3;
/// The group is founded by then, where nothing stands in the way.
const FOUNDING: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) nodes: Vec<Machine>,
    pub(crate) voters: usize,
    pub(crate) network: Network,
    pub(crate) oracle: Oracle,
    gossip: Gossip,
    looks: u64,
    begun: usize,
    early: bool,
}

impl World {
    pub(crate) fn new(seed: u64, story: &Story) -> Self {
        let mut random = Rng::with_seed(seed);
        let oracle = Oracle::default();
        let nodes =
            (0..story.nodes).map(|number| Machine::new(number, &mut random, story.slow_disk, &oracle));
        Self {
            nodes: nodes.collect(),
            voters: story.voters,
            network: Network::new(seed),
            oracle,
            gossip: Gossip::default(),
            looks: 0,
            begun: story.nodes - story.late,
            early: story.early,
        }
    }

    /// All nodes but the late ones begin. Unless the story begins early the group is founded afterwards.
    pub(crate) async fn begin(&mut self) {
        for number in 0..self.begun {
            self.start(number).await;
        }
        if self.early {
            return;
        }
        let end = Instant::now() + FOUNDING;
        while self.leader().is_none() {
            if Instant::now() > end {
                let standings: Vec<Standing> = self.standings().collect();
                return self
                    .oracle
                    .complain(format!("the group was not founded: {standings:?}"));
            }
            self.pass(LOOK).await;
        }
    }

    async fn start(&mut self, number: usize) {
        let (voters, network, oracle) = (self.voters, self.network.clone(), self.oracle.clone());
        if let Some(node) = self.nodes.get_mut(number) {
            node.start(voters, &network, &oracle).await;
        }
    }

    /// How the living nodes see the group.
    pub(crate) fn standings(&self) -> impl Iterator<Item = Standing> {
        let running = self.nodes.iter().filter_map(|node| node.running.as_ref());
        running.map(|running| running.handle.standing().borrow().clone())
    }

    /// How the node that leads sees the group.
    pub(crate) fn leader(&self) -> Option<Standing> {
        self.standings().find(|standing| standing.leads)
    }

    /// Time passes.
    pub(crate) async fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            sleep(LOOK).await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        if self.looks.is_multiple_of(GOSSIP) {
            self.gossip.round(&self.nodes, &self.network);
        }
        self.looks += 1;
        self.leaders();
        let mut failed = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let Some(running) = &node.running else { continue };
            let standing = running.handle.standing().borrow().clone();
            let mut books = self.oracle.books();
            let group = running.announcement.borrow().group;
            books.groups.extend((group != 0).then_some(group));
            drop(books);
            if let Some(reason) = standing.failed {
                if !node.may_fail {
                    self.oracle.complain(format!("{} failed: {reason}", node.name));
                }
                failed.push(number);
            }
        }
        for number in failed {
            self.oracle.counted("failed disks");
            self.crash(number);
            self.start(number).await;
        }
    }

    /// Looks who leads. In openraft a leader's id is its term and its Raft id, and they are ordered: in one term a second
    /// leader may follow, which has a higher Raft id and ends the first one.
    fn leaders(&self) {
        let leads = |node: &Machine| {
            let running = node.running.as_ref()?;
            let standing = running.handle.standing().borrow().clone();
            let id = running.announcement.borrow().id;
            (standing.role == Role::Leader && id != 0).then(|| (standing.term, id, node.name.clone()))
        };
        let mut seen: Vec<_> = self.nodes.iter().filter_map(leads).collect();
        seen.sort_unstable();
        let mut books = self.oracle.books();
        for (term, id, name) in seen {
            let of_term = books.leaders.entry(term).or_default();
            let last = of_term.last_key_value().map(|(id, _)| *id);
            let known = of_term.get(&id);
            let complaint = match (known, last) {
                (Some(known), _) if *known != name => Some(format!("{known} and {name} lead as {id}")),
                (None, Some(last)) if id < last => Some(format!("{name} leads as {id} after {last}")),
                _ => None,
            };
            of_term.entry(id).or_insert(name);
            let complaint = complaint.map(|what| format!("in term {term} {what}"));
            books.complaints.extend(complaint);
        }
    }

    fn crash(&mut self, number: usize) -> bool {
        let network = self.network.clone();
        self.nodes
            .get_mut(number)
            .is_some_and(|node| node.crash(&network))
    }

    /// A disk may only be wiped while all voters are alive under their present ids: then a majority of the
    /// disks on which an acknowledged write is stays. One whose disk was wiped a moment ago may still be seen under its
    /// old id, and knows itself that it belongs to no group.
    fn may_wipe(&self) -> bool {
        let all_belong = self.standings().all(|standing| standing.founded);
        self.leader().is_some_and(|leader| {
            all_belong && leader.missing.is_empty() && leader.voters.len() >= self.voters
        })
    }

    pub(crate) async fn happens(&mut self, fault: Fault) {
        let network = self.network.clone();
        let happened = match fault {
            Fault::Cut(from, to) => self.cut(|one, other| one == from && other == to),
            Fault::Isolate(node) => self.cut(|one, other| (one == node) != (other == node)),
            Fault::Split(side) => self.cut(|one, other| (side >> one & 1) != (side >> other & 1)),
            Fault::Heal => {
                network.heal();
                Some("heals")
            }
            Fault::Loss(percent) => {
                network.set_loss(percent);
                Some("losses")
            }
            Fault::Delay(most) => {
                network.set_delay(most);
                Some("delays")
            }
            Fault::Crash(number) => self.crash(number).then_some("crashes"),
            Fault::PowerCut => {
                for number in 0..self.nodes.len() {
                    self.crash(number);
                }
                Some("power cuts")
            }
            Fault::Restart(number) => self.restart(number).await,
            Fault::RestartAll => {
                for number in 0..self.nodes.len() {
                    self.restart(number).await;
                }
                None
            }
            Fault::Wipe(number) => self.wipe(number),
            Fault::DiskFull(number) => self.nodes.get_mut(number).map(|node| {
                node.disk.fail_after(Some(fastrand::u64(0..20)));
                node.may_fail = true;
                "full disks"
            }),
            Fault::Stop(number) => match self.nodes.get_mut(number) {
                Some(node) => node.stop(&network).await.then_some("stops"),
                None => None,
            },
            Fault::Join => {
                let late = self.nodes.iter().position(|node| !node.exists);
                if let Some(number) = late {
                    self.start(number).await;
                }
                late.map(|_| "joins")
            }
        };
        if let Some(what) = happened {
            self.oracle.counted(what);
        }
    }

    fn cut(&self, is_cut: impl Fn(usize, usize) -> bool) -> Option<&'static str> {
        for (one, from) in self.nodes.iter().enumerate() {
            for (other, to) in self.nodes.iter().enumerate() {
                if one != other && is_cut(one, other) {
                    self.network.cut(&from.name, &to.name);
                }
            }
        }
        Some("cuts")
    }

    async fn restart(&mut self, number: usize) -> Option<&'static str> {
        if self
            .nodes
            .get(number)
            .is_some_and(|node| node.exists && node.running.is_none())
        {
            self.start(number).await;
            return Some("restarts");
        }
        None
    }

    fn wipe(&mut self, number: usize) -> Option<&'static str> {
        if !self.may_wipe()
            || self
                .nodes
                .iter()
                .any(|node| node.exists && node.running.is_none())
        {
            return None;
        }
        self.crash(number).then(|| {
            if let Some(node) = self.nodes.get(number) {
                node.disk.wipe();
            }
            "wipes"
        })
    }

    /// No fault any more: all links are whole, and everybody lives.
    pub(crate) async fn calm(&mut self) {
        self.network.heal();
        self.network.set_loss(0);
        self.network.set_delay(5);
        for number in 0..self.nodes.len() {
            if self.nodes.get(number).is_some_and(|node| node.may_fail) {
                self.crash(number);
            }
            self.start(number).await;
        }
    }

    /// Ends all nodes.
    pub(crate) async fn end(&mut self) {
        for number in 0..self.nodes.len() {
            self.crash(number);
        }
        sleep(LOOK).await;
    }
}
