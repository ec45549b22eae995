//! `attributes`: changes attributes, which are columns of the row.

mod columns;
pub(crate) mod hash;

use ringwatch_config::settings::{
    AttributeAction, AttributeActionKind, AttributesProcessor as Settings, Scalar,
};
use ringwatch_frame::{Batch, DropReason, Frame, Value};

use self::columns::Table;
use crate::{PipelineError, Processor};

/// Changes columns. One that it adds or sets goes out as an attribute of every point and record of the row.
pub struct AttributesProcessor {
    name: String,
    actions: Vec<AttributeAction>,
}

impl AttributesProcessor {
    /// A processor of these actions.
    ///
    /// # Errors
    /// When an action has neither a value nor an attribute to take it from.
    pub fn new(name: &str, settings: &Settings) -> Result<Self, PipelineError> {
        check(name, &settings.actions)?;
        Ok(Self {
            name: name.to_owned(),
            actions: settings.actions.clone(),
        })
    }

    fn change(&self, frame: &mut Frame) -> Result<(), arrow_schema::ArrowError> {
        let mut table = Table::of(frame.batch());
        for action in &self.actions {
            table.apply(action)?;
        }
        frame.set_columns(table.finish()?)
    }
}

/// Whether every action has what its kind needs.
pub(crate) fn check(processor: &str, actions: &[AttributeAction]) -> Result<(), PipelineError> {
    let complete = |action: &&AttributeAction| match action.action {
        AttributeActionKind::Delete | AttributeActionKind::Hash => true,
        _ => action.value.is_some() || action.from_attribute.is_some(),
    };
    match actions.iter().find(|action| !complete(action)) {
        Some(action) => Err(PipelineError::Action {
            processor: processor.to_owned(),
            key: action.key.clone(),
        }),
        None => Ok(()),
    }
}

/// A configured value as the value of an attribute.
pub(crate) fn value_of(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Bool(bit) => Value::Bool(*bit),
        Scalar::Int(number) => Value::Int(*number),
        Scalar::Double(number) => Value::Double(*number),
        Scalar::Text(text) => Value::from(text.as_str()),
    }
}

impl Processor for AttributesProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let mut kept = Batch::default();
        for mut frame in batch.into_frames() {
            match self.change(&mut frame) {
                Ok(()) => kept.push(frame),
                Err(error) => {
                    // Nothing that was meant to be taken out may leave because taking it out failed.
                    tracing::error!(processor = self.name, %error, "a frame could not be changed; it is dropped");
                    frame.discard(DropReason::Invalid);
                }
            }
        }
        if !kept.is_empty() {
            out.push(kept);
        }
    }
}

#[cfg(test)]
mod tests;
