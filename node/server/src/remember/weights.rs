//! What reading each target costs: seconds of query time per second, as a moving average.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringwatch_frame::TargetId;
use ringwatch_proto::v1;
use ringwatch_proto::v1::state_command::Kind;
use ringwatch_state::StateHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

/// How often it is looked, and told at most.
const LOOK: Duration = Duration::from_secs(30);
/// What is older than this counts for little.
const MEMORY: Duration = Duration::from_secs(300);
/// A smaller change is not worth telling.
const NOTABLE: f64 = 0.1;
/// Less than the group tells from nothing.
const LIGHTEST: f64 = 1e-6;
/// What does not change is told again after this time, because the group forgets what is not told for a week.
const AGAIN: Duration = Duration::from_secs(24 * 3600);

/// The time that readings took, by target.
#[derive(Default)]
pub(crate) struct Costs(Mutex<HashMap<TargetId, Cost>>);

#[derive(Debug)]
struct Cost {
    /// Since the last look.
    took: Duration,
    since: Instant,
    weight: Option<f64>,
    told: Option<(f64, Instant)>,
}

impl Costs {
    /// A reading of a target took so long.
    pub(crate) fn took(&self, target: &TargetId, took: Duration) {
        let mut costs = self.locked();
        match costs.get_mut(target) {
            Some(cost) => cost.took += took,
            None => {
                let cost = Cost {
                    took,
                    since: Instant::now(),
                    weight: None,
                    told: None,
                };
                costs.insert(target.clone(), cost);
            }
        }
    }

    /// What is worth telling of the targets for which `is_own` says yes; of others nothing is kept.
    fn look(&self, is_own: impl Fn(&TargetId) -> bool, now: Instant) -> Vec<(TargetId, f64)> {
        let mut costs = self.locked();
        costs.retain(|target, _| is_own(target));
        let told = costs.iter_mut().filter_map(|(target, cost)| {
            let weight = cost.look(now)?;
            Some((target.clone(), weight))
        });
        told.collect()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<TargetId, Cost>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cost {
    fn look(&mut self, now: Instant) -> Option<f64> {
        let passed = now.saturating_duration_since(self.since);
        // The first readings connect, and are a part of a look only.
        if passed < LOOK / 2 {
            return None;
        }
        let share = self.took.as_secs_f64() / passed.as_secs_f64();
        let keeps = (-passed.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        let weight = match self.weight {
            Some(before) => before * keeps + share * (1.0 - keeps),
            None => share,
        };
        let weight = weight.max(LIGHTEST);
        (self.took, self.since, self.weight) = (Duration::ZERO, now, Some(weight));
        let is_notable = self.told.is_none_or(|(told, at)| {
            (weight - told).abs() > NOTABLE * told || now.saturating_duration_since(at) > AGAIN
        });
        is_notable.then(|| {
            self.told = Some((weight, now));
            weight
        })
    }
}

/// Tells the group what changed, from time to time, as long as the answer is held. `is_own` says which
/// targets this node reads.
pub(crate) fn tell_costs(
    costs: &Arc<Costs>,
    handle: StateHandle,
    node: &str,
    is_own: impl Fn(&TargetId) -> bool + Send + 'static,
) -> AbortOnDropHandle<()> {
    let (costs, node) = (Arc::clone(costs), node.to_owned());
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut timer = tokio::time::interval(LOOK);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = timer.tick().await;
            for (target, weight) in costs.look(&is_own, now) {
                // One key for each target, so that no later word takes the place of another target's.
                let key = format!("weight/{target}");
                let weight = v1::TargetWeight {
                    target: target.to_string(),
                    weight,
                    received_unix_nano: 0,
                };
                let weights = v1::Weights {
                    node: node.clone(),
                    weights: vec![weight],
                };
                let command = v1::StateCommand {
                    kind: Some(Kind::Weights(weights)),
                };
                handle.later(key, command, false);
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_weight_follows_slowly_and_is_told_when_it_changed_notably() {
        let costs = Costs::default();
        let (a, b) = (
            TargetId::new("postgresql", "a:1"),
            TargetId::new("postgresql", "b:1"),
        );
        let look = async |took: Duration| {
            costs.took(&a, took);
            costs.took(&b, Duration::from_millis(1));
            tokio::time::advance(LOOK).await;
            let told = costs.look(|target| *target == a, Instant::now());
            told.into_iter()
                .map(|(target, weight)| {
                    assert_eq!(target, a, "of others nothing is told");
                    weight
                })
                .next()
        };
        let first = look(Duration::from_secs(3)).await.unwrap();
        assert!((first - 0.1).abs() < 1e-9, "{first}");
        assert_eq!(look(Duration::from_secs(3)).await, None, "it did not change");
        assert_eq!(look(Duration::from_millis(3200)).await, None, "hardly");
        let more = look(Duration::from_secs(9)).await.unwrap();
        assert!(more > 0.11 && more < 0.15, "slowly: {more}");
        let mut last = more;
        for _ in 0..100 {
            last = look(Duration::from_secs(9)).await.unwrap_or(last);
        }
        assert!((last - 0.3).abs() < 0.03, "{last}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_costs_nothing_has_the_least_weight() {
        let costs = Costs::default();
        let a = TargetId::new("postgresql", "a:1");
        costs.took(&a, Duration::ZERO);
        assert!(costs.look(|_| true, Instant::now()).is_empty(), "too soon to say");
        tokio::time::advance(LOOK).await;
        let told = costs.look(|_| true, Instant::now());
        assert_eq!(told, [(a, LIGHTEST)]);
    }
}
