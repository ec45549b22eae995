//! What is read of the targets of a receiver, how often, and what becomes of it. Collecting and projecting
//! follow the same decision, so that nothing is read for nothing.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_catalogue::model::{Cadence, Column, Engine, Metric, Param, Scope, Stream, Variant};
use ringwatch_catalogue::{Projection, Projections};
use ringwatch_config::settings::{Driver, Plans};
use ringwatch_parse::sql::Dialect;

use crate::engine_settings::EngineSettings;
use crate::reader::ReaderPlan;
use crate::session::Arg;
use crate::sqlquery::PlannedQuery;

/// The signals of the pipelines that a receiver is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// It is in a metrics pipeline.
    pub metrics: bool,
    /// It is in a logs pipeline.
    pub logs: bool,
}

/// What one receiver reads of each of its targets.
#[derive(Debug)]
pub struct ReceiverPlan {
    engine: String,
    source: Arc<str>,
    settings: EngineSettings,
    streams: Vec<Arc<PlannedStream>>,
}

impl ReceiverPlan {
    /// The plan of the receiver `source` with these settings, for the signals that are wanted of it.
    pub fn new(
        engine: &Engine,
        source: &str,
        settings: impl Into<EngineSettings>,
        wants: Wants,
    ) -> Arc<Self> {
        let settings = settings.into();
        let planned = |stream: &Arc<Stream>| {
            let interval = interval_of(stream, &settings, wants)?;
            Some(Arc::new(PlannedStream::new(
                Arc::clone(stream),
                interval,
                &settings,
            )))
        };
        let streams = engine.streams.iter().filter_map(planned).collect();
        Arc::new(Self {
            engine: engine.engine.clone(),
            source: source.into(),
            settings,
            streams,
        })
    }

    /// `postgresql` or `mysql`.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// The receiver's name.
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// The receiver's settings.
    pub fn settings(&self) -> &EngineSettings {
        &self.settings
    }

    /// What is read, in the order of the catalogue.
    pub fn streams(&self) -> &[Arc<PlannedStream>] {
        &self.streams
    }

    /// Whether a resource attribute is on.
    pub(crate) fn attribute_on(&self, key: &str, default: bool) -> bool {
        self.settings
            .resource_attributes
            .get(key)
            .map_or(default, |switch| switch.enabled)
    }
}

/// What is read as one stream.
#[derive(Clone, Debug)]
pub(crate) enum Planned {
    /// A stream of the catalogue.
    Stream(Arc<PlannedStream>),
    /// A statement of the user.
    Query(Arc<PlannedQuery>),
}

impl Planned {
    /// The stream's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Stream(planned) => &planned.stream.name,
            Self::Query(query) => query.name(),
        }
    }

    /// How often it is read.
    pub(crate) fn interval(&self) -> Duration {
        match self {
            Self::Stream(planned) => planned.interval,
            Self::Query(query) => query.interval(),
        }
    }

    /// Whether it is read once for the server or once in each database.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Stream(planned) => planned.stream.scope,
            Self::Query(_) => Scope::Server,
        }
    }

    /// The extension that it needs.
    pub(crate) fn extension(&self) -> Option<&str> {
        match self {
            Self::Stream(planned) => planned.stream.extension(),
            Self::Query(query) => query.extension(),
        }
    }
}

impl From<Arc<ReceiverPlan>> for ReaderPlan {
    fn from(plan: Arc<ReceiverPlan>) -> Self {
        Self::Engine(plan)
    }
}

/// A stream of the catalogue with what a receiver's settings make of it. Shared by all targets of the receiver.
#[derive(Debug)]
pub struct PlannedStream {
    /// The catalogue's entry.
    pub stream: Arc<Stream>,
    /// How often it is read.
    pub interval: Duration,
    /// Whose SQL its texts are.
    pub(crate) dialect: Dialect,
    /// Of a stream of plans, what was told of them.
    pub(crate) plans: Option<Arc<Plans>>,
    /// The databases to read, all where it is empty, and those not to read.
    databases: (Vec<String>, Vec<String>),
    /// The statement and its arguments, in the order of the catalogue's variants.
    statements: Vec<(Arc<str>, Arc<[Arg]>)>,
    /// The statement that reads texts.
    pub(crate) texts: Option<Arc<str>>,
}

