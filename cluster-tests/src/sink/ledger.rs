//! What the receiver got, series by series: nothing twice, nothing left out.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::point::{Kind, Point, PointOf, Record, SeriesId, Value};

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

/// A series: what it is, and its points by time.
#[derive(Clone, Debug)]
pub struct Series {
    /// The unit.
    pub unit: String,
    /// Gauge or sum.
    pub kind: Kind,
    /// Points by `time_unix_nano`.
    pub points: BTreeMap<u64, Point>,
    /// Points that came with a time that the series had already.
    pub doubles: u64,
    /// The shortest distance of two consecutive points, in nanoseconds: the interval, learnt.
    pub interval: Option<u64>,
    forgotten_gaps: u64,
}

/// Two consecutive points that are not one interval apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The series.
    pub series: SeriesId,
    /// Time of the earlier point.
    pub from: u64,
    /// Time of the later point.
    pub to: u64,
    /// The interval, in nanoseconds.
    pub interval: u64,
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
    /// Log records that came a second time, equal in target, event, time and attributes.
    pub double_records: u64,
    /// The last log records.
    pub last_records: VecDeque<Record>,
    /// `db.server.top_query`, added up by (target, statement).
    pub statements: HashMap<(String, String), StatementSum>,
    /// The time of the newest point or record of each target.
    pub targets: BTreeMap<String, u64>,
    seen_records: HashSet<u64>,
    seen_order: VecDeque<u64>,
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
            double_records: 0,
            last_records: VecDeque::new(),
            statements: HashMap::new(),
            targets: BTreeMap::new(),
            seen_records: HashSet::new(),
            seen_order: VecDeque::new(),
        }
    }

    /// Enters a point.
    pub fn enter_point(&mut self, of: PointOf) {
        self.points += 1;
        self.see_target(&of.id.target, of.time);
        if self.series.len() >= self.memory.series && !self.series.contains_key(&of.id) {
            return;
        }
        let series = self
            .series
            .entry(of.id)
            .or_insert_with(|| Series::new(of.unit, of.kind));
        series.enter(of.time, of.point, self.memory.points_of_series);
    }

    /// Enters a log record.
    pub fn enter_record(&mut self, record: Record) {
        self.records += 1;
        self.see_target(&record.target, record.time);
        *self.events.entry(record.event.clone()).or_default() += 1;
        let mark = record.mark();
        if !self.seen_records.insert(mark) {
            self.double_records += 1;
        } else {
            self.seen_order.push_back(mark);
            if self.seen_order.len() > self.memory.records {
                self.seen_order
                    .pop_front()
                    .map(|old| self.seen_records.remove(&old));
            }
        }
        self.add_statement(&record);
        self.last_records.push_back(record);
        if self.last_records.len() > self.memory.records {
            self.last_records.pop_front();
        }
    }

    /// Points and records that came twice.
    pub fn doubles(&self) -> u64 {
        self.double_records + self.series.values().map(|s| s.doubles).sum::<u64>()
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

    fn see_target(&mut self, target: &str, time: u64) {
        if let Some(last) = self.targets.get_mut(target) {
            *last = (*last).max(time);
        } else if self.targets.len() < self.memory.series {
            self.targets.insert(target.to_owned(), time);
        }
    }

    fn add_statement(&mut self, record: &Record) {
        if record.event != "db.server.top_query" {
            return;
        }
        let key = (
            record.target.clone(),
            record.text("postgresql.queryid").unwrap_or_default().to_owned(),
        );
        if self.statements.len() >= self.memory.statements && !self.statements.contains_key(&key) {
            return;
        }
        let sum = self.statements.entry(key).or_default();
        sum.calls += record.int("postgresql.calls").unwrap_or(0);
        sum.seconds += match record.attributes.get("postgresql.total_exec_time") {
            Some(Value::Double(seconds)) => *seconds,
            _ => 0.0,
        };
        if let Some(text) = record.text("db.query.text") {
            text.clone_into(&mut sum.text);
        }
    }
}

