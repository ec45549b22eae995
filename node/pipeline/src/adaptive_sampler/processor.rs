//! The edge: frames in, frames out, and the state handed to its keeper.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;
use arrow_schema::ArrowError;
use ringwatch_frame::{Batch, DropReason, Frame};
use ringwatch_parse::expr::Faults;
use tokio::time::Instant;

use super::binding::Bindings;
use super::control::{Shared, Shown};
use super::core::Core;
use super::hash;
use super::inbox::Inbox;
use super::metrics::Series;
use super::outcome::{Outcome, Rows, UNASKED, Verdict};
use super::state::Memory;
use super::teller::Teller;
use crate::throttle::Throttle;
use crate::{Processor, Resolver};

/// New fingerprints are handed to the keeper at the latest so much later.
const SAVE_AFTER: Duration = Duration::from_secs(10);

/// A sampler's work in one pipeline.
pub struct SamplerProcessor {
    name: String,
    pipeline: String,
    shared: Arc<Shared>,
    seen_changes: u64,
    memory: Arc<Memory>,
    /// When what is new is handed to the keeper; `None` where nothing is.
    save_at: Option<Instant>,
    resolver: Resolver,
    bindings: Bindings,
    core: Core,
    fingerprints: Vec<u64>,
    rules: Vec<u8>,
    outcome: Outcome,
    shown: Arc<Shown>,
    series: Series,
    log: Throttle,
    /// `None` where there are too many pipelines.
    inbox: Option<Arc<Inbox>>,
    teller: Teller,
}

impl SamplerProcessor {
    pub(super) fn new(
        name: &str,
        pipeline: &str,
        shared: Arc<Shared>,
        memory: Arc<Memory>,
        resolver: Resolver,
        series: Series,
    ) -> Self {
        let remembered = memory.claim(pipeline);
        let processor = Self {
            name: name.to_owned(),
            pipeline: pipeline.to_owned(),
            core: Core::new(shared.plan.clone(), remembered.as_deref()),
            shown: shared.join(),
            inbox: shared.inboxes.of(pipeline),
            teller: Teller::default(),
            shared,
            seen_changes: 0,
            memory,
            save_at: None,
            resolver,
            bindings: Bindings::default(),
            fingerprints: Vec::new(),
            rules: Vec::new(),
            outcome: Outcome::default(),
            series,
            log: Throttle::default(),
        };
        // A file that cannot be written shows at the start and not when it is missed.
        processor.save();
        processor.show();
        processor
    }

    /// Decides on the rows of `frame` and lets go of those that do not pass.
    fn sample(&mut self, frame: &mut Frame) -> Result<(), ArrowError> {
        let id = frame.id();
        let target = hash::of_target(&id.target);
        let stream = hash::of_stream(target, &id.stream);
        let tick = id.tick;
        let rows = frame.batch();
        let decided = self.core.admit(tick, rows.num_rows());
        let plan = &self.core.plan;
        let binding = self
            .bindings
            .of(plan, &self.resolver, frame.meta(), rows.schema_ref());
        binding.source.hashes(rows, &mut self.fingerprints);
        let first = hash::first_row(stream, tick, rows.num_rows());
        self.rules.clear();
        self.rules.resize(rows.num_rows(), UNASKED);
        let mut faults = Faults::default();
        let mut fault = None;
        for (from, count) in pieces(first, decided, rows.num_rows()) {
            let asked = rows.slice(from, count);
            let Some(rules) = self.rules.get_mut(from..from + count) else {
                continue;
            };
            let resource = &frame.meta().resource;
            if let Err(error) = binding.ask(&asked, resource, plan.default_rule(), rules, &mut faults) {
                fault = Some(error.to_string());
            }
        }
        if let Some(fault) = fault.as_deref().or_else(|| faults.first())
            && let Some(rows) = self.log.pass(frame.rows())
        {
            tracing::warn!(processor = %self.name, target_id = %id.target, stream = %id.stream, rows, fault,
                "a rule could not be evaluated: it matched nothing there");
        }
        let given = Rows {
            target_id: &id.target,
            target,
            stream,
            tick,
            fingerprints: &self.fingerprints,
            rules: &self.rules,
            first,
        };
        self.core.decide(&given, &mut self.outcome);
        let is_clean = self.core.clean();
        self.series.note(&self.outcome, decided, tick.unix_nanos());
        self.shown.note(&self.outcome);
        if is_clean || self.outcome.learnt > 0 {
            self.save_soon();
        }
        retain(frame, &self.outcome)
    }

