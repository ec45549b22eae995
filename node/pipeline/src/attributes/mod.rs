//! `attributes`: changes columns.

mod apply;
mod column;

use std::sync::Arc;

use ringwatch_config::settings::AttributesProcessor as Settings;
use ringwatch_frame::{Batch, DropReason, Place};

use crate::actions::{Action, compile};
use crate::throttle::Throttle;
use crate::{PipelineError, Processor};

/// Which column holds a place of points or records: of receiver, stream and place. `None` where no column
/// does.
pub type Resolver = Arc<dyn Fn(&str, &str, Place<'_>) -> Option<Arc<str>> + Send + Sync>;

/// Changes the columns of each frame. A key is the name of an attribute as it goes out, else that of a
/// column; a row has the attribute where the column is not null. Attributes that are constants of points or
/// records have no column.
///
/// A column that is added goes out as an attribute of its row; one that is there keeps its meaning. Setting
/// all values of a column gives it the type of the new value; where old and new values of different types
/// would stand in one column, it becomes text. Times as text are nanoseconds since the Unix epoch.
pub struct AttributesProcessor {
    name: String,
    actions: Vec<Action>,
    resolve: Resolver,
    log: Throttle,
}

impl AttributesProcessor {
    /// A processor that takes these actions in order, on the columns that `resolve` finds for their keys.
    ///
    /// # Errors
    /// When an action lacks what it needs.
    pub fn new(name: &str, settings: &Settings, resolve: Resolver) -> Result<Self, PipelineError> {
        Ok(Self {
            name: name.to_owned(),
            actions: compile(name, &settings.actions)?,
            resolve,
            log: Throttle::default(),
        })
    }
}

impl Processor for AttributesProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let mut changed = Batch::default();
        for mut frame in batch.into_frames() {
            let (source, stream) = (&frame.meta().source, frame.id().stream.name());
            let column_of = |key: &str| (self.resolve)(source, stream, Place::Attribute(key));
            let columns = apply::apply(&self.actions, frame.batch(), &column_of);
            match columns.and_then(|columns| Ok(frame.set_columns(columns)?)) {
                Ok(()) => changed.push(frame),
                Err(error) => {
                    if let Some(rows) = self.log.pass(frame.rows()) {
                        let id = frame.id();
                        tracing::error!(processor = %self.name, target_id = %id.target, stream = %id.stream, rows, %error,
                            "the columns could not be changed: frames were dropped");
                    }
                    frame.discard(DropReason::Invalid);
                }
            }
        }
        if !changed.is_empty() {
            out.push(changed);
        }
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_config::settings::AttributeActionKind::{Delete, Upsert};
    use ringwatch_config::settings::Scalar;
    use ringwatch_frame::{Books, is_attribute};

    use super::*;
    use crate::testing::{action, assert_at_rest, frame};

    fn columns() -> Resolver {
        Arc::new(|source, stream, place| {
            let is_ours = source == "postgresql" && stream == "postgresql.activity";
            (is_ours && place == Place::Attribute("db.n")).then(|| "n".into())
        })
    }

    #[test]
    fn frames_keep_their_rows_and_the_books_their_balance() {
        let books = Arc::new(Books::default());
        let actions = vec![
            action("env", Upsert, Some(Scalar::Text("prod".into())), None),
            action("db.n", Delete, None, None),
        ];
        let mut processor = AttributesProcessor::new("attributes", &Settings { actions }, columns()).unwrap();
        let mut out = Vec::new();
        for rows in [3, 0] {
            processor.process(frame(&books, 0, rows).into(), &mut out);
        }
        let rows: Vec<_> = out.iter().map(Batch::rows).collect();
        assert_eq!(rows, [3, 0]);
        let schema = out[0].frames()[0].batch().schema();
        assert_eq!(schema.fields().len(), 1);
        assert!(schema.field(0).name() == "env" && is_attribute(schema.field(0)));
        out.into_iter().for_each(Batch::deliver);
        assert_at_rest(&books);
    }

    #[test]
    fn a_frame_without_columns_keeps_its_rows() {
        let books = Arc::new(Books::default());
        let settings = Settings {
            actions: vec![action("n", Delete, None, None)],
        };
        let mut out = Vec::new();
        AttributesProcessor::new("attributes", &settings, columns())
            .unwrap()
            .process(frame(&books, 0, 5).into(), &mut out);
        assert_eq!(out.iter().map(Batch::rows).sum::<u64>(), 5);
        out.into_iter().for_each(Batch::deliver);
        assert_at_rest(&books);
    }
}
