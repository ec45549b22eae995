//! The text of `/metrics`, read.

use std::collections::BTreeMap;

/// The samples of one scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Metrics {
    /// Reads the text format. Lines that are no samples are passed over.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self {
            samples: lines.filter_map(sample).collect(),
        }
    }

    /// The values of a metric whose labels hold all of `labels`.
    pub fn values<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = f64> + 'a {
        self.fitting(name, labels).map(|s| s.value)
    }

    /// The sum of those values; 0 where there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.values(name, labels).sum()
    }

    /// The same as a whole number, which counters are.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are whole and not negative"
    )]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.sum(name, labels).max(0.0) as u64
    }

    /// The values by the value of one label.
    pub fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        self.by_label_of(name, &[], label)
    }

    /// The same of those samples whose labels hold all of `labels`.
    pub fn by_label_of(&self, name: &str, labels: &[(&str, &str)], label: &str) -> BTreeMap<String, f64> {
        let mut by = BTreeMap::new();
        for sample in self.fitting(name, labels) {
            if let Some((_, value)) = sample.labels.iter().find(|(l, _)| l == label) {
                *by.entry(value.clone()).or_default() += sample.value;
            }
        }
        by
    }

    /// The samples of a metric as text, for messages.
    pub fn show(&self, name: &str) -> String {
        let line = |s: &Sample| format!("{:?} = {}", s.labels, s.value);
        let lines: Vec<String> = self.fitting(name, &[]).map(line).collect();
        if lines.is_empty() {
            format!("no {name}")
        } else {
            format!("{name}: {}", lines.join("; "))
        }
    }

    fn fitting<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        let holds = |s: &Sample| {
            labels
                .iter()
                .all(|(k, v)| s.labels.iter().any(|(l, w)| l == k && w == v))
        };
        self.samples.iter().filter(move |s| s.name == name && holds(s))
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (head, tail) = match line.split_once('{') {
        Some((name, rest)) => {
            let end = end_of_labels(rest)?;
            ((name, labels(rest.get(..end)?)), rest.get(end + 1..)?)
        }
        None => line
            .split_once(' ')
            .map(|(name, rest)| ((name, Vec::new()), rest))?,
    };
    let value = tail.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: head.0.to_owned(),
        labels: head.1,
        value,
    })
}

/// Where the closing brace is that is not within quotes.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn labels(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, other)) => value.push(other),
                    None => {}
                },
                _ => value.push(c),
            }
        }
        found.push((name.trim_start_matches(',').trim().to_owned(), value));
        text = rest.get(end..).unwrap_or("");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# HELP a b\na{x=\"1\",y=\"q\\\"}{\"} 2\na{x=\"2\"} 3.5\nb 7\nc{} 1\nbroken{x=\"1\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("a", &[]), 5.5);
        assert_eq!(metrics.sum("a", &[("y", "q\"}{")]), 2.0);
        assert_eq!(metrics.count("b", &[]), 7);
        assert_eq!(
            metrics.by_label("a", "x"),
            [("1".to_owned(), 2.0), ("2".to_owned(), 3.5)].into()
        );
        assert_eq!(
            metrics.by_label_of("a", &[("x", "2")], "x"),
            [("2".to_owned(), 3.5)].into()
        );
        assert_eq!(metrics.show("none"), "no none");
        assert_eq!(metrics.values("c", &[]).count(), 1);
    }
}
