//! What happens in a run, from its seed.

use fastrand::Rng;

/// A node, counted from 0.
pub(crate) type Node = usize;

/// What happens to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing gets from the one to the other.
    Cut(Node, Node),
    /// The node is alone.
    Isolate(Node),
    /// The nodes whose bits are set, and the others, do not hear each other.
    Split(u8),
    /// All links are whole.
    Heal,
    /// So many of a hundred calls get lost on their way, and as many answers.
    Loss(u8),
    /// A call takes up to so many milliseconds, each its own time: they overtake each other.
    Delay(u16),
    /// The process dies. What was not durable is gone.
    Crash(Node),
    /// All processes die at once.
    PowerCut,
    /// A dead process begins anew.
    Restart(Node),
    /// All of them do.
    RestartAll,
    /// The process dies and its disk is empty.
    Wipe(Node),
    /// Its disk takes a few more writes and then none.
    DiskFull(Node),
    /// It gives its leadership away and ends.
    Stop(Node),
    /// A node that was never there comes.
    Join,
}

/// A run's plan.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) nodes: usize,
    pub(crate) voters: usize,
    /// How many of the nodes come later.
    pub(crate) late: usize,
    /// Faults begin before the group was founded.
    pub(crate) early: bool,
    /// A durable write takes up to so many milliseconds.
    pub(crate) slow_disk: u64,
    /// Each fault and how many milliseconds after the one before.
    pub(crate) faults: Vec<(u64, Fault)>,
}

impl Story {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let nodes = random.usize(3..=7);
        let voters = if nodes >= 5 && random.bool() { 5 } else { 3 };
        let late = random.usize(0..=(nodes - voters).min(2));
        // The rule of founding makes one group of fewer nodes than twice the voters, and says so.
        let early = nodes < 2 * voters && random.u8(0..4) == 0;
        let mut faults: Vec<(u64, Fault)> = Vec::new();
        let count = random.usize(4..=10);
        for _ in 0..count {
            let fault = Self::fault(&mut random, nodes);
            let wait = if random.u8(0..4) == 0 {
                random.u64(0..50)
            } else {
                random.u64(50..2_000)
            };
            faults.push((wait, fault));
            let follows = match fault {
                Fault::Crash(node) | Fault::Wipe(node) | Fault::Stop(node) => Some(Fault::Restart(node)),
                Fault::DiskFull(node) => Some(Fault::Crash(node)),
                Fault::PowerCut => Some(Fault::RestartAll),
                Fault::Cut(..) | Fault::Isolate(_) | Fault::Split(_) => Some(Fault::Heal),
                Fault::Loss(_) => Some(Fault::Loss(0)),
                Fault::Delay(_) => Some(Fault::Delay(5)),
                _ => None,
            };
            if let Some(follows) = follows.filter(|_| random.u8(0..5) < 4) {
                faults.push((random.u64(10..3_500), follows));
            }
        }
        for _ in 0..late {
            let at = random.usize(0..=faults.len());
            faults.insert(at, (random.u64(0..500), Fault::Join));
        }
        Self {
            nodes,
            voters,
            late,
            early,
            slow_disk: if random.bool() { 0 } else { random.u64(1..30) },
            faults,
        }
    }

    fn fault(random: &mut Rng, nodes: usize) -> Fault {
        let node = random.usize(0..nodes);
        match random.u8(0..24) {
            0..=1 => Fault::Cut(node, random.usize(0..nodes)),
            2..=4 => Fault::Isolate(node),
            5..=7 => Fault::Split(random.u8(1..1 << (nodes - 1))),
            8 => Fault::Heal,
            9..=10 => Fault::Loss(random.u8(2..30)),
            11..=12 => Fault::Delay(random.u16(20..600)),
            13..=16 => Fault::Crash(node),
            17..=18 => Fault::PowerCut,
            19 => Fault::RestartAll,
            20..=21 => Fault::Wipe(node),
            22 => Fault::DiskFull(node),
            _ => Fault::Stop(node),
        }
    }
}
