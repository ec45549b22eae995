//! The last points of every stream, and their text.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_catalogue::Projection;
use ringwatch_catalogue::model::{Aggregation, Metric, MetricKind};
use ringwatch_config::settings::PrometheusExporter;
use ringwatch_frame::{Clock, Epoch, Frame, Resource, StreamId, TargetId, Tick};

use super::names::{Labels, escape, is_counter, metric_name};
use crate::project::{Number, Plain, Spot, for_each_point};

const TARGET_INFO: &str = "target_info";

/// The series that are offered: of each stream those of its last tick.
#[derive(Debug)]
pub(super) struct Store {
    settings: PrometheusExporter,
    clock: Clock,
    streams: Mutex<Streams>,
    /// Metrics of which was said that they are left out. There are as many as the configuration names.
    left_out: Mutex<HashSet<String>>,
}

#[derive(Debug, Default)]
struct Streams {
    of: HashMap<(TargetId, StreamId), Entry>,
    swept: Option<Tick>,
}

/// The series of one stream at one tick. A frame may come in parts, so there may be several.
#[derive(Debug)]
struct Entry {
    tick: Tick,
    epoch: Epoch,
    arrived: Tick,
    parts: Vec<Arc<Part>>,
}

/// The series of one frame.
#[derive(Debug)]
struct Part {
    /// The tick in milliseconds since the Unix epoch.
    millis: i64,
    /// Labels that all series share, as text.
    common: String,
    /// What is known of the target besides, as labels of `target_info`.
    info: String,
    families: Vec<Family>,
}

#[derive(Debug)]
struct Family {
    name: String,
    help: String,
    counter: bool,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    /// Without those in common.
    labels: Box<str>,
    value: Number,
    /// Its instant in milliseconds since the Unix epoch.
    millis: i64,
}

impl Store {
    pub(super) fn new(settings: PrometheusExporter, clock: Clock) -> Self {
        Self {
            settings,
            clock,
            streams: Mutex::default(),
            left_out: Mutex::default(),
        }
    }

    /// Puts the series of `frame` in place of those of its stream's earlier tick. A tick that is older than what is
    /// there is over: it changes nothing, unless what is there came in the future, before the clock was set back.
    pub(super) fn take(&self, frame: &Frame, projection: &Projection) {
        let part = Arc::new(self.part(frame, projection));
        let id = frame.id();
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        // Behind the lock, so that nobody else's look at the clock is later.
        let arrived = self.clock.now();
        if streams.swept.is_none_or(|swept| self.is_expired(swept, arrived)) {
            streams
                .of
                .retain(|_, entry| !self.is_expired(entry.arrived, arrived));
            streams.swept = Some(arrived);
        }
        let key = (id.target.clone(), id.stream.clone());
        let fresh = Entry {
            tick: id.tick,
            epoch: id.epoch,
            arrived,
            parts: Vec::new(),
        };
        let entry = streams.of.entry(key).or_insert(fresh);
        if (id.tick, id.epoch) > (entry.tick, entry.epoch) || entry.arrived > arrived {
            *entry = Entry {
                tick: id.tick,
                epoch: id.epoch,
                arrived,
                parts: Vec::new(),
            };
        }
        if (id.tick, id.epoch) == (entry.tick, entry.epoch) {
            entry.parts.push(part);
        }
    }

    /// The whole page.
    pub(super) fn text(&self) -> String {
        let parts: Vec<Arc<Part>> = {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            streams.of.retain(|_, entry| !self.is_expired(entry.arrived, now));
            streams
                .of
                .values()
                .flat_map(|entry| entry.parts.iter().map(Arc::clone))
                .collect()
        };
        let mut page = String::new();
        write_families(&parts, self.settings.send_timestamps, &mut page);
        write_info(&parts, &mut page);
        page
    }

    /// Whether what came at `since` is too old; also when that lies in the future, after the clock was set back.
    fn is_expired(&self, since: Tick, now: Tick) -> bool {
        since > now
            || since.lateness(now)
                > Duration::max(self.settings.metric_expiration.0, Duration::from_millis(1))
    }

    fn part(&self, frame: &Frame, projection: &Projection) -> Part {
        let (common, info) = self.shared_labels(frame);
        let mut families: Vec<Family> = Vec::new();
        let mut last = None;
        for_each_point(frame, projection, |spot: Spot<'_, '_>| {
            let metric = spot.metric;
            if is_delta(metric) {
                return self.tell_left_out(&metric.name);
            }
            if last != Some(std::ptr::from_ref(metric)) {
                last = Some(std::ptr::from_ref(metric));
                families.push(Family {
                    name: metric_name(&self.settings.namespace, metric),
                    help: metric.description.clone(),
                    counter: is_counter(metric),
                    samples: Vec::new(),
                });
            }
            let mut labels = Labels::default();
            for (key, value) in spot.attributes {
                labels.add(key, &value.to_string());
            }
            if let Some(family) = families.last_mut() {
                family.samples.push(Sample {
                    labels: labels.text(&common).into(),
                    value: spot.value,
                    millis: i64::try_from(spot.time / 1_000_000).unwrap_or(i64::MAX),
                });
            }
        });
        let millis = frame.id().tick.unix_nanos().div_euclid(1_000_000);
        Part {
            millis,
            common: common.text(&Labels::default()),
            info,
            families,
        }
    }

