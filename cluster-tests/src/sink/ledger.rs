//! What the receiver got, series by series: nothing twice, nothing left out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::point::{Attributes, PointOf, Record, SeriesId, Value};
use super::repeats::Repeats;
use super::series::{Gap, Series};

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Points kept of each series.
    pub points_of_series: usize,
    /// Series kept; points of further ones are counted only.
    pub series: usize,
    /// Log records kept.
    pub records: usize,
    /// Statements whose sums are kept.
    pub statements: usize,
}

impl Memory {
    /// All that a test of some minutes brings.
    pub const OF_A_TEST: Self = Self {
        points_of_series: 100_000,
        series: 1_000_000,
        records: 200_000,
        statements: 100_000,
    };
    /// Bounded, for hours: enough to see doubles and gaps of the last minutes.
    pub const BOUNDED: Self = Self {
        points_of_series: 64,
        series: 100_000,
        records: 1_000,
        statements: 2_000,
    };
}

/// What one statement used, added up over all its records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementSum {
    /// Its calls.
    pub calls: i64,
    /// Its time, in seconds.
    pub seconds: f64,
    /// Its text, as it came last.
    pub text: String,
}

/// The books of the receiver.
#[derive(Debug)]
pub struct Ledger {
    memory: Memory,
    /// The series.
    pub series: HashMap<SeriesId, Series>,
    /// All points that came, doubles included.
    pub points: u64,
    /// All log records that came, doubles included.
    pub records: u64,
    /// Log records by event name.
    pub events: BTreeMap<String, u64>,
    /// The times of the log records by target and event, as many as points are kept of a series.
    pub event_times: HashMap<(String, String), BTreeSet<u64>>,
    /// Log records that came a second time, equal in target, event, time and attributes.
    pub double_records: u64,
    /// The last log records.
    pub last_records: VecDeque<Record>,
    /// `db.server.top_query`, added up by (target, statement).
    pub statements: HashMap<(String, String), StatementSum>,
    /// The time of the newest point or record of each target.
    pub targets: BTreeMap<String, u64>,
    /// The attributes of the resource of the last point of each metric.
    pub resources: HashMap<String, Attributes>,
    /// Log records that tell of the same thing at the same tick as an earlier one, and tell it otherwise: the same tick
    /// was read twice.
    pub conflicting_records: u64,
    /// What came twice, tick by tick, and when each tick came first.
    pub repeats: Repeats,
    seen_records: HashSet<u64>,
    seen_things: HashSet<u64>,
    seen_order: VecDeque<(u64, Option<u64>)>,
}

impl Ledger {
    /// Empty books.
    pub fn new(memory: Memory) -> Self {
        Self {
            memory,
            series: HashMap::new(),
            points: 0,
            records: 0,
            events: BTreeMap::new(),
            event_times: HashMap::new(),
            double_records: 0,
            last_records: VecDeque::new(),
            statements: HashMap::new(),
            targets: BTreeMap::new(),
            resources: HashMap::new(),
            conflicting_records: 0,
            repeats: Repeats::new(memory),
            seen_records: HashSet::new(),
            seen_things: HashSet::new(),
            seen_order: VecDeque::new(),
        }
    }

    /// What is entered from now on came with another request.
    pub fn begin_request(&mut self) {
        self.repeats.begin_request();
    }

    /// Enters a point.
    pub fn enter_point(&mut self, of: PointOf) {
        self.points += 1;
        self.see_target(&of.id.target, of.time);
        self.resources.insert(of.id.metric.clone(), of.resource);
        if self.series.len() >= self.memory.series && !self.series.contains_key(&of.id) {
            return;
        }
        let most = self.memory.points_of_series;
        let Some(series) = self.series.get_mut(&of.id) else {
            let mut series = Series::new(of.unit, of.kind);
            self.repeats.came(&of.id.target, of.time);
            series.enter(of.time, of.point, most);
            self.series.insert(of.id, series);
            return;
        };
        let contradicted = series.conflicts;
        if series.enter(of.time, of.point, most) {
            self.repeats.came(&of.id.target, of.time);
            return;
        }
        let contradicted = series.conflicts > contradicted;
        self.repeats.again(&of.id.target, of.time);
        if contradicted {
            self.repeats.contradict(|| format!("{:?} at {}", of.id, of.time));
        }
    }

    /// Enters a log record.
    pub fn enter_record(&mut self, record: Record) {
        self.records += 1;
        self.see_target(&record.target, record.time);
        *self.events.entry(record.event.clone()).or_default() += 1;
        if self.is_new(&record) {
            self.add_time(&record);
            self.add_statement(&record);
        }
        self.last_records.push_back(record);
        if self.last_records.len() > self.memory.records {
            self.last_records.pop_front();
        }
    }

