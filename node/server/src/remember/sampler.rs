//! Samplers: what one node has seen and how far it adapted its rates, all others know.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ringwatch_frame::TargetId;
use ringwatch_pipeline::SamplerControl;
use ringwatch_pipeline::adaptive_sampler::{SamplerListener, SeenEntry};
use ringwatch_proto::v1;
use ringwatch_state::machine::Touched;
use ringwatch_state::{ProposeError, StateHandle};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use super::outbox::{Batch, Outbox};

/// What comes within this time goes together.
const GATHER: Duration = Duration::from_millis(200);
/// After a proposal that failed the next one waits so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between the samplers of this node and what the group remembers of all samplers.
pub(crate) struct RememberedSamplers {
    handle: StateHandle,
    node: String,
    samplers: OnceLock<HashMap<String, SamplerControl>>,
    outbox: Mutex<Outbox>,
    news: Notify,
}

impl RememberedSamplers {
    /// For the node `node`.
    pub(crate) fn new(handle: StateHandle, node: &str) -> Arc<Self> {
        Arc::new(Self {
            handle,
            node: node.to_owned(),
            samplers: OnceLock::new(),
            outbox: Mutex::default(),
            news: Notify::new(),
        })
    }

    /// These are the samplers; from now on the group is told of them, and they of what the group remembers, as
    /// long as the answer is held.
    pub(crate) fn follow(self: &Arc<Self>, samplers: Vec<SamplerControl>) -> [AbortOnDropHandle<()>; 2] {
        for sampler in &samplers {
            sampler.listen(Arc::clone(self) as Arc<dyn SamplerListener>);
        }
        let by_name = samplers
            .into_iter()
            .map(|sampler| (sampler.status().name, sampler));
        // A second time could only bring the same.
        let _ = self.samplers.set(by_name.collect());
        let (telling, hearing) = (Arc::clone(self), Arc::clone(self));
        // Subscribed before the first look, so that nothing falls between the two.
        let touched = self.handle.touched();
        self.take_all();
        [
            AbortOnDropHandle::new(tokio::spawn(async move { telling.tell().await })),
            AbortOnDropHandle::new(tokio::spawn(async move { hearing.hear(touched).await })),
        ]
    }

