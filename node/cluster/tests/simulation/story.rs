//! The story of a run: what happens to the cluster and when, drawn from the seed.

use std::time::Duration;

/// What can happen. Nodes and targets are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Join(usize),
    Drain(usize),
    Undrain(usize),
    /// It hands over, says so and ends, and returns in a new life after that time.
    Leave(usize, Duration),
    /// It is gone at once, and returns in a new life after that time.
    Kill(usize, Duration),
    Pause(usize, Duration),
    /// It cannot reach anybody for that time.
    Partition(usize, Duration),
    /// Nobody hears it for that time, though it hears.
    Unheard(usize, Duration),
    /// It cannot reach any target for that time.
    Blind(usize, Duration),
    /// Datagrams are lost, and everything is slow, for that time.
    Weather(Duration),
    AddTarget(usize),
    RemoveTarget(usize),
    /// An operator moves a target to a node.
    Move(usize, usize),
}

/// What kinds of things happen in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Joins, drains, nodes that leave, and targets that come and go.
    Moves,
    /// Kills, one after the other, and joins between them.
    Kills,
    /// Pauses and drains.
    Pauses,
    /// All of it, at any time, with answers that are lost.
    Everything,
    /// The group loses its majority while most of the nodes are there; then others die.
    Votes,
    /// Freezes of all lengths, one after the other.
    Freezes,
    /// Cuts of one or both ways, bad weather, and nodes that cannot reach targets, one after the other.
    Cuts,
}

#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) kind: Kind,
    pub(crate) nodes: usize,
    pub(crate) targets: usize,
    /// The targets cost unequal times, and the load is evened out.
    pub(crate) uneven: bool,
    /// What happens, each with the time after the one before.
    pub(crate) faults: Vec<(Duration, Fault)>,
}

impl Story {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let kind = match seed % 7 {
            0 => Kind::Moves,
            1 => Kind::Kills,
            2 => Kind::Pauses,
            3 => Kind::Everything,
            4 => Kind::Votes,
            5 => Kind::Freezes,
            _ => Kind::Cuts,
        };
        let nodes = if kind == Kind::Votes { 7 } else { rng.usize(3..=5) };
        let uneven = rng.u8(..3) == 0;
        let targets = rng.usize(4..=9);
        let mut teller = Teller {
            rng,
            nodes,
            targets,
            last_target: targets,
            drained: None,
        };
        let faults = match kind {
            Kind::Votes => teller.votes(),
            _ => (0..teller.rng.usize(3..=5)).map(|_| teller.next(kind)).collect(),
        };
        Self {
            kind,
            nodes,
            targets,
            uneven,
            faults,
        }
    }
}

struct Teller {
    rng: fastrand::Rng,
    nodes: usize,
    targets: usize,
    last_target: usize,
    drained: Option<usize>,
}

impl Teller {
    fn next(&mut self, kind: Kind) -> (Duration, Fault) {
        match kind {
            Kind::Moves => (self.millis(500, 7_000), self.move_()),
            // So far apart that the ring is whole again: what two kills at once may lose is another matter.
            Kind::Kills if self.rng.u8(..4) > 0 => (self.millis(12_000, 16_000), self.kill(4_000)),
            Kind::Kills => (self.millis(12_000, 16_000), self.join()),
            Kind::Pauses if self.rng.u8(..4) > 0 => (self.millis(10_000, 14_000), self.pause()),
            Kind::Pauses => (self.millis(10_000, 14_000), self.drain()),
            Kind::Freezes => {
                let time = self.freeze();
                (Duration::from_secs(14), Fault::Pause(self.node(), time))
            }
            Kind::Cuts => (self.millis(13_000, 15_000), self.bad_link()),
            Kind::Everything | Kind::Votes => (self.millis(300, 9_000), self.anything()),
        }
    }

    /// Two of the three voters are away for a while; in that time others die, early or late.
    fn votes(&mut self) -> Vec<(Duration, Fault)> {
        let away = self.millis(15_000, 25_000);
        let stays = self.rng.usize(1..=3);
        let mut faults: Vec<_> = (1..=3)
            .filter(|voter| *voter != stays)
            .map(|voter| Fault::Kill(voter, away))
            .map(|fault| (Duration::from_millis(300), fault))
            .collect();
        let other = self.rng.usize(4..=7);
        faults.push((
            self.millis(500, 12_000),
            Fault::Kill(other, self.millis(2_000, 20_000)),
        ));
        faults
    }

    fn anything(&mut self) -> Fault {
        match self.rng.u8(..7) {
            0 | 1 => self.kill(40_000),
            2 => self.pause(),
            3 => Fault::Partition(self.node(), self.millis(300, 15_000)),
            4 => self.bad_link(),
            _ => self.move_(),
        }
    }

    /// So short that nobody sees it, or so long that others take over.
    fn freeze(&mut self) -> Duration {
        match self.rng.u8(..3) {
            0 => self.millis(200, 900),
            1 => self.millis(900, 4_000),
            _ => self.millis(4_000, 8_000),
        }
    }

    fn bad_link(&mut self) -> Fault {
        let time = self.millis(300, 8_000);
        match self.rng.u8(..4) {
            0 => Fault::Partition(self.node(), time),
            1 => Fault::Unheard(self.node(), time),
            2 => Fault::Blind(self.node(), time),
            _ => Fault::Weather(time),
        }
    }

    fn move_(&mut self) -> Fault {
        match self.rng.u8(..7) {
            6 => Fault::Move(self.rng.usize(1..=self.targets), self.node()),
            0 => self.join(),
            1 | 2 => self.drain(),
            3 => Fault::Leave(self.node(), self.millis(500, 5_000)),
            4 => {
                self.last_target += 1;
                Fault::AddTarget(self.last_target)
            }
            _ if self.targets > 2 => {
                // Never one that was added: what comes and goes has no ticks that could be missed.
                self.targets -= 1;
                Fault::RemoveTarget(self.targets + 1)
            }
            _ => self.drain(),
        }
    }

    fn join(&mut self) -> Fault {
        if self.nodes >= 7 {
            return self.drain();
        }
        self.nodes += 1;
        Fault::Join(self.nodes)
    }

    fn drain(&mut self) -> Fault {
        match self.drained.take() {
            Some(node) => Fault::Undrain(node),
            None => {
                let node = self.node();
                self.drained = Some(node);
                Fault::Drain(node)
            }
        }
    }

    fn kill(&mut self, longest: u64) -> Fault {
        let longest = if self.rng.bool() { 1_000 } else { longest };
        Fault::Kill(self.node(), self.millis(100, longest))
    }

    fn pause(&mut self) -> Fault {
        Fault::Pause(self.node(), self.millis(200, 6_000))
    }

    fn node(&mut self) -> usize {
        self.rng.usize(1..=self.nodes)
    }

    fn millis(&mut self, shortest: u64, longest: u64) -> Duration {
        Duration::from_millis(self.rng.u64(shortest..=longest))
    }
}
