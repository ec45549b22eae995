//! What verifications say about themselves.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::anomaly::Measure;
use super::finding::{Check, Verdict};
use super::healing::Fix;

const SECONDS: [f64; 12] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0,
];

/// The metrics of all verifications of a node. Made once; each series says of which processor in which
/// pipeline it is.
#[derive(Clone, Debug)]
pub struct VerificationMetrics {
    quality: GaugeVec,
    pii: IntCounterVec,
    findings: IntCounterVec,
    faulty_rows: IntCounterVec,
    rules: IntCounterVec,
    anomalies: IntCounterVec,
    fixes: IntCounterVec,
    texts: IntCounterVec,
    threshold: GaugeVec,
    plain: Plain,
}

/// Those that have no label of their own, or not the pipeline.
#[derive(Clone, Debug)]
struct Plain {
    active: IntGaugeVec,
    refused_fixes: IntCounterVec,
    unscanned: IntCounterVec,
    seconds: HistogramVec,
    remembered: IntGaugeVec,
    series: IntGaugeVec,
    threshold_changes: IntCounterVec,
    feedback: IntCounterVec,
    save_failures: IntCounterVec,
}

impl Plain {
    fn new(make: &Maker<'_>) -> Result<Self, prometheus::Error> {
        let here = ["processor", "pipeline"];
        Ok(Self {
            active: make.whole("verification_active_anomalies", "Statements in an anomaly")?,
            refused_fixes: make.counters(
                "verification_refused_fixes_total",
                "Fixes that were not begun because there had been enough",
                &here,
            )?,
            unscanned: make.counters(
                "verification_unscanned_texts_total",
                "Texts that were too long and were hidden",
                &here,
            )?,
            seconds: make.seconds("verification_seconds", "Time of a batch in the checks")?,
            remembered: make.whole(
                "verification_remembered_bytes",
                "Memory for what is remembered of scanned texts",
            )?,
            series: make.whole(
                "verification_series",
                "Statements whose usual behaviour is known, or being learnt",
            )?,
            threshold_changes: make.counters(
                "verification_threshold_changes_total",
                "Thresholds that were learnt",
                &here,
            )?,
            feedback: make.counters(
                "verification_feedback_total",
                "Findings that were judged: wrong, or right",
                &["processor", "verdict"],
            )?,
            save_failures: make.counters(
                "verification_state_save_failures_total",
                "Times that the state could not be written",
                &["processor"],
            )?,
        })
    }
}

/// Makes metrics and registers them.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    /// One with a label more than processor and pipeline.
    fn counter(&self, name: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
        self.counters(name, help, &["processor", "pipeline", label])
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
        let gauge = GaugeVec::new(
            Opts::new(name, help),
            &[&["processor", "pipeline"], labels].concat(),
        )?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn whole(&self, name: &str, help: &str) -> Result<IntGaugeVec, prometheus::Error> {
        let gauge = IntGaugeVec::new(Opts::new(name, help), &["processor", "pipeline"])?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn seconds(&self, name: &str, help: &str) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.into());
        let seconds = HistogramVec::new(options, &["processor", "pipeline"])?;
        self.0.register(Box::new(seconds.clone()))?;
        Ok(seconds)
    }
}

