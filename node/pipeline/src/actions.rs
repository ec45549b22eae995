//! Actions on attributes, as both attribute processors understand them: checked once, when the node starts.

use std::fmt::Write as _;
use std::sync::Arc;

use ringwatch_config::settings::{AttributeAction, AttributeActionKind, Scalar};
use ringwatch_frame::Value;
use sha2::{Digest, Sha256};

use crate::PipelineError;

/// One change of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Action {
    pub(crate) key: String,
    pub(crate) change: Change,
}

/// What to do with the attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Set(When, Source),
    Delete,
    Hash,
}

/// Where an attribute is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Absent,
    Present,
    Always,
}

impl When {
    /// Whether to set an attribute that is there or not.
    pub(crate) fn holds(self, is_present: bool) -> bool {
        match self {
            Self::Absent => !is_present,
            Self::Present => is_present,
            Self::Always => true,
        }
    }
}

/// What to set it to. An attribute that is absent itself changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    Value(Value),
    Attribute(String),
}

/// Checks the actions of `processor` in order.
pub(crate) fn compile(processor: &str, actions: &[AttributeAction]) -> Result<Vec<Action>, PipelineError> {
    actions
        .iter()
        .map(|action| compile_one(processor, action))
        .collect()
}

fn compile_one(processor: &str, action: &AttributeAction) -> Result<Action, PipelineError> {
    let key = &action.key;
    let wrong = |problem: &str| PipelineError::setting(processor, format!("the action on `{key}` {problem}"));
    if key.is_empty() {
        return Err(PipelineError::setting(
            processor,
            "an action has an empty `key`: name the attribute",
        ));
    }
    let set = |when| match (&action.value, &action.from_attribute) {
        (Some(value), None) => Ok(Change::Set(when, Source::Value(value_of(value)))),
        (None, Some(from)) => Ok(Change::Set(when, Source::Attribute(from.clone()))),
        _ => Err(wrong("takes either `value` or `from_attribute`")),
    };
    let plain = |change| match (&action.value, &action.from_attribute) {
        (None, None) => Ok(change),
        _ => Err(wrong("takes neither `value` nor `from_attribute`")),
    };
    let change = match action.action {
        AttributeActionKind::Insert => set(When::Absent)?,
        AttributeActionKind::Update => set(When::Present)?,
        AttributeActionKind::Upsert => set(When::Always)?,
        AttributeActionKind::Delete => plain(Change::Delete)?,
        AttributeActionKind::Hash => plain(Change::Hash)?,
    };
    Ok(Action {
        key: key.clone(),
        change,
    })
}

fn value_of(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Bool(bit) => Value::Bool(*bit),
        Scalar::Int(number) => Value::Int(*number),
        Scalar::Double(number) => Value::Double(*number),
        Scalar::Text(text) => Value::Text(Arc::from(text.as_str())),
    }
}

/// The SHA-256 of `text` in hexadecimal.
pub(crate) fn hash(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // writing to a String cannot fail
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::action;

    #[test]
    fn actions_take_what_they_need_and_nothing_else() {
        use AttributeActionKind::{Delete, Hash, Insert, Update, Upsert};
        let value = || Some(Scalar::Int(1));
        for (kind, value, from, works) in [
            (Insert, value(), None, true),
            (Update, None, Some("b"), true),
            (Upsert, value(), Some("b"), false),
            (Upsert, None, None, false),
            (Delete, None, None, true),
            (Delete, value(), None, false),
            (Hash, None, Some("b"), false),
            (Hash, None, None, true),
        ] {
            let action = action("a", kind, value, from);
            let compiled = compile("attributes/x", std::slice::from_ref(&action));
            assert_eq!(compiled.is_ok(), works, "{action:?}");
            if let Err(error) = compiled {
                assert!(
                    error
                        .to_string()
                        .starts_with("processor `attributes/x`: the action on `a` takes"),
                    "{error}"
                );
            }
        }
        assert!(compile("x", &[action("", Delete, None, None)]).is_err());
    }

    #[test]
    fn the_hash_is_sha_256_in_hexadecimal() {
        assert_eq!(
            hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