impl PlannedStream {
    fn new(stream: Arc<Stream>, interval: Duration, settings: &EngineSettings) -> Self {
        let statement = |variant: &Variant| {
            let args = variant
                .params
                .iter()
                .map(|param| argument(*param, settings))
                .collect();
            (variant.text.as_str().into(), args)
        };
        let statements = stream.sql.iter().map(statement).collect();
        let texts = stream.texts.as_ref().map(|texts| texts.sql.as_str().into());
        Self {
            interval,
            dialect: match settings.driver {
                Driver::Postgres => Dialect::PostgreSql,
                Driver::Mysql => Dialect::MySql,
            },
            databases: (settings.databases.clone(), settings.exclude_databases.clone()),
            plans: settings
                .plans
                .clone()
                .filter(|_| stream.cadence.is_of_plans())
                .map(Arc::new),
            stream,
            statements,
            texts,
        }
    }

    /// The columns that the statement yields.
    pub(crate) fn selected(&self) -> impl Iterator<Item = &Column> {
        let text = self.stream.texts.as_ref().map(|texts| texts.column.as_str());
        self.stream
            .columns
            .iter()
            .filter(move |column| Some(column.name.as_str()) != text)
    }

    /// Whether the receiver reads this database.
    pub(crate) fn reads_database(&self, name: Option<&str>) -> bool {
        let is = |other: &String| Some(other.as_str()) == name;
        let (only, except) = &self.databases;
        (only.is_empty() || only.iter().any(is)) && !except.iter().any(is)
    }

    /// Whose SQL the texts of a server of this major version are. MySQL's end below 10, where MariaDB's begin.
    pub(crate) fn dialect_of(&self, major: u32) -> Dialect {
        match self.dialect {
            Dialect::MySql if major >= 10 => Dialect::MariaDb,
            dialect => dialect,
        }
    }

    /// Whose servers it is read of, in words.
    pub(crate) fn product(&self) -> &'static str {
        match self.dialect {
            Dialect::MySql => "MySQL or MariaDB",
            _ => "PostgreSQL",
        }
    }

    /// The statement for a server of this major version and this version of the required extension.
    pub(crate) fn statement(&self, major: u32, extension: Option<&str>) -> Option<&(Arc<str>, Arc<[Arg]>)> {
        let variant = self.stream.variant(major, extension)?;
        let at = self
            .stream
            .sql
            .iter()
            .position(|one| std::ptr::eq(one, variant))?;
        self.statements.get(at)
    }
}

/// What the streams of the receiver `source` become; what is not read has no entry.
pub fn projections_of(
    into: &mut Projections,
    engine: &Engine,
    source: &str,
    settings: impl Into<EngineSettings>,
    wants: Wants,
) {
    let settings = &settings.into();
    for stream in &engine.streams {
        if interval_of(stream, settings, wants).is_none() {
            continue;
        }
        let mut projection = Projection::of(&engine.engine, stream, |metric| {
            wants.metrics && metric_on(metric, settings)
        });
        if !wants.logs {
            projection.events.clear();
        }
        into.insert(source, &stream.name, projection);
    }
}

/// How often `stream` is read; `None` when it is not.
fn interval_of(stream: &Stream, settings: &EngineSettings, wants: Wants) -> Option<Duration> {
    match stream.cadence {
        Cadence::Collection => {
            let on = wants.metrics && stream.metrics.iter().any(|metric| metric_on(metric, settings));
            on.then_some(settings.collection_interval)
        }
        Cadence::Statements => {
            let section = settings
                .statements
                .as_ref()
                .filter(|section| section.enabled && wants.logs);
            section.map(|section| *section.interval)
        }
        Cadence::Activity => {
            let section = settings
                .activity
                .as_ref()
                .filter(|section| section.enabled && wants.logs);
            section.map(|section| *section.interval)
        }
        Cadence::Plans => plans_of(settings, wants).map(|section| *section.interval),
        Cadence::PlanLog => {
            let log = plans_of(settings, wants)?.log.as_ref();
            log.map(|log| *log.interval)
        }
    }
}

/// The section `plans`, where it is on.
fn plans_of(settings: &EngineSettings, wants: Wants) -> Option<&Plans> {
    let section = settings.plans.as_ref();
    section.filter(|section| section.enabled && wants.logs)
}

fn metric_on(metric: &Metric, settings: &EngineSettings) -> bool {
    settings
        .metrics
        .get(&metric.name)
        .map_or(metric.enabled, |switch| switch.enabled)
}

