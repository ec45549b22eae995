//! What was decided elsewhere, until the processor takes it up before its next frame.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use ringwatch_frame::TargetId;

use super::cache::ByHash;
use super::control::{SamplerControl, Shared, locked};
use super::entry::Entry;
use super::listener::{SamplerListener, SeenEntry};
use super::plan::Plan;

/// Rates of no more targets wait.
const MOST_RATES: usize = 10_000;
/// What comes for more pipelines than this is not for this node.
const MOST_PIPELINES: usize = 256;

/// What waits for one pipeline: bounded, the newest of each kind.
#[derive(Default)]
pub(super) struct Inbox {
    has_some: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
pub(super) struct Waiting {
    pub(super) seen: HashMap<u64, Entry, ByHash>,
    pub(super) rates: BTreeMap<TargetId, f64>,
    /// What this node used of its rules' limits a minute in its last life: the minute, counted from the Unix epoch, and
    /// rows by rule.
    pub(super) caps: Option<(i64, BTreeMap<String, u64>)>,
}

/// The inboxes by pipeline.
#[derive(Default)]
pub(super) struct Inboxes(Mutex<BTreeMap<String, Arc<Inbox>>>);

impl Inboxes {
    /// That of the pipeline; `None` when there are too many.
    pub(super) fn of(&self, pipeline: &str) -> Option<Arc<Inbox>> {
        let mut inboxes = locked(&self.0);
        if let Some(inbox) = inboxes.get(pipeline) {
            return Some(Arc::clone(inbox));
        }
        if inboxes.len() >= MOST_PIPELINES {
            return None;
        }
        let inbox = Arc::new(Inbox::default());
        inboxes.insert(pipeline.to_owned(), Arc::clone(&inbox));
        Some(inbox)
    }
}

impl Inbox {
    /// What waits, if anything does.
    pub(super) fn take(&self) -> Option<Waiting> {
        // The lock orders what it guards; a flag that is seen late is seen before the next frame.
        if !self.has_some.load(Relaxed) {
            return None;
        }
        let mut waiting = locked(&self.waiting);
        self.has_some.store(false, Relaxed);
        Some(std::mem::take(&mut *waiting))
    }

    fn put_seen(&self, plan: &Plan, rules: &[String], entries: &[SeenEntry]) -> usize {
        let moved = plan.places_of(rules);
        let mut waiting = locked(&self.waiting);
        let mut taken = 0;
        for entry in entries {
            let (key, entry) = (entry.fingerprint, Entry::foreign(entry, &moved));
            let has_room = waiting.seen.len() < plan.cache_limit;
            match waiting.seen.get_mut(&key) {
                Some(known) if known.seen < entry.seen => *known = entry,
                Some(_) => {}
                None if has_room && entry.has_rules() => {
                    waiting.seen.insert(key, entry);
                }
                None => continue,
            }
            taken += 1;
        }
        self.has_some.store(true, Relaxed);
        taken
    }

    fn put_rates(&self, rates: &[(TargetId, f64)]) {
        let mut waiting = locked(&self.waiting);
        for (target, rate) in rates {
            if waiting.rates.len() < MOST_RATES || waiting.rates.contains_key(target) {
                waiting.rates.insert(target.clone(), *rate);
            }
        }
        self.has_some.store(true, Relaxed);
    }

    fn put_caps(&self, minute: i64, used: BTreeMap<String, u64>) {
        locked(&self.waiting).caps = Some((minute, used));
        self.has_some.store(true, Relaxed);
    }
}

impl SamplerControl {
    /// From now on `listener` hears of the sampler; the first one stays. What was remembered before is told
    /// within a quarter of `cache_ttl`, as far as it is still seen.
    pub fn listen(&self, listener: Arc<dyn SamplerListener>) {
        self.0.listen(listener);
    }

    /// Takes over kinds of rows that were seen elsewhere, before the next frame of `pipeline`: what was seen
    /// here later is kept, and nothing that was seen later is driven out. The bits of the entries stand for
    /// `rules`; rules that this sampler has not are left out. Says how many found a place.
    pub fn adopt_seen(&self, pipeline: &str, rules: &[String], entries: &[SeenEntry]) -> usize {
        self.inbox(pipeline)
            .map_or(0, |inbox| inbox.put_seen(&self.0.plan, rules, entries))
    }

    /// Takes over rates in percent that targets had elsewhere, before the next frame of `pipeline`. They have
    /// no effect where rates do not follow the load; what is no percentage is left out.
    pub fn adopt_rates(&self, pipeline: &str, rates: &[(TargetId, f64)]) {
        if let Some(inbox) = self.inbox(pipeline) {
            inbox.put_rates(rates);
        }
    }

    /// Takes over what an earlier life of this node used of its rules' limits a minute in `minute`, counted from the Unix
    /// epoch, before the first frame of `pipeline`. Rules that have kept something since are left as they are.
    pub fn adopt_caps(&self, pipeline: &str, minute: i64, used: &[(String, u64)]) {
        if let Some(inbox) = self.inbox(pipeline) {
            inbox.put_caps(minute, used.iter().cloned().collect());
        }
    }

    fn inbox(&self, pipeline: &str) -> Option<Arc<Inbox>> {
        let shared: &Shared = &self.0;
        shared.inboxes.of(pipeline)
    }
}
