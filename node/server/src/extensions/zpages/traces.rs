//! `/debug/tracez`: spans by name and by how long they took; a click shows those that are kept.

use std::time::Duration;

use serde::Deserialize;

use super::html::{escape, query, table};
use super::spans::{BOUNDS, BUCKETS, Kind, Sample, SpanTable, Summary};

/// What the link says.
#[derive(Deserialize)]
pub(super) struct Wanted {
    span: Option<String>,
    kind: Option<String>,
}

/// The page: the table, and under it the samples that are wanted. `None`: there are none of that name and
/// kind.
pub(super) fn body(spans: &SpanTable, wanted: &Wanted) -> Option<String> {
    let mut head = vec!["span".to_owned(), "running".to_owned(), "below 10 us".to_owned()];
    head.extend(BOUNDS.iter().map(|bound| format!("from {}", short(*bound))));
    head.push("with a warning or error".to_owned());
    let mut body = table(&head, spans.summary().iter().map(line));
    if let Some(name) = &wanted.span {
        let samples = spans.samples(name, kind(wanted.kind.as_deref()?)?)?;
        body.push_str(&format!("<h2>{}</h2>", escape(name)));
        let rows = samples.iter().map(row);
        body.push_str(&table(&["began", "took", "fields", "said"], rows));
    }
    Some(body)
}

fn line(summary: &Summary) -> Vec<String> {
    let link = |count: u64, kind: &str| {
        if count == 0 {
            return "0".to_owned();
        }
        format!(
            "<a href=\"?span={}&amp;kind={kind}\">{count}</a>",
            query(summary.name)
        )
    };
    let mut cells = vec![escape(summary.name), link(summary.running, "running")];
    cells.extend(
        summary
            .took
            .iter()
            .enumerate()
            .map(|(at, count)| link(*count, &at.to_string())),
    );
    cells.push(link(summary.faulty, "faulty"));
    cells
}

fn row(sample: &Sample) -> Vec<String> {
    vec![
        escape(&sample.began.to_string()),
        short(sample.took),
        format!("<code>{}</code>", escape(&sample.fields)),
        escape(sample.fault.as_deref().unwrap_or_default()),
    ]
}

fn kind(text: &str) -> Option<Kind> {
    match text {
        "running" => Some(Kind::Running),
        "faulty" => Some(Kind::Faulty),
        number => number.parse().ok().filter(|at| *at < BUCKETS).map(Kind::Took),
    }
}

fn short(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.3} s", time.as_secs_f64()).replace(".000 s", " s"),
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::Tick;

    use super::*;

    fn table() -> SpanTable {
        let spans = SpanTable::default();
        let sample = Sample {
            began: Tick::from_unix_nanos(0),
            took: Duration::from_millis(12),
            fields: "target=\"<b>\"".into(),
            fault: Some("</td><script>".into()),
        };
        spans.closed("tick", 1, sample);
        spans
    }

    fn wanted(span: Option<&str>, kind: Option<&str>) -> Option<String> {
        let wanted = Wanted {
            span: span.map(Into::into),
            kind: kind.map(Into::into),
        };
        body(&table(), &wanted)
    }

    #[test]
    fn a_click_shows_what_is_kept_and_text_stays_text() {
        let all = wanted(None, None).unwrap();
        assert!(all.contains("<a href=\"?span=tick&amp;kind=4\">1</a>"), "{all}");
        assert!(all.contains("kind=faulty") && !all.contains("kind=3"), "{all}");
        for kind in ["4", "faulty"] {
            let samples = wanted(Some("tick"), Some(kind)).unwrap();
            assert!(
                samples.contains("12 ms") && samples.contains("&lt;b&gt;"),
                "{samples}"
            );
            assert!(!samples.contains("<script>"), "{samples}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_shown() {
        for (span, kind) in [("tock", "4"), ("tick", "9"), ("tick", "-1"), ("tick", "")] {
            assert_eq!(wanted(Some(span), Some(kind)), None, "{span} {kind}");
        }
        assert_eq!(wanted(Some("tick"), None), None);
    }

    #[test]
    fn times_are_short() {
        for (micros, text) in [
            (0, "0 us"),
            (999, "999 us"),
            (1_500, "1 ms"),
            (2_000_000, "2 s"),
            (2_500_000, "2.500 s"),
        ] {
            assert_eq!(short(Duration::from_micros(micros)), text);
        }
    }
}