    /// Takes up what was set from outside.
    fn obey(&mut self) {
        if let Some(wanted) = self.shared.changed(&mut self.seen_changes) {
            if let Some(rate) = wanted.rate {
                self.core.set_default_rate(rate);
            }
            if let Some(size) = wanted.cache {
                let limit = self.core.plan.cache_limit(size);
                self.core.cache.set_limit(limit);
            }
            if let Some(is_adaptive) = wanted.adaptive {
                self.core.set_adaptive(is_adaptive);
            }
        }
        if let Some(waiting) = self.inbox.as_deref().and_then(Inbox::take) {
            self.core.adopt(waiting);
            self.save_soon();
        }
    }

    fn show(&self) {
        let (rate, cache) = (self.core.rate(), &self.core.cache);
        self.series.show(rate, cache.len());
        self.shown.show(rate, cache.len(), cache.limit());
    }

    fn save_soon(&mut self) {
        if self.memory.keeper().is_some() {
            self.save_at.get_or_insert_with(|| Instant::now() + SAVE_AFTER);
        }
    }

    fn save(&self) {
        if self.memory.keeper().is_some() {
            self.memory.put(&self.pipeline, self.core.state());
        }
    }
}

impl Processor for SamplerProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        self.obey();
        let is_heard = self.teller.is_heard(&self.shared, &mut self.core);
        let mut kept = Batch::default();
        for mut frame in batch.into_frames() {
            match self.sample(&mut frame) {
                Ok(()) => kept.push(frame),
                Err(error) => {
                    if let Some(rows) = self.log.pass(frame.rows()) {
                        tracing::error!(processor = %self.name, stream = %frame.id().stream, rows, %error,
                            "rows could not be sampled: frames were dropped");
                    }
                    frame.discard(DropReason::Invalid);
                }
            }
        }
        self.show();
        if is_heard {
            self.teller
                .look(&self.shared, &self.pipeline, &mut self.core, Instant::now());
        }
        if !kept.is_empty() {
            out.push(kept);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.save_at, self.teller.deadline()].into_iter().flatten().min()
    }

    fn on_deadline(&mut self, now: Instant, _: &mut Vec<Batch>) {
        if self.teller.deadline().is_some_and(|at| at <= now) {
            self.teller
                .tell(&self.shared, &self.pipeline, &mut self.core, now);
        }
        if self.save_at.is_some_and(|at| at <= now) {
            self.save_at = None;
            self.memory.tidy();
            self.save();
        }
    }

    fn flush(&mut self, _: &mut Vec<Batch>) {
        self.teller
            .tell(&self.shared, &self.pipeline, &mut self.core, Instant::now());
        self.save_at = None;
        self.save();
    }
}

/// Where `count` of `all` rows are when they begin at `first` and go on from the start: offset and length of
/// each piece.
fn pieces(first: usize, count: usize, all: usize) -> impl Iterator<Item = (usize, usize)> {
    let (first, count) = if count >= all { (0, all) } else { (first, count) };
    let upper = count.min(all.saturating_sub(first));
    [(first, upper), (0, count - upper)]
        .into_iter()
        .filter(|(_, length)| *length > 0)
}

/// Lets the rows go that did not pass, for their reasons: one pass over the columns, and a second one where
/// limits were reached as well.
fn retain(frame: &mut Frame, outcome: &Outcome) -> Result<(), ArrowError> {
    let verdicts = &outcome.verdicts;
    if outcome.sampled > 0 {
        frame.retain(
            &mask(verdicts, |verdict| verdict != Verdict::Sampled),
            DropReason::Sampled,
        )?;
    }
    if outcome.limited > 0 {
        let left: Vec<Verdict> = verdicts
            .iter()
            .copied()
            .filter(|verdict| *verdict != Verdict::Sampled)
            .collect();
        frame.retain(
            &mask(&left, |verdict| verdict == Verdict::Kept),
            DropReason::RateLimited,
        )?;
    }
    Ok(())
}

fn mask(verdicts: &[Verdict], keep: impl Fn(Verdict) -> bool) -> BooleanArray {
    let bits = BooleanBuffer::collect_bool(verdicts.len(), |row| {
        verdicts.get(row).copied().is_some_and(&keep)
    });
    BooleanArray::new(bits, None)
}
