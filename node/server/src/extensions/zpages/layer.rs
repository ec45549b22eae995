//! From the program's spans to the table.

use std::fmt::{Debug, Write as _};

use ringwatch_frame::{Clock, Tick};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::spans::{Sample, SpanTable};

/// The fields of a span, and what was said in it, are cut after so many bytes.
const LONGEST: usize = 256;

/// Records spans in the table.
pub(crate) struct SpanLayer {
    table: SpanTable,
    clock: Clock,
}

/// What is kept with a span while it is open.
struct Open {
    since: Instant,
    began: Tick,
    fields: Text,
    fault: Option<String>,
}

impl SpanTable {
    /// What records the spans of the process here.
    pub(crate) fn layer(&self, clock: &Clock) -> SpanLayer {
        SpanLayer {
            table: self.clone(),
            clock: clock.clone(),
        }
    }
}

/// Fields as `name=value`, up to a length.
#[derive(Default)]
struct Text(String);

impl Text {
    fn put(&mut self, name: &str, value: &dyn Debug) {
        if self.0.len() >= LONGEST {
            return;
        }
        let before = if self.0.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{before}{name}={value:?}");
        cut(&mut self.0);
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), value);
    }
}

/// The words of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
            cut(&mut self.0);
        }
    }
}

fn cut(text: &mut String) {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut fields = Text::default();
        attributes.record(&mut fields);
        let (since, began) = (Instant::now(), self.clock.now());
        self.table
            .opened(span.name(), id.into_u64(), since, began, &fields.0);
        span.extensions_mut().insert(Open {
            since,
            began,
            fields,
            fault: None,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut open.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() > Level::WARN {
            return;
        }
        if let Some(span) = context.event_span(event)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            let mut message = Message::default();
            event.record(&mut message);
            open.fault = Some(message.0);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let Some(open) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        let sample = Sample {
            began: open.began,
            took: open.since.elapsed(),
            fields: open.fields.0,
            fault: open.fault,
        };
        self.table.closed(span.name(), id.into_u64(), sample);
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::spans::Kind;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn spans_are_recorded_with_their_fields_and_what_was_said_in_them() {
        let table = SpanTable::default();
        let clock = Clock::simulated(Tick::from_unix_nanos(7));
        let subscriber = tracing_subscriber::registry().with(table.layer(&clock));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("tick", target = "a:1", rows = tracing::field::Empty);
            span.in_scope(|| {
                tracing::info!("begun");
                tracing::warn!("no answer");
            });
            span.record("rows", 3);
            let long = tracing::info_span!("long", text = "\u{e9}".repeat(500));
            drop((span, long));
        });
        let ticks = table.samples("tick", Kind::Faulty).unwrap();
        assert_eq!(ticks[0].fields, "target=\"a:1\" rows=3");
        assert_eq!(
            (ticks[0].fault.as_deref(), ticks[0].began.unix_nanos()),
            (Some("no answer"), 7)
        );
        let long = table.samples("long", Kind::Took(0)).unwrap();
        assert!((LONGEST - 3..=LONGEST).contains(&long[0].fields.len()));
        assert_eq!(table.samples("long", Kind::Faulty).unwrap(), []);
    }
}
