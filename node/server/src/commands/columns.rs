//! Notes about rules of samplers that look at columns that no row has.

use std::collections::{BTreeMap, BTreeSet};

use ringwatch_catalogue::model::Engine;
use ringwatch_catalogue::{Catalogue, Projection, Projections};
use ringwatch_collect::{EngineSettings, SqlPlan, Wants, projections_of};
use ringwatch_config::settings::{
    AttributeActionKind, ComponentId, Driver, Pipeline, Processor, Receiver, SamplingRule, SqlqueryReceiver,
};
use ringwatch_config::{Complaint, Settings};
use ringwatch_frame::Place;
use ringwatch_parse::expr::{PathRef, Statement};
use ringwatch_parse::sql::{self, Dialect};
use ringwatch_pipeline::adaptive_sampler;

use super::languages::context_of;

/// A server's view of which all columns are known, of every version.
const STATEMENTS: &str = "pg_stat_statements";

/// Its columns, from version 1.8 of the extension on, and those that older statements still ask for.
const COLUMNS_OF_STATEMENTS: &str = include_str!("pg_stat_statements.txt");

/// Editors of transforms that add no attribute. `set` adds the one that it names; others may add any.
const CHANGES_ONLY: [&str; 8] = [
    "delete_key",
    "delete_matching_keys",
    "keep_keys",
    "keep_matching_keys",
    "limit",
    "replace_match",
    "replace_pattern",
    "truncate_all",
];

/// What is known of the rows of one stream in one pipeline.
#[derive(Clone, Debug, Default)]
struct Rows {
    /// Columns, attributes of points and records, and attributes of the resource.
    names: BTreeSet<String>,
    /// Columns that the statement asks for and that no version of the server has.
    absent: BTreeSet<String>,
    body: bool,
    severity_text: bool,
    severity_number: bool,
}

impl Rows {
    fn has(&self, path: &PathRef) -> bool {
        match path {
            PathRef::Name(name) | PathRef::Attribute(name) => self.names.contains(&**name),
            PathRef::Body => self.body || self.names.contains("body"),
            PathRef::SeverityText => {
                self.severity_text || self.names.contains("severity_text") || self.names.contains("severity")
            }
            PathRef::SeverityNumber => self.severity_number || self.names.contains("severity_number"),
            PathRef::Resource(_) | PathRef::Time => true,
        }
    }

    fn written(&mut self, path: &PathRef) {
        match path {
            PathRef::Name(name) | PathRef::Attribute(name) | PathRef::Resource(name) => {
                self.names.insert(name.to_string());
            }
            PathRef::Body => self.body = true,
            PathRef::SeverityText => self.severity_text = true,
            PathRef::SeverityNumber => self.severity_number = true,
            PathRef::Time => {}
        }
    }

    fn project(&mut self, projection: &Projection) {
        self.body |= projection.column_of(Place::Body).is_some();
        self.severity_text |= projection.column_of(Place::SeverityText).is_some();
        self.severity_number |= projection.column_of(Place::SeverityNumber).is_some();
        for metric in &projection.metrics {
            self.names.extend(metric.attributes.keys().cloned());
        }
        for event in &projection.events {
            self.names
                .extend(event.attributes.iter().map(|attribute| attribute.key.clone()));
        }
    }
}

/// Notes about rules that compare what no row of their pipelines has, so that they never match.
pub(super) fn unmatched(settings: &Settings, catalogue: &Catalogue) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (id, processor) in &settings.processors {
        let Processor::AdaptiveSampler(sampler) = processor else {
            continue;
        };
        let mut streams = Vec::new();
        let pipelines = settings.service.pipelines.iter();
        let mut known = true;
        for (name, pipeline) in pipelines.filter(|(_, pipeline)| pipeline.processors.contains(id)) {
            match rows_at(settings, catalogue, name, pipeline, id) {
                Some(rows) => streams.extend(rows),
                None => known = false,
            }
        }
        if !known || streams.is_empty() {
            continue;
        }
        let predicates: Vec<_> = streams
            .iter()
            .map(|rows| |path: &PathRef| rows.has(path))
            .collect();
        let predicates: Vec<&dyn Fn(&PathRef) -> bool> = predicates
            .iter()
            .map(|has| has as &dyn Fn(&PathRef) -> bool)
            .collect();
        let unmatched = adaptive_sampler::unmatched_rules(&id.to_string(), sampler, &predicates);
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (rule, column) in unmatched.unwrap_or_default() {
            columns.entry(rule).or_default().push(column);
        }
        found.extend(columns.into_iter().map(|(rule, columns)| {
            let absent = columns
                .iter()
                .all(|column| streams.iter().any(|rows| rows.absent.contains(column)));
            note(id, &sampler.rules, &rule, &columns, absent)
        }));
    }
    found
}

fn note(id: &ComponentId, rules: &[SamplingRule], rule: &str, columns: &[String], absent: bool) -> Complaint {
    let mut path = vec!["processors".to_owned(), id.to_string()];
    match rules.iter().position(|given| given.name == rule) {
        Some(at) => {
            let key = if rules.get(at).is_some_and(|rule| rule.condition.is_some()) {
                "condition"
            } else {
                "conditions"
            };
            path.extend(["rules".to_owned(), at.to_string(), key.to_owned()]);
        }
        None => path.push("slow_query_threshold_ms".into()),
    }
    let columns = columns.join("`, `");
    let why = if absent {
        format!("`{STATEMENTS}` has no column `{columns}` in any version, and it is read as NULL")
    } else {
        format!("no stream that comes to `{id}` has `{columns}`")
    };
    Complaint::new(path, format!("the rule `{rule}` matches no row: {why}"))
}