    async fn tell(&self) {
        loop {
            self.news.notified().await;
            tokio::time::sleep(GATHER).await;
            loop {
                let next = self.locked().take();
                let Some(batch) = next else { break };
                if !self.propose(batch).await {
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }

    /// Proposes a batch. `false`: it was not done and waits again.
    async fn propose(&self, batch: Batch) -> bool {
        let answers = match self.handle.propose(batch.commands(&self.node)).await {
            Ok(answers) => answers,
            Err(ProposeError::Refused(why)) => {
                let (sampler, pipeline) = batch.of();
                tracing::warn!(
                    sampler,
                    pipeline,
                    why,
                    "the group does not take what the sampler has seen"
                );
                return true;
            }
            Err(_) => {
                self.locked().put_back(batch);
                return false;
            }
        };
        let refused = |answer: &&v1::StateAnswer| answer.outcome() == v1::StateOutcome::Refused;
        let Some(first) = answers.iter().find(refused) else {
            return true;
        };
        if first.refusal() == v1::StateRefusal::OldView {
            self.locked().put_back(batch);
            return false;
        }
        let (sampler, pipeline) = batch.of();
        tracing::warn!(
            sampler,
            pipeline,
            why = first.message,
            "the group does not remember what the sampler has seen: after a move it decides anew"
        );
        // Nothing else can be done with it, and more of its kind may follow.
        tokio::time::sleep(PATIENCE).await;
        true
    }

    async fn hear(&self, mut touched: tokio::sync::broadcast::Receiver<Arc<Vec<Touched>>>) {
        loop {
            match touched.recv().await {
                Ok(touched) => touched.iter().for_each(|one| self.take(one)),
                Err(RecvError::Lagged(_)) => self.take_all(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Takes over what another node has told.
    fn take(&self, touched: &Touched) {
        match touched {
            Touched::All => self.take_all(),
            Touched::Seen {
                sampler,
                pipeline,
                node,
                fingerprints,
            } if *node != self.node => {
                self.take_seen(sampler, pipeline, Some(fingerprints));
            }
            Touched::Rates {
                sampler,
                pipeline,
                node,
                targets,
            } if *node != self.node => {
                let wanted = |target: &str| targets.iter().any(|one| one == target);
                self.take_rates(sampler, pipeline, wanted);
            }
            _ => {}
        }
    }

    /// Takes over all that the group remembers.
    fn take_all(&self) {
        let all: Vec<_> = self.handle.read(|machine| {
            let all = machine.samplers();
            all.map(|(sampler, pipeline)| (sampler.to_owned(), pipeline.to_owned()))
                .collect()
        });
        for (sampler, pipeline) in all {
            self.take_seen(&sampler, &pipeline, None);
            self.take_rates(&sampler, &pipeline, |_| true);
            self.take_caps(&sampler, &pipeline);
        }
    }

    /// Takes over what an earlier life of this node used of its rules' limits: they are each node's own.
    fn take_caps(&self, sampler: &str, pipeline: &str) {
        let mine = self.handle.read(|machine| {
            let mut caps = machine.caps(sampler, pipeline);
            caps.find(|(node, _)| *node == self.node)
                .map(|(_, record)| record.clone())
        });
        let (Some(control), Some(mine)) = (self.sampler(sampler), mine) else {
            return;
        };
        let used: Vec<_> = mine
            .rules
            .into_iter()
            .map(|rule| (rule.rule, rule.used))
            .collect();
        control.adopt_caps(pipeline, mine.minute, &used);
    }

    fn take_seen(&self, sampler: &str, pipeline: &str, which: Option<&[u64]>) {
        let Some(control) = self.sampler(sampler) else {
            return;
        };
        let found = self.handle.read(|machine| {
            let seen = machine.seen(sampler, pipeline)?;
            let entry = |one: ringwatch_state::command::SeenStatement| SeenEntry {
                fingerprint: one.fingerprint,
                rules: one.rules,
                rules_before: one.rules_before,
                seen_unix_nano: one.seen,
            };
            let entries: Vec<_> = match which {
                Some(which) => which.iter().filter_map(|one| seen.get(*one).map(entry)).collect(),
                None => seen.iter().map(entry).collect(),
            };
            Some((seen.rules().to_vec(), entries))
        });
        if let Some((rules, entries)) = found {
            control.adopt_seen(pipeline, &rules, &entries);
        }
    }

    fn take_rates(&self, sampler: &str, pipeline: &str, wanted: impl Fn(&str) -> bool) {
        let Some(control) = self.sampler(sampler) else {
            return;
        };
        let rates: Vec<_> = self.handle.read(|machine| {
            let rates = machine.rates(sampler, pipeline);
            let rates = rates.filter(|(target, record)| record.node != self.node && wanted(target));
            rates
                .map(|(target, record)| (TargetId::from_name(target), record.rate_percent))
                .collect()
        });
        if !rates.is_empty() {
            control.adopt_rates(pipeline, &rates);
        }
    }

    fn sampler(&self, name: &str) -> Option<&SamplerControl> {
        self.samplers.get()?.get(name)
    }

    fn locked(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut Outbox)) {
        change(&mut self.locked());
        self.news.notify_one();
    }
}

impl SamplerListener for RememberedSamplers {
    fn seen(&self, sampler: &str, pipeline: &str, rules: &[String], entries: &[SeenEntry]) {
        self.note(|outbox| outbox.seen((sampler, pipeline), rules, entries));
    }

    fn rates(&self, sampler: &str, pipeline: &str, rates: &[(TargetId, f64)]) {
        self.note(|outbox| outbox.rates((sampler, pipeline), rates));
    }

    fn caps(&self, sampler: &str, pipeline: &str, minute: i64, used: &[(String, u64)]) {
        let used: BTreeMap<_, _> = used.iter().cloned().collect();
        self.note(|outbox| outbox.caps((sampler, pipeline), minute, used));
    }
}
