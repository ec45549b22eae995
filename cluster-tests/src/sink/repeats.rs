//! What came twice, told by tick and by request: a request whose answer was lost is sent again, and that is all that may
//! come twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ringwatch_frame::Clock;

use super::Memory;

/// What is kept of points and records that tell of a tick otherwise than what came first.
const MOST_CONTRADICTIONS: usize = 20;

/// How the first of a tick came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When, in nanoseconds since 1970.
    pub at: u64,
    /// With which request, counted from 1.
    pub request: u64,
}

/// What came twice, and when each tick came first.
#[derive(Debug)]
pub struct Repeats {
    /// The arrival of each tick by target and time; as many ticks of each target as points are kept of a series.
    pub arrivals: HashMap<String, BTreeMap<u64, Arrival>>,
    /// How much came again of a tick, by target and time; as many ticks as records are kept.
    pub ticks: BTreeMap<(String, u64), u64>,
    /// The requests of which something came again with a later one.
    pub requests: BTreeSet<u64>,
    /// The first of what was told of a tick otherwise than before, in words.
    pub contradictions: Vec<String>,
    memory: Memory,
    request: u64,
    now: u64,
}

impl Repeats {
    pub(super) fn new(memory: Memory) -> Self {
        Self {
            arrivals: HashMap::new(),
            ticks: BTreeMap::new(),
            requests: BTreeSet::new(),
            contradictions: Vec::new(),
            memory,
            request: 0,
            now: 0,
        }
    }

    pub(super) fn begin_request(&mut self) {
        self.request += 1;
        self.now = u64::try_from(Clock::system().now().unix_nanos()).unwrap_or(0);
    }

    /// Something of a tick came that had not come before.
    pub(super) fn came(&mut self, target: &str, tick: u64) {
        let arrival = Arrival {
            at: self.now,
            request: self.request,
        };
        let Some(of_target) = self.arrivals.get_mut(target) else {
            if self.arrivals.len() < self.memory.series {
                self.arrivals.insert(target.to_owned(), [(tick, arrival)].into());
            }
            return;
        };
        of_target.entry(tick).or_insert(arrival);
        if of_target.len() > self.memory.points_of_series {
            of_target.pop_first();
        }
    }

    /// Something of a tick came again.
    pub(super) fn again(&mut self, target: &str, tick: u64) {
        *self.ticks.entry((target.to_owned(), tick)).or_default() += 1;
        if self.ticks.len() > self.memory.records {
            self.ticks.pop_first();
        }
        let first = self.arrivals.get(target).and_then(|of| of.get(&tick));
        self.requests.extend(first.map(|arrival| arrival.request));
        if self.requests.len() > self.memory.records {
            self.requests.pop_first();
        }
    }

    /// What came again is not what had come before.
    pub(super) fn contradict(&mut self, words: impl FnOnce() -> String) {
        if self.contradictions.len() < MOST_CONTRADICTIONS {
            self.contradictions.push(words());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_told_by_its_first_request() {
        let mut repeats = Repeats::new(Memory::OF_A_TEST);
        repeats.begin_request();
        repeats.came("x:1", 10);
        repeats.came("y:1", 10);
        repeats.begin_request();
        repeats.came("x:1", 20);
        repeats.begin_request();
        repeats.again("x:1", 10);
        repeats.again("x:1", 10);
        repeats.again("y:1", 10);
        let wanted = [(("x:1".to_owned(), 10), 2), (("y:1".to_owned(), 10), 1)];
        assert_eq!(repeats.ticks, wanted.into());
        assert_eq!(repeats.requests, [1].into());
        assert_eq!(repeats.arrivals["x:1"][&20].request, 2);
    }
}