impl VerificationMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are in `registry` already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Maker(registry);
        Ok(Self {
            quality: make.gauge(
                "verification_quality_score",
                "How good a stream's latest rows were, from 0 to 1",
                &["stream"],
            )?,
            pii: make.counter(
                "verification_pii_detections_total",
                "Values that were found in texts, once for each distinct text of a frame",
                "class",
            )?,
            findings: make.counter(
                "verification_findings_total",
                "Findings, each once for as long as it lasts",
                "check",
            )?,
            faulty_rows: make.counter(
                "verification_faulty_rows_total",
                "Rows in which a check found something",
                "check",
            )?,
            rules: make.counter("verification_rule_rows_total", "Rows that broke a rule", "rule")?,
            anomalies: make.counter(
                "verification_anomalies_total",
                "Anomalies that began: by mean_exec_time, the time per call, or calls, their number",
                "measure",
            )?,
            fixes: make.counter("verification_auto_fixes_total", "Fixes that were begun", "fix")?,
            texts: make.counter(
                "verification_texts_total",
                "Distinct texts of frames: a hit where it was scanned before, else a miss",
                "result",
            )?,
            threshold: make.gauge(
                "verification_anomaly_threshold",
                "How much evidence makes an anomaly, in robust standard deviations",
                &["stream", "measure"],
            )?,
            plain: Plain::new(&make)?,
        })
    }

    /// The counter of failed writes, for the keeper of `processor`.
    pub fn save_failures(&self, processor: &str) -> IntCounter {
        self.plain.save_failures.with_label_values(&[processor])
    }

    /// The counters of feedback to `processor`.
    pub(super) fn feedback(&self, processor: &str) -> Counters {
        let of = |verdict| self.plain.feedback.with_label_values(&[processor, verdict]);
        Counters {
            wrong: of("wrong"),
            right: of("right"),
        }
    }

    /// The series of one processor in one pipeline. Those with a fixed label are there from the start.
    pub(super) fn series(&self, processor: &str, pipeline: &str) -> Series {
        let here = [processor, pipeline];
        let with =
            |counter: &IntCounterVec, label: &str| counter.with_label_values(&[processor, pipeline, label]);
        Series {
            labels: here.map(str::to_owned),
            findings: Check::ALL.map(|check| with(&self.findings, check.as_str())),
            faulty_rows: Check::ALL.map(|check| with(&self.faulty_rows, check.as_str())),
            anomalies: Measure::ALL.map(|measure| with(&self.anomalies, measure.as_str())),
            fixes: Fix::ALL.map(|fix| with(&self.fixes, fix.as_str())),
            active: self.plain.active.with_label_values(&here),
            refused_fixes: self.plain.refused_fixes.with_label_values(&here),
            unscanned: self.plain.unscanned.with_label_values(&here),
            seconds: self.plain.seconds.with_label_values(&here),
            hits: with(&self.texts, "hit"),
            misses: with(&self.texts, "miss"),
            remembered: self.plain.remembered.with_label_values(&here),
            series: self.plain.series.with_label_values(&here),
            threshold_changes: self.plain.threshold_changes.with_label_values(&here),
            quality: HashMap::new(),
            all: self.clone(),
        }
    }
}

/// The counters of feedback.
#[derive(Clone)]
pub(super) struct Counters {
    wrong: IntCounter,
    right: IntCounter,
}

impl Counters {
    pub(super) fn note(&self, verdict: Verdict) {
        match verdict {
            Verdict::Wrong => self.wrong.inc(),
            Verdict::Right => self.right.inc(),
        }
    }
}

/// The series of one processor in one pipeline.
pub(super) struct Series {
    labels: [String; 2],
    findings: [IntCounter; Check::ALL.len()],
    faulty_rows: [IntCounter; Check::ALL.len()],
    anomalies: [IntCounter; Measure::ALL.len()],
    fixes: [IntCounter; Fix::ALL.len()],
    pub(super) active: IntGauge,
    pub(super) refused_fixes: IntCounter,
    pub(super) unscanned: IntCounter,
    pub(super) seconds: Histogram,
    pub(super) hits: IntCounter,
    pub(super) misses: IntCounter,
    pub(super) remembered: IntGauge,
    pub(super) series: IntGauge,
    pub(super) threshold_changes: IntCounter,
    quality: HashMap<Arc<str>, Gauge>,
    all: VerificationMetrics,
}

impl Series {
    pub(super) fn finding(&self, check: Check) {
        if let Some(counter) = self.findings.get(check as usize) {
            counter.inc();
        }
    }

    pub(super) fn faulty_rows(&self, check: Check, rows: u64) {
        if let Some(counter) = self.faulty_rows.get(check as usize) {
            counter.inc_by(rows);
        }
    }

    pub(super) fn anomaly(&self, measure: Measure) {
        if let Some(counter) = self.anomalies.get(measure as usize) {
            counter.inc();
        }
    }

    pub(super) fn fix(&self, fix: Fix) {
        if let Some(counter) = self.fixes.get(fix as usize) {
            counter.inc();
        }
    }

    pub(super) fn pii(&self, class: &str, count: u64) {
        let [processor, pipeline] = &self.labels;
        let labels = [processor.as_str(), pipeline, class];
        self.all.pii.with_label_values(&labels).inc_by(count);
    }

    pub(super) fn rule(&self, rule: &str, rows: u64) {
        let [processor, pipeline] = &self.labels;
        let labels = [processor.as_str(), pipeline, rule];
        self.all.rules.with_label_values(&labels).inc_by(rows);
    }

    pub(super) fn quality(&mut self, stream: &Arc<str>, score: f64) {
        if let Some(gauge) = self.quality.get(stream) {
            gauge.set(score);
            return;
        }
        let [processor, pipeline] = &self.labels;
        let gauge = self
            .all
            .quality
            .with_label_values(&[processor.as_str(), pipeline, stream]);
        gauge.set(score);
        self.quality.insert(Arc::clone(stream), gauge);
    }

    pub(super) fn threshold(&self, stream: &str, measure: Measure, threshold: f32) {
        let [processor, pipeline] = &self.labels;
        let labels = [processor.as_str(), pipeline, stream, measure.as_str()];
        self.all
            .threshold
            .with_label_values(&labels)
            .set(threshold.into());
    }
}
