//! What one `sqlquery` receiver asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_catalogue::{Projection, Projections};
use ringwatch_config::Datasource;
use ringwatch_config::settings::{Driver, SqlQuery, SqlqueryReceiver};

use super::Mapping;
use super::hidden::Hidden;
use super::project::{needs_start, projection};
use crate::plan::Wants;
use crate::reader::ReaderPlan;
use crate::session::Query;

/// What one `sqlquery` receiver asks, and as whom.
#[derive(Debug)]
pub struct SqlPlan {
    source: Arc<str>,
    driver: Driver,
    login: Datasource,
    timeout: Duration,
    labels: BTreeMap<String, String>,
    queries: Vec<Arc<PlannedQuery>>,
}

impl SqlPlan {
    /// The plan of the receiver `source` with these settings, for the signals that are wanted of it.
    ///
    /// # Errors
    /// In words, when its settings do not say whom to ask.
    pub fn new(source: &str, settings: &SqlqueryReceiver, wants: Wants) -> Result<Arc<Self>, String> {
        let planned = |(index, query)| PlannedQuery::new(source, index, query, settings, wants);
        Ok(Arc::new(Self {
            source: source.into(),
            driver: settings.driver,
            login: Datasource::of(settings)?,
            timeout: *settings.timeout,
            labels: settings.labels.clone(),
            queries: settings
                .queries
                .iter()
                .enumerate()
                .filter_map(planned)
                .map(Arc::new)
                .collect(),
        }))
    }

    /// `postgresql` or `mysql`: the engine of its target.
    pub fn engine(&self) -> &'static str {
        Datasource::engine(self.driver)
    }

    /// Whose server it asks.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// The receiver's name.
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// Whom it asks, and as whom.
    pub fn login(&self) -> &Datasource {
        &self.login
    }

    /// How long connecting may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The labels of its target.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// What it asks, without what nobody wants.
    pub fn queries(&self) -> &[Arc<PlannedQuery>] {
        &self.queries
    }

    /// Sets what the answers become.
    pub fn project(&self, into: &mut Projections) {
        for query in &self.queries {
            into.insert(&self.source, &query.name, query.projection.clone());
        }
    }
}

impl From<Arc<SqlPlan>> for ReaderPlan {
    fn from(plan: Arc<SqlPlan>) -> Self {
        Self::Sql(plan)
    }
}

/// One statement of the user with what becomes of its answer.
#[derive(Debug)]
pub struct PlannedQuery {
    name: String,
    interval: Duration,
    timeout: Duration,
    sql: Arc<str>,
    driver: Driver,
    max_rows: usize,
    start_value: Option<String>,
    mapping: Mapping,
    hidden: Hidden,
    projection: Projection,
    needs_start: bool,
    /// The columns of which something was said, so that it is said once.
    said: Mutex<BTreeSet<String>>,
}

impl PlannedQuery {
    /// `None` when nobody wants what becomes of it.
    fn new(
        source: &str,
        index: usize,
        query: &SqlQuery,
        receiver: &SqlqueryReceiver,
        wants: Wants,
    ) -> Option<Self> {
        let projection = projection(query, wants);
        if projection.is_empty() {
            return None;
        }
        let sql = without_end(&query.sql);
        Some(Self {
            name: format!("{source}.{index}"),
            interval: *query.collection_interval.unwrap_or(receiver.collection_interval),
            timeout: *query.timeout.unwrap_or(receiver.timeout),
            driver: receiver.driver,
            max_rows: usize::try_from(query.max_rows).unwrap_or(usize::MAX),
            start_value: query.tracking_start_value.clone(),
            mapping: Mapping::of(query),
            hidden: Hidden::of(query, receiver.driver, sql),
            needs_start: needs_start(&projection),
            projection,
            sql: sql.into(),
            said: Mutex::default(),
        })
    }

    /// The name of its stream: the receiver's, a dot, and its place among the receiver's queries.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often it is asked.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The statement.
    pub fn sql(&self) -> &Arc<str> {
        &self.sql
    }

    /// Whose SQL it is.
    pub fn driver(&self) -> Driver {
        self.driver
    }

    /// What its rows become.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The statement as `sql` writes it, with the `last` value of its tracking column.
    pub(crate) fn query<'a>(&'a self, sql: &'a Arc<str>, last: Option<&'a str>) -> Query<'a> {
        let tracking = self.mapping.tracking();
        Query {
            sql,
            tracking: tracking.map(|_| last.or(self.start_value.as_deref())),
            mapping: &self.mapping,
            max_rows: self.max_rows,
            timeout: self.timeout,
        }
    }

    /// The extension that it seems to read.
    pub(crate) fn extension(&self) -> Option<&'static str> {
        const KNOWN: &str = "pg_stat_statements";
        self.sql.contains(KNOWN).then_some(KNOWN)
    }

    /// Says something about a column, unless that was said before.
    pub(super) fn tell(&self, column: &str, say: impl FnOnce()) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(column.to_owned()) {
            say();
        }
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(super) fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// Whether a sum counts from the server's start.
    pub(crate) fn needs_start(&self) -> bool {
        self.needs_start
    }
}

/// The statement without white space and semicolons at its end. What stands before stays as it is, so that
/// the server's positions are those of the configuration.
fn without_end(sql: &str) -> &str {
    sql.trim_end_matches(|c: char| c == ';' || c.is_whitespace())
}
