//! What the processors of one verification and its handles share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringwatch_frame::Clock;

use super::control::{FeedbackError, VerificationStatus};
use super::finding::{Check, Finding, FindingId, Verdict};
use super::findings::Findings;
use super::metrics::Counters;
use super::plan::Plan;
use super::state::{Key, Learnt, Terms, VerificationState};
use crate::PipelineError;
use crate::store::{Keeper, KeeperStatus};

/// What the processors of one verification and its handles share.
pub(super) struct Shared {
    name: String,
    pub(super) plan: Plan,
    keeper: Option<Keeper>,
    clock: Clock,
    terms: Terms,
    findings: Mutex<Findings>,
    state: Mutex<VerificationState>,
    /// Grows with each feedback, so that processors look at it only then.
    changes: AtomicU64,
    pipelines: Mutex<BTreeMap<String, Shown>>,
    feedback: Counters,
}

/// What one processor shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    pub(super) quality: BTreeMap<Arc<str>, f64>,
    pub(super) anomalies: u64,
    pub(super) series: u64,
    pub(super) fixes: (u64, u64),
    pub(super) slowest_ms: f64,
    pub(super) remembered: (u64, u64),
    pub(super) hits: u64,
    pub(super) misses: u64,
}

impl Shared {
    pub(super) fn new(
        name: &str,
        plan: Plan,
        keeper: Option<Keeper>,
        clock: Clock,
        state: VerificationState,
        feedback: Counters,
    ) -> Result<Self, PipelineError> {
        let settings = &plan.settings.feedback;
        let terms = Terms {
            mute_for: *settings.mute_for,
            half_life: *settings.half_life,
            max_entries: usize::try_from(settings.max_entries).unwrap_or(usize::MAX),
        };
        let mut state = state.checked(&terms);
        if !state.key.is_whole() {
            let problem = "the system has no random numbers to make a key of hashes from: give `hash_key`, or start again";
            let key = Key::random();
            state.key = key.ok_or_else(|| PipelineError::setting(name, problem))?;
        }
        Ok(Self {
            name: name.to_owned(),
            findings: Mutex::new(Findings::new(plan.settings.max_findings)),
            state: Mutex::new(state),
            plan,
            keeper,
            clock,
            terms,
            changes: AtomicU64::new(1),
            pipelines: Mutex::default(),
            feedback,
        })
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The key that hashes are made with where the settings name none.
    pub(super) fn key(&self) -> Vec<u8> {
        locked(&self.state).key.bytes()
    }

    /// The findings, locked: hold it for a moment.
    pub(super) fn findings(&self) -> MutexGuard<'_, Findings> {
        locked(&self.findings)
    }

    /// What feedback has taught, if it changed since `seen`.
    pub(super) fn changed(&self, seen: &mut u64) -> Option<Learnt> {
        let changes = self.changes.load(Relaxed);
        if changes == *seen {
            return None;
        }
        *seen = changes;
        Some(locked(&self.state).learnt(self.clock.now(), &self.terms))
    }

    /// The thresholds that `pipeline` learnt before.
    pub(super) fn thresholds(&self, pipeline: &str) -> BTreeMap<Arc<str>, [f32; 2]> {
        locked(&self.state)
            .thresholds
            .get(pipeline)
            .cloned()
            .unwrap_or_default()
    }

    /// Remembers the thresholds of `pipeline`.
    pub(super) fn learn(&self, pipeline: &str, thresholds: BTreeMap<Arc<str>, [f32; 2]>) {
        locked(&self.state)
            .thresholds
            .insert(pipeline.to_owned(), thresholds);
        self.save();
    }

    #[cfg(test)]
    pub(super) fn state_for_tests(&self) -> VerificationState {
        locked(&self.state).clone()
    }

    /// Hands the state to its keeper.
    pub(super) fn save(&self) {
        if let Some(keeper) = &self.keeper {
            let state = locked(&self.state).clone();
            keeper.put(state);
        }
    }

    /// Forgets feedback that does not count any more; processors look at the rest anew, as it fades.
    pub(super) fn tidy(&self) {
        locked(&self.state).tidy(self.clock.now(), &self.terms);
        self.changes.fetch_add(1, Relaxed);
    }

