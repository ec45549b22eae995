//! OpenTelemetry's names as Prometheus wants them, in the way of the OpenTelemetry Collector.

use std::collections::BTreeMap;
use std::fmt::Write;

use ringwatch_catalogue::model::{Metric, MetricKind};

const UNITS: [(&str, &str); 30] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("kBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
    ("1", ""),
    ("bit", "bits"),
    ("Bi", "bits"),
    ("K", "kelvin"),
];

const PER: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("min", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
];

/// Whether a metric is a counter for Prometheus. A sum that may fall is a gauge.
pub(super) fn is_counter(metric: &Metric) -> bool {
    metric.kind == MetricKind::Sum && metric.monotonic
}

/// The name of `metric`: namespace, words, unit, and `_total` or `_ratio`. No word is doubled.
pub(super) fn metric_name(namespace: &str, metric: &Metric) -> String {
    let mut words: Vec<String> = words(&metric.name).map(str::to_owned).collect();
    let (unit, per) = unit_words(&metric.unit);
    let push = |words: &mut Vec<String>, word: String| {
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    };
    push(&mut words, unit);
    if !per.is_empty() && !words.contains(&per) {
        words.extend(["per".to_owned(), per]);
    }
    let last = match (is_counter(metric), metric.kind, metric.unit.as_str()) {
        (true, _, _) => "total",
        (false, MetricKind::Gauge, "1") => "ratio",
        _ => "",
    };
    if !last.is_empty() {
        words.retain(|word| word != last);
        words.push(last.to_owned());
    }
    let name = words.join("_");
    let name = if namespace.is_empty() {
        name
    } else {
        format!("{}_{name}", plain(namespace))
    };
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_ascii_alphanumeric() && c != ':')
        .filter(|word| !word.is_empty())
}

/// The words for a unit: the unit itself, and what it is per. What stands in braces is an annotation and says nothing.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |part: &str, table: &[(&str, &str)]| {
        let part = part.trim();
        if part.contains('{') {
            return String::new();
        }
        let known = table.iter().find(|(unit, _)| *unit == part);
        known.map_or_else(
            || words(part).collect::<Vec<_>>().join("_"),
            |(_, word)| (*word).to_owned(),
        )
    };
    (word(main, &UNITS), word(per, &PER))
}

/// `name` with an underscore in place of every character that a label's name cannot hold.
pub(super) fn plain(name: &str) -> String {
    let mut plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if plain.is_empty() || plain.starts_with(|c: char| c.is_ascii_digit()) {
        plain.insert_str(0, "key_");
    }
    plain
}

/// Labels under construction. Attributes whose names become one name share its label, their values joined by `;`.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Adds an attribute.
    pub(super) fn add(&mut self, key: &str, value: &str) {
        self.0
            .entry(plain(key))
            .and_modify(|there| {
                there.push(';');
                there.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }

    /// Sets a label that is already named as Prometheus wants it.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Whether there is a label of this name.
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// `a="1",b="2"`: the labels between the braces. Those that `common` has as well go out as `exported_...`.
    pub(super) fn text(&self, common: &Self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            let prefix = if common.has(name) { "exported_" } else { "" };
            let comma = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{comma}{prefix}{name}=\"");
            escape(value, true, &mut text);
            text.push('"');
        }
        text
    }
}

/// Appends `text` with backslashes and line ends escaped, and quotes if `quotes`.
pub(super) fn escape(text: &str, quotes: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringwatch_catalogue::model::{Aggregation, MetricValue};

    fn metric(name: &str, unit: &str, kind: MetricKind, monotonic: bool) -> Metric {
        Metric {
            name: name.into(),
            description: String::new(),
            unit: unit.into(),
            kind,
            monotonic,
            value: MetricValue::Int,
            enabled: true,
            start: None,
            timestamp: None,
            aggregation: Aggregation::Cumulative,
            points: Vec::new(),
            attributes: BTreeMap::new(),
        }
    }

    #[test]
    fn names_are_those_of_the_collector() {
        // A counter, an up-and-down sum, or a gauge.
        let table = [
            ("postgresql.commits", "1", 'c', "postgresql_commits_total"),
            ("postgresql.backends", "1", 'u', "postgresql_backends"),
            ("postgresql.db_size", "By", 'u', "postgresql_db_size_bytes"),
            (
                "bgwriter.duration",
                "ms",
                'c',
                "bgwriter_duration_milliseconds_total",
            ),
            ("postgresql.rows", "{row}", 'u', "postgresql_rows"),
            ("postgresql.wal.age", "s", 'g', "postgresql_wal_age_seconds"),
            ("postgresql.cache.hit", "1", 'g', "postgresql_cache_hit_ratio"),
            ("postgresql.hit_ratio", "1", 'g', "postgresql_hit_ratio"),
            ("postgresql.temp.bytes", "By", 'c', "postgresql_temp_bytes_total"),
            ("total.things", "{things}", 'c', "things_total"),
            ("network.rate", "By/s", 'g', "network_rate_bytes_per_second"),
            ("commit.rate", "{commit}/s", 'g', "commit_rate_per_second"),
            ("9lives", "", 'g', "_9lives"),
        ];
        for (name, unit, kind, wanted) in table {
            let sort = if kind == 'g' {
                MetricKind::Gauge
            } else {
                MetricKind::Sum
            };
            assert_eq!(
                metric_name("", &metric(name, unit, sort, kind == 'c')),
                wanted,
                "{name} in {unit}"
            );
        }
        let locks = metric("postgresql.locks", "{lock}", MetricKind::Gauge, false);
        assert_eq!(metric_name("db.watch", &locks), "db_watch_postgresql_locks");
    }

    #[test]
    fn labels_are_named_escaped_and_never_doubled() {
        let mut labels = Labels::default();
        labels.add("db.namespace", "a\"b\\c\nd");
        labels.add("x.y", "1");
        labels.add("x_y", "2");
        labels.add("0day", "é");
        labels.add("job", "own");
        let mut common = Labels::default();
        common.set("job", "orders");
        assert_eq!(
            labels.text(&common),
            r#"db_namespace="a\"b\\c\nd",exported_job="own",key_0day="é",x_y="1;2""#
        );
    }
}
