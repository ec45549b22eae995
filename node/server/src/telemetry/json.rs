//! The log as JSON: one object a line, with fixed fields first, then those of the spans and of the event.

use std::fmt::Debug;
use std::io::Write as _;

use ringwatch_frame::{Clock, Tick};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Writes each event as `{"ts", "level", "msg", "logger", ...fields}`.
pub(super) struct JsonLog {
    writer: BoxMakeWriter,
    initial: Vec<(String, String)>,
    clock: Clock,
}

impl JsonLog {
    /// Writes to `writer`; `initial` are fields of every line.
    pub(super) fn new(writer: BoxMakeWriter, initial: Vec<(String, String)>, clock: Clock) -> Self {
        Self {
            writer,
            initial,
            clock,
        }
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLog {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let message = own.0.remove("message").unwrap_or_default();
        let mut line = Map::new();
        line.insert("ts".into(), Value::from(timestamp(&self.clock)));
        line.insert("level".into(), Value::from(event.metadata().level().as_str()));
        line.insert("msg".into(), message);
        line.insert("logger".into(), Value::from(event.metadata().target()));
        for (key, value) in &self.initial {
            line.insert(key.clone(), Value::from(value.as_str()));
        }
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.extend(fields.0.clone());
            }
        }
        line.extend(own.0);
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // Where the log cannot be written, there is nowhere left to say so.
        let _ = self
            .writer
            .make_writer_for(event.metadata())
            .write_all(text.as_bytes());
    }
}

/// This moment.
pub(crate) fn timestamp(clock: &Clock) -> String {
    rfc3339(clock.now())
}

/// RFC 3339 with milliseconds, in UTC.
pub(crate) fn rfc3339(at: Tick) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.unix_nanos()))
        .map(|at| format!("{at:.3}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_holds_fixed_fields_initial_fields_and_those_of_the_span() {
        let buffer = Buffer::default();
        let sink = buffer.clone();
        let clock = Clock::simulated(Tick::from_unix_nanos(1_700_000_000_000_000_000));
        let writer = BoxMakeWriter::new(move || sink.clone());
        let layer = JsonLog::new(writer, vec![("service".into(), "ringwatch".into())], clock);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("read", stream = "postgresql.activity");
            let _entered = span.enter();
            tracing::warn!(rows = 3, "line one\nline \"two\"");
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text.lines().count(),
            1,
            "a line break in a message must not break the line"
        );
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["msg"], "line one\nline \"two\"");
        assert_eq!(
            (&line["stream"], &line["rows"]),
            (&Value::from("postgresql.activity"), &Value::from(3))
        );
        assert_eq!(line["service"], "ringwatch");
        assert!(
            line["ts"].as_str().unwrap().starts_with("2023-11-14T22:13:20.00"),
            "{}",
            line["ts"]
        );
    }
}
