//! Settings as a file again.

use serde_json::Value;

use crate::Settings;
use crate::shape;

/// The settings as YAML that is a valid file again, with every default in it. Secrets are `[REDACTED]`.
pub fn show(settings: &Settings) -> String {
    let Ok(Value::Object(mut root)) = serde_json::to_value(settings) else {
        return String::new();
    };
    if let shape::Shape::Map(fields) = shape::settings().shape {
        for field in fields {
            let shape::Shape::Components { section, .. } = field.want.shape else {
                continue;
            };
            if let Some(components) = root.get_mut(&section).and_then(Value::as_object_mut) {
                components.values_mut().for_each(unwrap);
            }
        }
    }
    serde_saphyr::to_string(&written(Value::Object(root))).unwrap_or_default()
}

/// Takes the body out of `{type: body}`, since the component's key says its type.
fn unwrap(component: &mut Value) {
    let body = component
        .as_object_mut()
        .and_then(|tagged| tagged.values_mut().next().map(Value::take));
    *component = body.unwrap_or_default();
}

/// What is absent is left out, and a `$` is written so that it stays one.
fn written(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('$', "$$")),
        Value::Array(items) => Value::Array(items.into_iter().map(written).collect()),
        Value::Object(map) => {
            let present = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                present
                    .map(|(key, value)| (key.replace('$', "$$"), written(value)))
                    .collect(),
            )
        }
        other => other,
    }
}