impl Series {
    fn new(unit: String, kind: Kind) -> Self {
        Self {
            unit,
            kind,
            points: BTreeMap::new(),
            doubles: 0,
            interval: None,
            forgotten_gaps: 0,
        }
    }

    fn enter(&mut self, time: u64, point: Point, most: usize) {
        if self.points.contains_key(&time) {
            self.doubles += 1;
            return;
        }
        let before = self.points.range(..time).next_back().map(|(t, _)| time - t);
        let after = self.points.range(time..).next().map(|(t, _)| t - time);
        let nearest = before.into_iter().chain(after).chain(self.interval).min();
        self.interval = nearest;
        self.points.insert(time, point);
        if self.points.len() > most {
            let mut times = self.points.keys();
            if let (Some(a), Some(b), Some(interval)) = (times.next(), times.next(), self.interval)
                && b - a != interval
            {
                self.forgotten_gaps += 1;
            }
            self.points.pop_first();
        }
    }

    /// The newest point.
    pub fn last(&self) -> Option<(u64, &Point)> {
        self.points.last_key_value().map(|(time, point)| (*time, point))
    }

    fn gaps(&self, id: &SeriesId) -> Vec<Gap> {
        let Some(interval) = self.interval else {
            return Vec::new();
        };
        self.points
            .keys()
            .zip(self.points.keys().skip(1))
            .filter(|(a, b)| *b - *a != interval)
            .map(|(a, b)| Gap {
                series: id.clone(),
                from: *a,
                to: *b,
                interval,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(ledger: &mut Ledger, seconds: u64) {
        let id = SeriesId {
            target: "db:1".into(),
            metric: "m".into(),
            attributes: "a=1".into(),
        };
        let kind = Kind::Sum { monotonic: true };
        let point = Point {
            start: 0,
            value: Value::Int(1),
        };
        ledger.enter_point(PointOf {
            id,
            unit: "1".into(),
            kind,
            time: seconds * 1_000_000_000,
            point,
        });
    }

    #[test]
    fn doubles_and_gaps_are_counted_in_any_order_of_arrival() {
        let table: [(&[u64], u64, usize); 6] = [
            (&[10, 20, 30], 0, 0),
            (&[30, 10, 20], 0, 0),
            (&[10, 20, 20, 30], 1, 0),
            (&[10, 20, 40], 0, 1),
            (&[10, 40, 20, 70, 60], 0, 2),
            (&[10], 0, 0),
        ];
        for (times, doubles, gaps) in table {
            let mut ledger = Ledger::new(Memory::OF_A_TEST);
            times.iter().for_each(|t| enter(&mut ledger, *t));
            assert_eq!(
                (ledger.doubles(), ledger.gaps().len()),
                (doubles, gaps),
                "{times:?}"
            );
            assert_eq!(ledger.points, times.len() as u64);
        }
    }

    #[test]
    fn forgotten_gaps_still_count() {
        let mut ledger = Ledger::new(Memory {
            points_of_series: 3,
            ..Memory::BOUNDED
        });
        [10, 20, 40, 50, 60, 70, 80]
            .into_iter()
            .for_each(|t| enter(&mut ledger, t));
        assert_eq!(ledger.gaps(), []);
        assert_eq!(ledger.gap_count(), 1);
    }

    #[test]
    fn a_record_that_comes_again_is_a_double() {
        let mut ledger = Ledger::new(Memory::OF_A_TEST);
        let record = |calls| Record {
            target: "db:1".into(),
            event: "db.server.top_query".into(),
            time: 5,
            attributes: BTreeMap::from([
                ("postgresql.queryid".into(), Value::Text("q".into())),
                ("postgresql.calls".into(), Value::Int(calls)),
            ]),
        };
        [3, 4, 3]
            .into_iter()
            .for_each(|calls| ledger.enter_record(record(calls)));
        assert_eq!((ledger.records, ledger.doubles()), (3, 1));
        assert_eq!(ledger.statements[&("db:1".into(), "q".into())].calls, 10);
    }
}
