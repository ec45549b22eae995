//! Circuits: the owner of a target tells each change, all others take it over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ringwatch_frame::{Clock, TargetId, Tick};
use ringwatch_pipeline::circuit_breaker::{Adopted, Breakers, CircuitImage, CircuitListener};
use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;
use ringwatch_state::StateHandle;
use ringwatch_state::machine::Touched;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::carried::{Carried, pack, unpack};
use super::image;
use super::word::{Heed, Word};

/// Between the circuits of this node and those that the group remembers.
pub(crate) struct RememberedBreakers {
    handle: StateHandle,
    node: String,
    generation: u64,
    clock: Clock,
    breakers: OnceLock<BTreeMap<String, Arc<Breakers>>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The targets that this node reads: of these it speaks, and does not listen.
    own: BTreeSet<TargetId>,
    /// The word that was heeded last, by breaker and target.
    heeded: HashMap<(String, TargetId), Word>,
}

/// When a record came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// Just now.
    Now,
    /// Some time ago, by its own word.
    Before,
}

impl RememberedBreakers {
    /// For this life of the node `node`.
    pub(crate) fn new(handle: StateHandle, (node, generation): (&str, u64), clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            handle,
            node: node.to_owned(),
            generation,
            clock: clock.clone(),
            breakers: OnceLock::new(),
            state: Mutex::default(),
        })
    }

    /// These are the breakers; from now on what the group remembers is taken over, as long as the answer is
    /// held.
    pub(crate) fn follow(
        self: &Arc<Self>,
        breakers: &BTreeMap<String, Arc<Breakers>>,
    ) -> AbortOnDropHandle<()> {
        // A second one could only bring the same.
        let _ = self.breakers.set(breakers.clone());
        // Subscribed before the first look, so that nothing falls between the two.
        let mut touched = self.handle.touched();
        self.take_all();
        let remembered = Arc::clone(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                match touched.recv().await {
                    Ok(touched) => touched.iter().for_each(|one| match one {
                        Touched::Breaker { breaker, target } => remembered.take(breaker, target),
                        Touched::All => remembered.take_all(),
                        _ => {}
                    }),
                    Err(RecvError::Lagged(_)) => remembered.take_all(),
                    Err(RecvError::Closed) => return,
                }
            }
        }))
    }

    /// This node is about to read the target: its circuits go on where the group says they were.
    pub(crate) fn begin(&self, target: &TargetId) {
        let Some(breakers) = self.breakers.get() else {
            return;
        };
        for name in breakers.keys() {
            let record = self
                .handle
                .read(|machine| machine.breaker(name, target.as_str()).cloned());
            if let Some(record) = record {
                self.heed(name, target, &record, Came::Before);
            }
        }
        self.locked().own.insert(target.clone());
    }

    /// This node reads the target no more.
    pub(crate) fn end(&self, target: &TargetId) {
        self.locked().own.remove(target);
    }

    /// The circuits of a target for whoever reads it from now on.
    pub(crate) fn released(&self, target: &TargetId) -> Vec<u8> {
        let Some(breakers) = self.breakers.get() else {
            return Vec::new();
        };
        let now = Instant::now();
        let carried = breakers.iter().filter_map(|(name, breakers)| {
            let image = breakers.image(target, now)?;
            let word = self.locked().heeded.get(&(name.clone(), target.clone())).cloned();
            let mut word = word.unwrap_or_else(|| self.word(image.seq));
            if word.owner == self.node {
                word.seq = image.seq;
            }
            Some(Carried {
                breaker: name.clone(),
                word,
                image,
            })
        });
        pack(&carried.collect::<Vec<_>>())
    }

    /// What the owner before gave along with a target.
    pub(crate) fn received(&self, target: &TargetId, bytes: &[u8]) {
        for carried in unpack(bytes) {
            self.adopt(
                &carried.breaker,
                target,
                (&carried.image, Duration::ZERO),
                &carried.word,
            );
        }
    }

    /// The word of this node about a circuit.
    fn word(&self, seq: u64) -> Word {
        Word {
            owner: self.node.clone(),
            view: self
                .handle
                .read(|machine| machine.view().map_or(0, |view| view.number)),
            generation: self.generation,
            seq,
        }
    }

    /// Takes over what the group was told of a circuit just now.
    fn take(&self, breaker: &str, target: &str) {
        let record = self
            .handle
            .read(|machine| machine.breaker(breaker, target).cloned());
        let target = TargetId::from_name(target);
        match record {
            Some(record) => {
                if !self.locked().own.contains(&target) {
                    self.heed(breaker, &target, &record, Came::Now);
                }
            }
            // It was closed for days.
            None => drop(self.locked().heeded.remove(&(breaker.to_owned(), target))),
        }
    }

    /// Takes over all that the group remembers.
    fn take_all(&self) {
        let all: Vec<_> = self.handle.read(|machine| {
            let all = machine.breakers();
            all.map(|(breaker, target, record)| {
                (breaker.to_owned(), TargetId::from_name(target), record.clone())
            })
            .collect()
        });
        for (breaker, target, record) in all {
            if !self.locked().own.contains(&target) {
                self.heed(&breaker, &target, &record, Came::Before);
            }
        }
    }

    fn heed(&self, breaker: &str, target: &TargetId, record: &v1::BreakerRecord, came: Came) {
        // A record that was not seen to come is as old as the clocks say, which differ little between nodes.
        let age = match came {
            Came::Now => Duration::ZERO,
            Came::Before => Tick::from_unix_nanos(record.received_unix_nano).lateness(self.clock.now()),
        };
        self.adopt(
            breaker,
            target,
            (&image::image(record), age),
            &image::word(record),
        );
    }

    fn adopt(&self, breaker: &str, target: &TargetId, (image, age): (&CircuitImage, Duration), said: &Word) {
        let found = self.breakers.get().and_then(|breakers| breakers.get(breaker));
        let Some(breakers) = found else { return };
        let key = (breaker.to_owned(), target.clone());
        let heed = said.against(self.locked().heeded.get(&key), &self.node);
        if heed == Heed::Known {
            return;
        }
        let adopted = breakers.adopt(target, image, age, heed == Heed::Later, Instant::now());
        // What was not taken over is heard again when the target is covered, or becomes ours.
        if adopted == Adopted::Taken || (adopted == Adopted::Kept && heed == Heed::Beside) {
            self.locked().heeded.insert(key, said.clone());
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CircuitListener for RememberedBreakers {
    fn changed(&self, breaker: &str, target: &TargetId, circuit: &CircuitImage, urgent: bool) {
        let said = self.word(circuit.seq);
        let changed = v1::BreakerChanged {
            breaker: breaker.to_owned(),
            target: target.to_string(),
            record: Some(image::record(circuit, &said)),
        };
        let command = v1::StateCommand {
            kind: Some(Kind::BreakerChanged(changed)),
        };
        self.handle
            .later(format!("breaker/{breaker}/{target}"), command, urgent);
        let key = (breaker.to_owned(), target.clone());
        self.locked().heeded.insert(key, said);
    }
}