fn argument(param: Param, settings: &EngineSettings) -> Arg {
    match param {
        Param::Databases => Arg::Texts(settings.databases.clone()),
        Param::ExcludeDatabases => Arg::Texts(settings.exclude_databases.clone()),
        Param::MaxRows => Arg::Int(settings.activity.clone().unwrap_or_default().max_rows.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ringwatch_config::settings::PostgresqlReceiver;

    use super::*;

    /// Streams of every kind, small enough to read.
    pub(crate) fn engine() -> Engine {
        serde_saphyr::from_str(
            r"
engine: postgresql
streams:
  - name: on
    summary: a stream with a metric that is on
    scope: server
    cadence: collection
    sql: [{from: 14, text: 'SELECT 1', params: [databases]}]
    columns: [{name: a, type: int, summary: a}]
    metrics: [{name: m.on, description: d, unit: '1', kind: gauge, value_type: int, enabled: true, points: [{column: a}]}]
  - name: off
    summary: a stream whose only metric is off
    scope: database
    cadence: collection
    sql: [{text: 'SELECT 2'}]
    columns: [{name: a, type: int, summary: a}]
    metrics: [{name: m.off, description: d, unit: '1', kind: gauge, value_type: int, enabled: false, points: [{column: a}]}]
  - name: statements
    summary: statements
    scope: server
    cadence: statements
    requires: [{extension: pg_stat_statements}]
    sql: [{text: 'SELECT 3'}]
    columns: [{name: a, type: int, summary: a}]
    event: {name: e, description: d, attributes: []}
  - name: activity
    summary: sessions
    scope: server
    cadence: activity
    sql: [{text: 'SELECT $1', params: [max_rows]}]
    columns: [{name: a, type: int, summary: a}]
    event: {name: e, description: d, attributes: []}
",
        )
        .unwrap()
    }

    pub(crate) fn plan_of_yaml(yaml: &str) -> ReaderPlan {
        engine_plan(yaml).into()
    }

    pub(crate) fn engine_plan(yaml: &str) -> Arc<ReceiverPlan> {
        let settings: PostgresqlReceiver = serde_saphyr::from_str(yaml).unwrap();
        ReceiverPlan::new(
            &engine(),
            "postgresql/test",
            &settings,
            Wants {
                metrics: true,
                logs: true,
            },
        )
    }

    #[test]
    fn what_is_read_is_what_is_projected() {
        let all = "metrics: {m.off: {enabled: true}}\nstatements: {}\nactivity: {max_rows: 7}";
        let table = [
            ("", (true, true), "on"),
            ("", (false, true), ""),
            (all, (true, true), "on off statements activity"),
            (all, (true, false), "on off"),
            (all, (false, true), "statements activity"),
            (
                "metrics: {m.on: {enabled: false}}\nstatements: {enabled: false}",
                (true, true),
                "",
            ),
        ];
        for (yaml, (metrics, logs), expected) in table {
            let settings: PostgresqlReceiver =
                serde_saphyr::from_str(&format!("username: u\n{yaml}")).unwrap();
            let wants = Wants { metrics, logs };
            let plan = ReceiverPlan::new(&engine(), "r", &settings, wants);
            let names: Vec<_> = plan.streams().iter().map(|s| s.stream.name.as_str()).collect();
            assert_eq!(names.join(" "), expected, "{yaml} {wants:?}");
            let mut projections = Projections::default();
            projections_of(&mut projections, &engine(), "r", &settings, wants);
            for stream in &engine().streams {
                let projection = projections.get("r", &stream.name);
                assert_eq!(
                    projection.is_some(),
                    names.contains(&stream.name.as_str()),
                    "{}",
                    stream.name
                );
                assert!(
                    projection.is_none_or(|p| !p.is_empty()),
                    "{}: read for nothing",
                    stream.name
                );
            }
        }
    }

    #[test]
    fn a_statement_comes_with_its_arguments() {
        let plan = engine_plan("username: u\ndatabases: [a]\nactivity: {max_rows: 7}");
        let (sql, args) = plan.streams()[0].statement(15, None).unwrap();
        assert_eq!(
            (&**sql, &**args),
            ("SELECT 1", &[Arg::Texts(vec!["a".into()])][..])
        );
        let (_, args) = plan.streams()[1].statement(15, None).unwrap();
        assert_eq!(**args, [Arg::Int(7)]);
        assert!(
            plan.streams()[0].statement(13, None).is_none(),
            "no variant for this version"
        );
    }
}