/// The rows that come to `sampler` in a pipeline, a stream each; nothing where the columns of one are not
/// known.
fn rows_at(
    settings: &Settings,
    catalogue: &Catalogue,
    name: &ComponentId,
    pipeline: &Pipeline,
    sampler: &ComponentId,
) -> Option<Vec<Rows>> {
    let logs = name.kind == "logs";
    let wants = Wants { metrics: !logs, logs };
    let mut streams = Vec::new();
    for id in &pipeline.receivers {
        match settings.receivers.get(id)? {
            Receiver::Postgresql(receiver) => {
                let engine = catalogue.engine("postgresql")?;
                streams.extend(of_engine(engine, &id.to_string(), (&**receiver).into(), wants)?);
            }
            Receiver::Mysql(receiver) => {
                let engine = catalogue.engine("mysql")?;
                streams.extend(of_engine(engine, &id.to_string(), (&**receiver).into(), wants)?);
            }
            Receiver::Sqlquery(receiver) => streams.extend(of_sqlquery(&id.to_string(), receiver, wants)?),
        }
    }
    for id in pipeline.processors.iter().take_while(|id| *id != sampler) {
        let processor = settings.processors.get(id)?;
        for rows in &mut streams {
            after(processor, logs, rows)?;
        }
    }
    Some(streams)
}

fn of_engine(engine: &Engine, source: &str, settings: EngineSettings, wants: Wants) -> Option<Vec<Rows>> {
    // Its labels are not known before it is read.
    if settings.targets_file.is_some() {
        return None;
    }
    let labels: Vec<String> = settings
        .targets
        .iter()
        .flat_map(|target| target.labels.keys().cloned())
        .collect();
    let mut projections = Projections::default();
    projections_of(&mut projections, engine, source, settings, wants);
    let labels: BTreeSet<String> = labels
        .into_iter()
        .chain(super::check::RESOURCE_ATTRIBUTES.map(String::from))
        .collect();
    let rows = engine.streams.iter().filter_map(|stream| {
        let projection = projections.get(source, &stream.name)?;
        let mut rows = Rows {
            names: labels.clone(),
            ..Rows::default()
        };
        rows.names
            .extend(stream.columns.iter().map(|column| column.name.clone()));
        rows.project(projection);
        Some(rows)
    });
    Some(rows.collect())
}

fn of_sqlquery(source: &str, receiver: &SqlqueryReceiver, wants: Wants) -> Option<Vec<Rows>> {
    let plan = SqlPlan::new(source, receiver, wants).ok()?;
    let dialect = match receiver.driver {
        Driver::Postgres => Dialect::PostgreSql,
        Driver::Mysql => Dialect::MySql,
    };
    let mut streams = Vec::new();
    for query in plan.queries() {
        let mut rows = Rows::default();
        rows.names.extend(receiver.labels.keys().cloned());
        rows.project(query.projection());
        let lacking = lacking(dialect, query.sql());
        for item in sql::select_list(dialect, query.sql())? {
            let name = item.name?;
            let is_lacking = item.bare.is_some_and(|column| lacking(&column.name));
            if is_lacking {
                rows.names.remove(&name);
                rows.absent.insert(name);
            } else {
                rows.names.insert(name);
            }
        }
        streams.push(rows);
    }
    Some(streams)
}

/// Whether the table that a statement reads, where it reads one of which all columns are known, lacks a
/// column.
fn lacking(dialect: Dialect, text: &str) -> impl Fn(&str) -> bool + use<> {
    let tables = sql::normalize(dialect, text)
        .map(|known| known.tables)
        .unwrap_or_default();
    let known = dialect == Dialect::PostgreSql && tables == [STATEMENTS];
    move |column| {
        known
            && !COLUMNS_OF_STATEMENTS
                .split_whitespace()
                .any(|name| name == column)
    }
}

/// What a processor adds to rows; nothing where that is not known.
fn after(processor: &Processor, logs: bool, rows: &mut Rows) -> Option<()> {
    let actions = match processor {
        Processor::Resource(resource) => &resource.attributes,
        Processor::Attributes(attributes) => &attributes.actions,
        Processor::Transform(transform) => {
            let groups = if logs {
                &transform.log_statements
            } else {
                &transform.metric_statements
            };
            for group in groups {
                let context = context_of(group, logs);
                for text in &group.statements {
                    let statement = Statement::parse(text, context).ok()?;
                    let editor = text.split('(').next().unwrap_or_default().trim();
                    match (editor, statement.names().first()) {
                        ("set", Some(path)) => rows.written(path),
                        (editor, _) if CHANGES_ONLY.contains(&editor) => {}
                        _ => return None,
                    }
                }
            }
            return Some(());
        }
        _ => return Some(()),
    };
    let added = actions.iter().filter(|action| {
        matches!(
            action.action,
            AttributeActionKind::Insert | AttributeActionKind::Upsert
        )
    });
    rows.names.extend(added.map(|action| action.key.clone()));
    Some(())
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
