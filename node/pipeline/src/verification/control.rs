//! Looking at a verification while it works, and telling it what it got wrong.

use std::sync::Arc;

use super::finding::{Check, Finding, FindingId, Verdict};
use super::shared::Shared;
use crate::store::KeeperStatus;

/// What a verification does at this moment, in all its pipelines.
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Why it is not well; nothing where it is.
    pub faults: Vec<String>,
    /// The lowest score of the streams' latest readings, from 0 to 1, and the stream. `None` before the
    /// first.
    pub lowest_quality: Option<(String, f64)>,
    /// Findings that can be looked at.
    pub findings: u64,
    /// Statements in an anomaly.
    pub anomalies: u64,
    /// Statements whose usual behaviour is known, or being learnt.
    pub series: u64,
    /// Fixes that were begun in the running window, where several pipelines differ the most; and how many may
    /// be.
    pub fixes: (u64, u64),
    /// The longest time that one of the last batches took, in milliseconds.
    pub slowest_ms: f64,
    /// Distinct texts that are remembered, and the bytes that takes.
    pub remembered_texts: u64,
    /// See above.
    pub remembered_bytes: u64,
    /// The part of texts that did not have to be scanned again, from 0 to 1.
    pub hit_rate: f64,
    /// Values that somebody said are no personal data.
    pub allowed_values: u64,
    /// Checks of streams that say nothing for a time.
    pub muted_checks: u64,
    /// Statements that need more evidence for an anomaly.
    pub raised_series: u64,
    /// How the writing of its state goes, where it is written.
    pub store: Option<KeeperStatus>,
}

impl VerificationStatus {
    /// Whether it is well.
    pub fn is_healthy(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Feedback that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// There is no such finding any more, or never was.
    #[error("there is no finding `{0}`: the list of findings shows those that can be judged")]
    Unknown(FindingId),
    /// What the finding says is no judgement that could be wrong.
    #[error("a finding of `{0}` says what was done, not what was judged: there is nothing to learn from it")]
    NoJudgement(Check),
}

/// The handle on a verification. Cheap to copy.
#[derive(Clone)]
pub struct VerificationControl(pub(super) Arc<Shared>);

impl VerificationControl {
    /// What it does.
    pub fn status(&self) -> VerificationStatus {
        self.0.status()
    }

    /// The latest findings, the newest first.
    pub fn findings(&self, limit: usize) -> Vec<Finding> {
        self.0.findings().latest(limit)
    }

    /// Takes in what `who` says of a finding, and gives the finding. A wrong anomaly makes its statement need
    /// more evidence for a while; what was taken for personal data wrongly is not hidden any more; any other
    /// check says nothing more of that for a time. A right one takes back what was said before.
    ///
    /// # Errors
    /// When there is no such finding, or it judged nothing.
    pub fn feedback(&self, id: FindingId, verdict: Verdict, who: &str) -> Result<Finding, FeedbackError> {
        self.0.feedback(id, verdict, who)
    }
}
