//! Follows the versions of the data set, and puts each to work before it says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringwatch_frame::TargetId;
use ringwatch_pipeline::SamplerControl;
use ringwatch_pipeline::rate_limiter::Limits;
use ringwatch_state::StateHandle;
use ringwatch_state::machine::Touched;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Content, Flag};

/// The version that this node works by, now and as it changes.
pub(crate) struct DataSet {
    handle: StateHandle,
    touched: broadcast::Receiver<Arc<Vec<Touched>>>,
    content: watch::Sender<Arc<Content>>,
}

impl DataSet {
    /// What this node's copy has; it is followed when there is something to put it to work on.
    pub(crate) fn new(handle: StateHandle) -> Self {
        // Subscribed before the first look, so that nothing falls between the two.
        let touched = handle.touched();
        let first = handle.read(|machine| Content::of(machine.dataset()));
        Self {
            handle,
            touched,
            content: watch::Sender::new(Arc::new(first)),
        }
    }

    /// The version that the node works by. What it says of targets and flags takes effect through this.
    pub(crate) fn content(&self) -> watch::Receiver<Arc<Content>> {
        self.content.subscribe()
    }

    /// Puts the present version to work, and each that comes, as long as the answer is held.
    pub(crate) fn follow(self, mut works: Works) -> AbortOnDropHandle<()> {
        works.put(&self.content.borrow());
        let Self {
            handle,
            mut touched,
            content,
        } = self;
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let looks = match touched.recv().await {
                    Ok(touched) => {
                        let is_data = |one: &Touched| matches!(one, Touched::All | Touched::DataSet { .. });
                        touched.iter().any(is_data)
                    }
                    Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => return,
                };
                if !looks {
                    continue;
                }
                let next = handle.read(|machine| Content::of(machine.dataset()));
                if **content.borrow() == next {
                    continue;
                }
                works.put(&next);
                tracing::info!(
                    version = next.version,
                    targets = next.targets.len(),
                    limits = next.limits.len(),
                    "the node works by another version of what was changed at run time"
                );
                content.send_replace(Arc::new(next));
            }
        }))
    }
}

/// What limits, rates and flags take effect on.
pub(crate) struct Works {
    /// The samplers, with the rates that the configuration gives them.
    samplers: Vec<(SamplerControl, f64)>,
    limits: Vec<Arc<Limits>>,
    plans: Arc<AtomicBool>,
    limited: BTreeSet<String>,
    rates: BTreeMap<String, f64>,
}

impl Works {
    /// Samplers and limits as the configuration left them; `plans` is what says whether plans are asked for.
    pub(crate) fn new(
        samplers: Vec<SamplerControl>,
        limits: Vec<Arc<Limits>>,
        plans: Arc<AtomicBool>,
    ) -> Self {
        let with_rate = |sampler: SamplerControl| {
            let rate = sampler.status().default_rate;
            (sampler, rate)
        };
        Self {
            samplers: samplers.into_iter().map(with_rate).collect(),
            limits,
            plans,
            limited: BTreeSet::new(),
            rates: BTreeMap::new(),
        }
    }

    fn put(&mut self, content: &Content) {
        self.plans.store(content.is_on(Flag::Plans), Ordering::Release);
        for (sampler, configured) in &self.samplers {
            sampler.set_adaptive(content.is_on(Flag::AdaptiveRates));
            let name = sampler.status().name;
            let rate = content.rates.get(&name);
            if rate == self.rates.get(&name) {
                continue;
            }
            if let Err(error) = sampler.set_rate(rate.copied().unwrap_or(*configured)) {
                tracing::warn!(sampler = name, %error, "the rate of the group is not put to work");
            }
        }
        self.rates.clone_from(&content.rates);
        let gone = self
            .limited
            .iter()
            .filter(|target| !content.limits.contains_key(*target));
        let gone = gone.map(|target| (target, None));
        let set = content
            .limits
            .iter()
            .map(|(target, limit)| (target, Some(*limit)));
        for (target, limit) in gone.chain(set) {
            let target = TargetId::from_name(target);
            for limits in &self.limits {
                if let Err(error) = limits.set_override(&target, limit) {
                    tracing::warn!(%target, %error, "the limit of the group is not put to work");
                }
            }
        }
        self.limited = content.limits.keys().cloned().collect();
    }
}
