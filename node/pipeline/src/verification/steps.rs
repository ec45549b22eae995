//! The checks of a frame, one by one.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use ringwatch_config::settings::RuleAction;
use ringwatch_frame::{Frame, FrameId};
use ringwatch_parse::expr::Faults;

use super::columns::mix;
use super::core::{Core, Failure, Subject};
use super::finding::Check;
use super::findings::Draft;
use super::quality::{Fault, contradictions, missing, out_of_range};
use super::tags::{Changes, Tags};

impl Core {
    /// The figures of the rows.
    pub(super) fn judge_quality(
        &mut self,
        rows: &RecordBatch,
        subject: &Subject<'_>,
        changes: &mut Changes,
        faults: &mut Vec<Fault>,
    ) {
        let shared = Arc::clone(&self.shared);
        let quality = &shared.plan.settings.quality_validation;
        if !quality.enabled {
            return;
        }
        missing(rows, subject.shape, faults);
        if quality.check_ranges {
            let before = faults.len();
            out_of_range(rows, subject.shape, subject.tick, *quality.max_clock_skew, faults);
            self.mend(rows, subject, faults.get(before..).unwrap_or_default(), changes);
        }
        if quality.check_consistency {
            contradictions(rows, subject.shape, faults);
        }
    }

    /// Notes a reading of a stream; how many seconds it was after the one before.
    pub(super) fn pass_of(&mut self, stream: u64, tick: i64) -> Option<f64> {
        let stream = self.streams.touch(stream);
        let before = stream.tick.unwrap_or(tick);
        if tick > before {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a time between readings needs few digits"
            )]
            let seconds = tick.saturating_sub(before) as f64 / 1e9;
            stream.seconds = Some(seconds);
        }
        stream.tick = Some(before.max(tick));
        stream.seconds
    }

    /// Whether statements behave as usual.
    pub(super) fn judge_behaviour(&mut self, rows: &RecordBatch, subject: &Subject<'_>) -> Tags {
        let seconds = self.pass_of(subject.key, subject.tick);
        let (Some(detector), Some(columns)) = (&mut self.detector, &subject.shape.series) else {
            return Tags::default();
        };
        let mut judged = std::mem::take(&mut self.judged);
        let name = &subject.shape.stream;
        detector.judge(
            rows,
            columns,
            name,
            (subject.key, subject.tick, seconds),
            &mut judged,
        );
        let off = judged.off as u64;
        let stream = self.streams.touch(subject.key);
        self.anomalies = (self.anomalies + off).saturating_sub(std::mem::replace(&mut stream.off, off));
        for (measure, before, after) in detector.turn(name, subject.tick, judged.judged) {
            self.series.threshold_changes.inc();
            self.series.threshold(name, measure, after);
            tracing::info!(processor = %self.name, pipeline = %self.pipeline, stream = %name,
                measure = measure.as_str(), before, after, "a threshold was learnt");
        }
        self.report_anomalies(rows, subject, &judged);
        let tags = Tags::of_anomalies(self.shared.plan.tag, &judged, rows.num_rows());
        self.judged = judged;
        tags
    }

    /// The user's rules: the rows that one of them drops.
    pub(super) fn judge_rules(
        &mut self,
        rows: &RecordBatch,
        frame: &Frame,
        subject: &Subject<'_>,
        tags: &mut Tags,
        faults: &mut Vec<Fault>,
    ) -> Result<Option<BooleanBuffer>, Failure> {
        let shared = Arc::clone(&self.shared);
        let mut dropped: Option<BooleanBuffer> = None;
        let mut unread = Faults::default();
        for (number, bound) in &subject.shape.rules {
            let Some(rule) = shared.plan.rules.get(*number) else {
                continue;
            };
            let mask = bound.mask_noting(rows, &frame.meta().resource, &mut unread)?;
            let broken = mask.true_count();
            if broken == 0 {
                continue;
            }
            self.series.rule(&rule.name, broken as u64);
            faults.push(Fault {
                check: Check::Rule,
                subject: rule.name.to_string(),
                rows: broken as u64,
                what: format!("rows break the rule `{}`", rule.name),
                column: None,
            });
            match rule.action {
                RuleAction::Count => {}
                RuleAction::Tag => tags.rule(&rule.name, mask.values()),
                RuleAction::Drop => {
                    dropped = Some(match dropped {
                        Some(before) => &before | mask.values(),
                        None => mask.values().clone(),
                    });
                }
            }
        }
        if let Some(fault) = unread.first()
            && let Some(rows) = self.log.pass(rows.num_rows() as u64)
        {
            tracing::warn!(processor = %self.name, target_id = %subject.id.target, stream = %subject.id.stream, rows, fault,
                "a rule could not be evaluated: it was not broken there");
        }
        Ok(dropped)
    }

    /// Hides what must not leave in the attributes of the resource. That keeps no row from leaving.
    pub(super) fn hide_in_resource(&mut self, frame: &mut Frame, id: &FrameId) {
        let mut told = Vec::new();
        let Some(inspector) = &mut self.inspector else {
            return;
        };
        let clean = inspector.resource(&frame.meta().resource, &self.shared.plan, &mut told);
        if let Some(clean) = clean {
            frame.set_resource(clean);
        }
        let drafts: Vec<Draft> = told
            .into_iter()
            .map(|told| {
                let (class, attribute) = (inspector.name(told.class), told.attribute);
                self.series.pii(class, 1);
                Draft {
                    subject: format!("{} in resource attribute {attribute}", told.value),
                    message: format!("the resource attribute `{attribute}` held what looks like `{class}`"),
                    rows: frame.rows(),
                    value: Some(told.value),
                    ..Draft::default()
                }
            })
            .collect();
        for draft in drafts {
            self.note(id, Check::Pii, draft);
        }
    }

    /// Hides what must not leave; the rows that had it.
    pub(super) fn inspect(
        &mut self,
        changes: &mut Changes,
        subject: &Subject<'_>,
    ) -> Result<Option<BooleanBuffer>, Failure> {
        let Some(inspector) = &mut self.inspector else {
            return Ok(None);
        };
        let inspected = inspector.inspect(changes.rows(), subject.shape)?;
        self.hits += inspected.hits;
        self.misses += inspected.misses;
        self.series.hits.inc_by(inspected.hits);
        self.series.misses.inc_by(inspected.misses);
        for (class, count) in &inspected.counts {
            self.series.pii(inspector.name(*class), *count);
        }
        let rows = inspected.rows.as_ref().map_or(0, BooleanBuffer::count_set_bits) as u64;
        self.series.faulty_rows(Check::Pii, rows);
        let told: Vec<_> = inspected
            .told
            .iter()
            .map(|told| {
                (
                    inspector.name(told.class).to_owned(),
                    told.at,
                    Arc::clone(&told.value),
                )
            })
            .collect();
        self.report_pii(subject, &told);
        self.report_unscanned(subject, inspected.unscanned);
        for (at, column) in inspected.columns {
            changes.replace(at, column);
        }
        Ok(inspected.rows)
    }

    /// Lets attributes have only so many values.
    pub(super) fn fold(&mut self, changes: &mut Changes, subject: &Subject<'_>) -> Result<(), Failure> {
        let Some(guard) = &mut self.guard else {
            return Ok(());
        };
        let mut all = Vec::new();
        for at in &subject.shape.limited {
            // As it is by now: what was hidden in it must not come back.
            let Some(column) = changes.column(*at).map(Arc::clone) else {
                continue;
            };
            let attribute = mix(subject.key, *at as u64);
            if let Some((column, rows)) = guard.fold(attribute, &column, subject.tick)? {
                changes.replace(*at, column);
                all.push((*at, rows));
            }
        }
        for (at, rows) in all {
            self.report_folded(subject, at, rows);
        }
        Ok(())
    }
}