    /// Points and records that came twice.
    pub fn doubles(&self) -> u64 {
        self.double_records + self.series.values().map(|s| s.doubles).sum::<u64>()
    }

    /// Points and records that say of the same tick something else than what came first.
    pub fn conflicts(&self) -> u64 {
        self.conflicting_records + self.series.values().map(|s| s.conflicts).sum::<u64>()
    }

    /// The gaps between the points that are remembered, by series and time.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = self
            .series
            .iter()
            .flat_map(|(id, series)| series.gaps(id))
            .collect();
        gaps.sort_by(|a, b| (&a.series, a.from).cmp(&(&b.series, b.from)));
        gaps
    }

    /// How many gaps there were, also between points that are forgotten.
    pub fn gap_count(&self) -> u64 {
        self.series
            .iter()
            .map(|(id, s)| s.forgotten_gaps + s.gaps(id).len() as u64)
            .sum()
    }

    /// The series of a metric of a target.
    pub fn of_metric<'a>(
        &'a self,
        target: &'a str,
        metric: &'a str,
    ) -> impl Iterator<Item = (&'a SeriesId, &'a Series)> {
        self.series
            .iter()
            .filter(move |(id, _)| id.target == target && id.metric == metric)
    }

    /// The records of an event of a target that are remembered.
    pub fn of_event<'a>(&'a self, target: &'a str, event: &'a str) -> impl Iterator<Item = &'a Record> {
        self.last_records
            .iter()
            .filter(move |r| r.target == target && r.event == event)
    }

    /// The statements that used most time, most first.
    pub fn top_statements(&self, count: usize) -> Vec<(&(String, String), &StatementSum)> {
        let mut all: Vec<_> = self.statements.iter().collect();
        all.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }

    /// Whether the record has not come before; one that has is counted.
    fn is_new(&mut self, record: &Record) -> bool {
        let (mark, thing) = (record.mark(), record.thing());
        if !self.seen_records.insert(mark) {
            self.double_records += 1;
            self.repeats.again(&record.target, record.time);
            return false;
        }
        let known = thing.is_some_and(|thing| !self.seen_things.insert(thing));
        if known {
            self.conflicting_records += 1;
            self.repeats.again(&record.target, record.time);
            self.repeats.contradict(|| format!("{record:?}"));
        } else {
            self.repeats.came(&record.target, record.time);
        }
        self.seen_order.push_back((mark, thing));
        if self.seen_order.len() > self.memory.records
            && let Some((mark, thing)) = self.seen_order.pop_front()
        {
            self.seen_records.remove(&mark);
            thing.map(|thing| self.seen_things.remove(&thing));
        }
        true
    }

    fn see_target(&mut self, target: &str, time: u64) {
        if let Some(last) = self.targets.get_mut(target) {
            *last = (*last).max(time);
        } else if self.targets.len() < self.memory.series {
            self.targets.insert(target.to_owned(), time);
        }
    }

    fn add_time(&mut self, record: &Record) {
        let key = (record.target.clone(), record.event.clone());
        if self.event_times.len() >= self.memory.series && !self.event_times.contains_key(&key) {
            return;
        }
        let times = self.event_times.entry(key).or_default();
        times.insert(record.time);
        if times.len() > self.memory.points_of_series {
            times.pop_first();
        }
    }

    fn add_statement(&mut self, record: &Record) {
        if record.event != "db.server.top_query" {
            return;
        }
        let digest = || record.text("mysql.events_statements_summary_by_digest.digest");
        let statement = record.text("postgresql.queryid").or_else(digest);
        let key = (record.target.clone(), statement.unwrap_or_default().to_owned());
        if self.statements.len() >= self.memory.statements && !self.statements.contains_key(&key) {
            return;
        }
        let sum = self.statements.entry(key).or_default();
        let count = || record.int("mysql.events_statements_summary_by_digest.count_star");
        sum.calls += record.int("postgresql.calls").or_else(count).unwrap_or(0);
        let times = [
            "postgresql.total_exec_time",
            "mysql.events_statements_summary_by_digest.sum_timer_wait",
        ];
        let time = times.iter().find_map(|name| record.attributes.get(*name));
        sum.seconds += match time {
            Some(Value::Double(seconds)) => *seconds,
            _ => 0.0,
        };
        if let Some(text) = record.text("db.query.text") {
            text.clone_into(&mut sum.text);
        }
    }
}

#[cfg(test)]
mod tests;
