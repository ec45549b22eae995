//! The JSON Schema of the file.

use serde_json::{Map, Value, json};

use crate::shape;

/// What stands where a number, a list or a word comes by substitution.
const SUBSTITUTION: &str = r"\$\{.+\}";

/// The JSON Schema (draft 2020-12) of a configuration file, as `ringwatch config schema` prints it. It differs
/// from that of the types in that a component's key says its type, an empty section may be null, and that any
/// scalar or list may be a substitution.
pub fn schema() -> Value {
    let mut schema = shape::derived();
    let empty = Map::new();
    let defs = schema
        .get("$defs")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or(empty);
    let mut unused = Vec::new();
    if let Some(sections) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for section in sections
            .values_mut()
            .filter(|section| section.get("x-components").is_some())
        {
            unused.extend(name_of(section));
            components(section, &defs);
        }
    }
    if let Some(defs) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        defs.retain(|name, _| !unused.contains(name));
        defs.values_mut().for_each(or_text);
    }
    substitutable(&mut schema);
    schema
}

/// Lets a text stand in place of a map that says so.
fn or_text(schema: &mut Value) {
    let is_marked = schema
        .as_object_mut()
        .is_some_and(|map| map.remove(shape::TEXT_KEY).is_some());
    if is_marked {
        let map = schema.take();
        *schema = json!({ "anyOf": [map, { "type": "string" }] });
    }
}

/// The name of the type of the section's components.
fn name_of(section: &Value) -> Option<String> {
    let target = section.get("additionalProperties")?.get("$ref")?.as_str()?;
    target.rsplit('/').next().map(Into::into)
}

/// Puts one pattern for each type of component in the place of the tagged alternatives.
fn components(section: &mut Value, defs: &Map<String, Value>) {
    let patterns: Map<String, Value> = shape::variants(section, defs)
        .map(|(kind, doc, body)| {
            let body = json!({ "description": doc, "anyOf": [body, { "type": "null" }] });
            (format!("^{kind}(/.+)?$"), body)
        })
        .collect();
    if let Some(section) = section.as_object_mut() {
        section.remove("x-components");
        section.insert("patternProperties".into(), Value::Object(patterns));
        section.insert("additionalProperties".into(), json!(false));
    }
}

/// Lets a substitution stand for numbers, booleans, lists and words, wherever they occur.
fn substitutable(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(substitutable),
        Value::Object(object) => {
            object
                .iter_mut()
                .filter(|(key, _)| *key != "default")
                .for_each(|(_, value)| substitutable(value));
            object.remove("x-keys");
            if let Some(Value::Array(words)) = object.get_mut("oneOf") {
                words.push(
                    json!({ "description": "A substitution.", "type": "string", "pattern": SUBSTITUTION }),
                );
            }
            let types = match object.get("type") {
                Some(Value::String(one)) => vec![one.clone()],
                Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).map(Into::into).collect(),
                _ => Vec::new(),
            };
            let scalar = ["integer", "number", "boolean", "array"];
            if types.iter().any(|kind| scalar.contains(&kind.as_str())) {
                let all: Vec<String> = types.into_iter().chain(["string".into()]).collect();
                object.insert("type".into(), json!(all));
                object.insert("pattern".into(), json!(SUBSTITUTION));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_shape_of_the_file() {
        let schema = schema();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let receivers = &schema["properties"]["receivers"];
        assert_eq!(receivers["additionalProperties"], false);
        let body = &receivers["patternProperties"]["^postgresql(/.+)?$"]["anyOf"];
        assert_eq!(body[0]["$ref"], "#/$defs/PostgresqlReceiver");
        assert_eq!(body[1]["type"], "null");
        assert!(schema["$defs"].get("Receiver").is_none());
        let size = &schema["$defs"]["SendingQueue"]["properties"]["queue_size"];
        assert_eq!(size["type"], json!(["integer", "string"]));
        let group = &schema["$defs"]["StatementGroup"]["anyOf"];
        assert_eq!(group[0]["required"], json!(["statements"]));
        assert_eq!(group[1], json!({ "type": "string" }));
        assert!(!schema.to_string().contains("\"x-"));
    }

    #[test]
    fn every_reference_of_the_schema_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                Value::Object(object) => {
                    found.extend(object.get("$ref").and_then(Value::as_str));
                    object.values().for_each(|value| references(value, found));
                }
                _ => {}
            }
        }
        let schema = schema();
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.len() > 10);
        for reference in found {
            assert!(
                schema.pointer(reference.trim_start_matches('#')).is_some(),
                "{reference}"
            );
        }
    }
}