    fn tell_left_out(&self, metric: &str) {
        let mut told = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(metric) {
            told.insert(metric.to_owned());
            tracing::warn!(
                metric,
                "a sum of aggregation `delta` is left out of /metrics, where all counters are cumulative: export it with `otlp`"
            );
        }
    }

    /// The labels of every series of `frame`, and the text of those of `target_info`.
    fn shared_labels(&self, frame: &Frame) -> (Labels, String) {
        const NAMES: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];
        let resource = &frame.meta().resource;
        let mut common = Labels::default();
        for (name, value) in &self.settings.const_labels {
            common.add(name, value);
        }
        if let Some(job) = job(resource) {
            common.set("job", &job);
        }
        // Two targets must never share their series, whatever the resource says.
        let target = frame.id().target.as_str();
        let address = target.split_once("://").map_or(target, |(_, address)| address);
        let instance = resource
            .get(NAMES[2])
            .map_or_else(|| address.to_owned(), ToString::to_string);
        common.set("instance", &instance);
        let mut info = Labels::default();
        for (key, value) in resource.iter().filter(|(key, _)| !NAMES.contains(key)) {
            info.add(key, &Plain::from(value).to_string());
        }
        let info = info.text(&common);
        (common, info)
    }
}

/// Whether the values are what was added since the point before, which Prometheus has no type for.
fn is_delta(metric: &Metric) -> bool {
    metric.kind == MetricKind::Sum && metric.aggregation == Aggregation::Delta
}

/// `service.name`, after `service.namespace` if there is one.
fn job(resource: &Resource) -> Option<String> {
    let name = resource.get("service.name")?;
    Some(match resource.get("service.namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_string(),
    })
}

/// Families in the order of their names, samples in the order of their labels. A series occurs once, also when two
/// pipelines bring the same frame.
fn write_families(parts: &[Arc<Part>], timestamps: bool, page: &mut String) {
    let mut families: BTreeMap<&str, Vec<(&Part, &Family)>> = BTreeMap::new();
    for part in parts {
        for family in &part.families {
            families.entry(&family.name).or_default().push((part, family));
        }
    }
    for (name, members) in families {
        let mut samples: Vec<(&str, &Sample)> = members
            .iter()
            .flat_map(|(part, family)| family.samples.iter().map(|own| (part.common.as_str(), own)))
            .collect();
        samples.sort_by(|a, b| (a.0, &a.1.labels, b.1.millis).cmp(&(b.0, &b.1.labels, a.1.millis)));
        samples.dedup_by(|a, b| (a.0, &a.1.labels) == (b.0, &b.1.labels));
        let Some((_, first)) = members.first() else {
            continue;
        };
        write_head(
            name,
            &first.help,
            if first.counter { "counter" } else { "gauge" },
            page,
        );
        for (common, sample) in samples {
            let own = &sample.labels;
            let comma = if common.is_empty() || own.is_empty() {
                ""
            } else {
                ","
            };
            let _ = write!(page, "{name}{{{common}{comma}{own}}} ");
            write_number(sample.value, page);
            if timestamps {
                let _ = write!(page, " {}", sample.millis);
            }
            page.push('\n');
        }
    }
}

fn write_info(parts: &[Arc<Part>], page: &mut String) {
    let with_info = parts.iter().filter(|part| !part.info.is_empty());
    let mut lines: BTreeMap<&str, (i64, &str)> = BTreeMap::new();
    for part in with_info {
        let line = lines.entry(&part.common).or_insert((part.millis, &part.info));
        *line = (*line).max((part.millis, &part.info));
    }
    if !lines.is_empty() {
        write_head(TARGET_INFO, "What is known of the target", "gauge", page);
    }
    for (common, (_, info)) in lines {
        let _ = writeln!(page, "{TARGET_INFO}{{{common},{info}}} 1");
    }
}

fn write_head(name: &str, help: &str, kind: &str, page: &mut String) {
    let _ = write!(page, "# HELP {name} ");
    escape(help, false, page);
    let _ = writeln!(page, "\n# TYPE {name} {kind}");
}

fn write_number(number: Number, page: &mut String) {
    let _ = match number {
        Number::Int(int) => write!(page, "{int}"),
        Number::Double(double) if double.is_nan() => write!(page, "NaN"),
        Number::Double(f64::INFINITY) => write!(page, "+Inf"),
        Number::Double(f64::NEG_INFINITY) => write!(page, "-Inf"),
        Number::Double(double) => write!(page, "{double}"),
    };
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
