//! Changes that wait to be proposed: the newest of each key, many in one entry, again until they are done.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use ringwatch_proto::v1;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Core;
use super::propose::ProposeError;
use crate::network::throttle::Throttle;

/// How long changes are gathered.
const GATHER: Duration = Duration::from_millis(150);
/// The most of one entry.
const COMMANDS: usize = 512;
const BYTES: usize = 256 * 1024;
/// What is waited after a failure; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(150);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The most that waits. Keys name breakers, samplers and targets, so that healthy nodes stay far below it.
const MOST: usize = 50_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What waits.
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    urgent: Notify,
    some: Notify,
    /// All before this number are done or refused.
    settled: watch::Sender<u64>,
    full: Throttle,
}

#[derive(Default)]
struct Waiting {
    items: BTreeMap<u64, Item>,
    numbers: HashMap<String, u64>,
    bytes: usize,
    next: u64,
    /// The first number of those that are being proposed.
    in_flight: Option<u64>,
    /// Since when something has waited.
    since: Option<Instant>,
    /// How many of the next are proposed one by one: among them is one that a leader refuses.
    single: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Item {
    key: String,
    command: v1::StateCommand,
    urgent: bool,
    bytes: usize,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            urgent: Notify::new(),
            some: Notify::new(),
            settled: watch::Sender::new(0),
            full: Throttle::default(),
        }
    }
}

impl Outbox {
    /// Takes a change in. Whether there was room.
    pub(crate) fn add(&self, key: String, command: v1::StateCommand, urgent: bool) -> bool {
        let bytes = command.encoded_len() + key.len();
        let item = Item {
            key,
            command,
            urgent,
            bytes,
        };
        if !self.lock().add(item) {
            return false;
        }
        self.some.notify_one();
        if urgent {
            self.urgent.notify_one();
        }
        true
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Whether a line may be logged about what found no room.
    pub(crate) fn complain(&self) -> Option<u64> {
        self.full.pass()
    }

    /// Waits until all that waits now is done or refused.
    pub(crate) async fn flush(&self, limit: Duration) -> bool {
        let target = self.lock().next;
        let mut settled = self.settled.subscribe();
        self.urgent.notify_one();
        let done = settled.wait_for(|settled| *settled >= target);
        timeout(limit, done).await.is_ok_and(|done| done.is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to propose, and for more of it if it is not urgent.
    async fn ready(&self) {
        loop {
            let (since, urgent) = {
                let waiting = self.lock();
                (
                    waiting.since,
                    waiting.items.values().take(COMMANDS).any(|item| item.urgent),
                )
            };
            match since {
                None => self.some.notified().await,
                Some(_) if urgent => return,
                Some(since) => {
                    tokio::select! {
                        () = sleep_until(since + GATHER) => {}
                        () = self.urgent.notified() => {}
                    }
                    return;
                }
            }
        }
    }

    /// What of the first batch is left after its answer; those have to be proposed again.
    fn settle(&self, again: BTreeMap<u64, Item>) {
        let settled = {
            let mut waiting = self.lock();
            waiting.in_flight = None;
            for (number, item) in again {
                waiting.put_back(number, item);
            }
            waiting.settled()
        };
        self.settled.send_replace(settled);
    }
}

impl Waiting {
    fn add(&mut self, mut item: Item) -> bool {
        if let Some(number) = self.numbers.get(&item.key)
            && let Some(before) = self.items.get_mut(number)
        {
            item.urgent |= before.urgent;
            self.bytes = self.bytes - before.bytes + item.bytes;
            *before = item;
            return true;
        }
        if self.items.len() >= MOST || self.bytes + item.bytes > MOST_BYTES {
            return false;
        }
        let number = self.next;
        self.next += 1;
        self.since.get_or_insert_with(Instant::now);
        self.insert(number, item);
        true
    }

    fn insert(&mut self, number: u64, item: Item) {
        self.bytes += item.bytes;
        self.numbers.insert(item.key.clone(), number);
        self.items.insert(number, item);
    }

    /// An older change than one that came meanwhile is not proposed again.
    fn put_back(&mut self, number: u64, item: Item) {
        if !self.numbers.contains_key(&item.key) {
            self.since.get_or_insert_with(Instant::now);
            self.insert(number, item);
        }
    }

    /// The first of what waits, as much as one entry takes; the urgent ones before the others.
    fn take(&mut self) -> BTreeMap<u64, Item> {
        let most = if self.single > 0 { 1 } else { COMMANDS };
        self.single = self.single.saturating_sub(1);
        let mut bytes = 0;
        let mut numbers = Vec::new();
        let urgent = self.items.iter().filter(|(_, item)| item.urgent);
        let others = self.items.iter().filter(|(_, item)| !item.urgent);
        for (number, item) in urgent.chain(others).take(most) {
            bytes += item.bytes;
            if bytes > BYTES && !numbers.is_empty() {
                break;
            }
            numbers.push(*number);
        }
        let taken: BTreeMap<u64, Item> = numbers
            .into_iter()
            .filter_map(|number| Some((number, self.items.remove(&number)?)))
            .collect();
        for item in taken.values() {
            self.bytes -= item.bytes;
            self.numbers.remove(&item.key);
        }
        self.in_flight = taken.keys().next().copied();
        self.since = (!self.items.is_empty()).then(Instant::now);
        taken
    }

    fn settled(&self) -> u64 {
        let first = self.items.keys().next().copied();
        first.into_iter().chain(self.in_flight).min().unwrap_or(self.next)
    }
}

/// Proposes what waits, for ever.
pub(crate) async fn empty(core: Arc<Core>) {
    let outbox = &core.outbox;
    let mut wait = FIRST_WAIT;
    loop {
        outbox.ready().await;
        let batch = outbox.lock().take();
        if batch.is_empty() {
            continue;
        }
        let view = core.fence.load(Ordering::Acquire);
        let commands = batch.values().map(|item| item.command.clone()).collect();
        let (again, done) = match core.propose(view, commands).await {
            Ok(answers) => (older_view(batch, &answers), true),
            Err(ProposeError::Refused(why)) if batch.len() == 1 => {
                tracing::warn!(why, "a change was refused by the group's leader, it is dropped");
                core.metrics.refused("leader");
                (BTreeMap::new(), true)
            }
            Err(ProposeError::Refused(_)) => {
                outbox.lock().single = batch.len();
                (batch, true)
            }
            Err(_) => (batch, false),
        };
        let fenced = done && !again.is_empty() && core.fence.load(Ordering::Acquire) == view;
        outbox.settle(again);
        core.metrics
            .waiting
            .set(i64::try_from(outbox.len()).unwrap_or(i64::MAX));
        if !done {
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            continue;
        }
        wait = FIRST_WAIT;
        if fenced && outbox.lock().single == 0 {
            // The view that the group knows has not reached this node yet.
            sleep(GATHER).await;
        }
    }
}

/// What was refused because it was made under another view than the present one.
fn older_view(batch: BTreeMap<u64, Item>, answers: &[v1::StateAnswer]) -> BTreeMap<u64, Item> {
    let answers = answers.iter().map(v1::StateAnswer::refusal);
    let answered = batch.into_iter().zip(answers);
    answered
        .filter(|(_, refusal)| *refusal == v1::StateRefusal::OldView)
        .map(|(item, _)| item)
        .collect()
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