    /// Shows what `pipeline` does.
    pub(super) fn show(&self, pipeline: &str, change: impl FnOnce(&mut Shown)) {
        let mut pipelines = locked(&self.pipelines);
        change(pipelines.entry(pipeline.to_owned()).or_default());
    }

    pub(super) fn feedback(
        &self,
        id: FindingId,
        verdict: Verdict,
        who: &str,
    ) -> Result<Finding, FeedbackError> {
        let is_new;
        let finding = {
            let mut findings = self.findings();
            let finding = findings.find(id).ok_or(FeedbackError::Unknown(id))?;
            if finding.check == Check::Fixes {
                return Err(FeedbackError::NoJudgement(finding.check));
            }
            // To say the same of one anomaly again is no more evidence.
            is_new = finding.verdict.replace(verdict) != Some(verdict);
            finding.clone()
        };
        let (is_wrong, now) = (verdict == Verdict::Wrong, self.clock.now());
        {
            let mut state = locked(&self.state);
            match (&finding.value, finding.series) {
                (Some(value), _) => state.judge_value(value, is_wrong, now, &self.terms),
                (None, Some(_)) if !is_new => {}
                (None, Some(series)) => state.judge_series(series, is_wrong, now, &self.terms),
                (None, None) => state.judge_check(finding.key, is_wrong, now, &self.terms),
            }
        }
        self.changes.fetch_add(1, Relaxed);
        self.feedback.note(verdict);
        self.save();
        tracing::info!(processor = %self.name, finding = %id, check = %finding.check, target_id = %finding.target,
            stream = %finding.stream, is_wrong, who, "a finding was judged");
        Ok(finding)
    }

    #[expect(clippy::cast_precision_loss, reason = "a part needs no more than 53 bits")]
    pub(super) fn status(&self) -> VerificationStatus {
        let pipelines: Vec<Shown> = locked(&self.pipelines).values().cloned().collect();
        let sum = |of: &dyn Fn(&Shown) -> u64| pipelines.iter().map(of).sum::<u64>();
        let scores = pipelines.iter().flat_map(|shown| &shown.quality);
        let lowest = scores.min_by(|(_, a), (_, b)| a.total_cmp(b));
        let fixes = pipelines
            .iter()
            .map(|shown| shown.fixes)
            .max()
            .unwrap_or_default();
        let slowest_ms = pipelines.iter().map(|shown| shown.slowest_ms).fold(0.0, f64::max);
        let store = self.keeper.as_ref().map(Keeper::status);
        let looked = sum(&|shown| shown.hits) + sum(&|shown| shown.misses);
        let (allowed, muted, raised) = {
            let state = locked(&self.state);
            (state.allowed.len(), state.muted.len(), state.raised.len())
        };
        VerificationStatus {
            name: self.name.clone(),
            faults: self.faults(slowest_ms, fixes, store.as_ref()),
            lowest_quality: lowest.map(|(stream, score)| (stream.to_string(), *score)),
            findings: self.findings().len() as u64,
            anomalies: sum(&|shown| shown.anomalies),
            series: sum(&|shown| shown.series),
            fixes,
            slowest_ms,
            remembered_texts: sum(&|shown| shown.remembered.1),
            remembered_bytes: sum(&|shown| shown.remembered.0),
            hit_rate: if looked == 0 {
                0.0
            } else {
                sum(&|shown| shown.hits) as f64 / looked as f64
            },
            allowed_values: allowed as u64,
            muted_checks: muted as u64,
            raised_series: raised as u64,
            store,
        }
    }

    fn faults(
        &self,
        slowest_ms: f64,
        (begun, limit): (u64, u64),
        store: Option<&KeeperStatus>,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let health = &self.plan.settings.health_monitoring;
        #[expect(clippy::cast_precision_loss, reason = "it is a number of milliseconds")]
        let longest = health.alert_threshold_ms as f64;
        if health.enabled && slowest_ms > longest {
            faults.push(format!(
                "a batch took {slowest_ms:.0} ms, more than {longest:.0} ms"
            ));
        }
        if self.plan.settings.self_healing.enabled && limit > 0 && begun >= limit {
            faults.push(format!(
                "{begun} fixes were begun, and no more may be for now: see the findings"
            ));
        }
        if let Some(fault) = store.and_then(|store| store.fault.as_ref()) {
            faults.push(format!("the state is not written: {fault}"));
        }
        faults
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
