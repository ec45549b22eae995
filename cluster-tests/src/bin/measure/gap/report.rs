//! Figures with names: a table for people, JSON for programs.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

/// The figures of one measurement.
#[derive(Debug)]
pub(crate) struct Report {
    name: &'static str,
    figures: Map<String, Value>,
    /// The promises that were not kept.
    broken: Vec<String>,
}

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            figures: Map::new(),
            broken: Vec::new(),
        }
    }

    /// Sets one figure.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// Sets one figure, which must not be higher than `most`.
    pub(crate) fn set_at_most(&mut self, name: &str, value: impl Into<Value>, most: f64) {
        let value = value.into();
        if value.as_f64().is_none_or(|value| value > most) {
            self.broken
                .push(format!("{name} is {value}, and must be {most} at most"));
        }
        self.set(name, value);
    }

    /// A promise, and whether it was kept.
    pub(crate) fn expect(&mut self, promise: &str, kept: bool) {
        if !kept {
            self.broken.push(promise.to_owned());
        }
    }

    /// Sets the figures of a JSON object.
    pub(crate) fn set_all(&mut self, figures: Value) {
        if let Value::Object(figures) = figures {
            self.figures.extend(figures);
        }
    }

    /// Sets the middle and the end of times, by the nearest rank, in milliseconds.
    pub(crate) fn times(&mut self, name: &str, times: &[Duration]) {
        let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1_000.0).collect();
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| -> Value {
            let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
            times.get(rank).map_or(Value::Null, |time| json!(time.round()))
        };
        self.set(
            name,
            json!({ "p50_ms": at(50), "p99_ms": at(99), "max_ms": at(100), "of": times.len() }),
        );
    }

    /// Prints all.
    ///
    /// # Errors
    /// A promise was not kept.
    pub(crate) fn close(&self, json: bool) -> Result<()> {
        self.print(json);
        ensure!(
            self.broken.is_empty(),
            "{}: {}",
            self.name,
            self.broken.join("; ")
        );
        Ok(())
    }

    /// Prints all.
    pub(crate) fn print(&self, json: bool) {
        if json {
            println!("{}", json!({ "measure": self.name, "figures": self.figures }));
            return;
        }
        println!("{}", self.name);
        let width = self.figures.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in &self.figures {
            println!("  {name:<width$}  {}", shown(value));
        }
    }
}

/// `p50_ms 12, p99_ms 20` of an object; strings without quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(parts) => {
            let parts: Vec<String> = parts.iter().map(|(k, v)| format!("{k} {}", shown(v))).collect();
            parts.join(", ")
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_not_kept_fails() {
        let mut report = Report::new("x");
        report.set_at_most("missing", 0, 0.0);
        report.expect("never", true);
        assert!(report.close(false).is_ok());
        report.set_at_most("missing", 1, 0.0);
        let said = report.close(false).unwrap_err().to_string();
        assert_eq!(said, "x: missing is 1, and must be 0 at most");
    }

    #[test]
    fn ranks_and_words() {
        let mut report = Report::new("x");
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        report.times("late", &times);
        let wanted = "p50_ms 100.0, p99_ms 198.0, max_ms 200.0, of 200";
        assert_eq!(shown(&report.figures["late"]), wanted);
        report.times("none", &[]);
        assert_eq!(
            shown(&report.figures["none"]),
            "p50_ms null, p99_ms null, max_ms null, of 0"
        );
    }
}
