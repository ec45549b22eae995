//! An entry of the log that holds a plan.

use std::borrow::Cow;

use crate::plan::{Limits, parse};

/// A plan that `auto_explain` wrote into the log. Nothing in it is scrubbed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry<'a> {
    /// When it was written, in milliseconds since 1970; where the log tells, in a zone whose offset can be
    /// told (a number, UTC, GMT).
    pub time_ms: Option<i64>,
    /// The database.
    pub database: Option<Cow<'a, str>>,
    /// The role that connected.
    pub user: Option<Cow<'a, str>>,
    /// The statement's `queryid`.
    pub query_id: Option<i64>,
    /// Milliseconds that the statement took.
    pub duration_ms: f64,
    /// The plan with the text of the statement, in one of EXPLAIN's formats.
    pub plan: Cow<'a, str>,
}

impl Entry<'_> {
    /// The statement's text. It costs reading the plan: who does that anyway takes
    /// [`crate::plan::Plan::query`].
    pub fn query(&self, limits: &Limits<'_>) -> Option<String> {
        parse(&self.plan, limits).ok()?.query.map(Cow::into_owned)
    }

    /// The same entry with texts of its own.
    pub fn into_owned(self) -> Entry<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Entry {
            time_ms: self.time_ms,
            database: self.database.map(own),
            user: self.user.map(own),
            query_id: self.query_id,
            duration_ms: self.duration_ms,
            plan: own(self.plan),
        }
    }
}

/// What `auto_explain`'s message says: how long the statement took, and the plan.
pub(super) fn message(text: &str) -> Option<(f64, &str)> {
    let (duration, plan) = text.strip_prefix("duration: ")?.split_once(" ms  plan:")?;
    let duration = duration
        .parse()
        .ok()
        .filter(|ms: &f64| ms.is_finite() && *ms >= 0.0)?;
    let plan = plan.trim_matches(['\n', '\r']);
    (!plan.trim().is_empty()).then_some((duration, plan))
}

/// A text that is not empty.
pub(super) fn some(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(text)
}
