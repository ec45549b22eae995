//! The JSON Schema of the settings as a shape that a tree can be checked against.

use schemars::schema_for;
use serde_json::{Map, Value, json};

use crate::Settings;

/// Marks in the schema of a map the key of the list whose only item a text in place of the map is.
pub(crate) const TEXT_KEY: &str = "x-text";

/// What a value of the file must be.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) shape: Shape,
    /// May be null, which is the same as absent.
    pub(crate) nullable: bool,
    /// A text in place of the map is the only item of the list under this key.
    pub(crate) text_key: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A map of known keys.
    Map(Vec<Field>),
    /// A map of free keys.
    Dict(Dict),
    /// A section of components, whose types are the fields' names.
    Components {
        section: String,
        types: Vec<Field>,
    },
    List(Box<Want>),
    /// One of some words.
    Choice(Vec<String>),
    Text(Format),
    /// A whole number.
    Int {
        min: i128,
        max: i128,
    },
    Float {
        min: f64,
        max: f64,
    },
    Bool,
    /// Any scalar, typed by YAML's rules.
    Scalar,
}

#[derive(Clone, Debug)]
pub(crate) struct Dict {
    pub(crate) value: Box<Want>,
    /// Whether the keys are names of components.
    pub(crate) component_keys: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Any,
    Duration,
    Endpoint,
    Component,
    Secret,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) default: Option<Value>,
    pub(crate) doc: String,
    pub(crate) want: Want,
}

/// The schema of the types, as it is derived.
pub(crate) fn derived() -> Value {
    schema_for!(Settings).to_value()
}

/// The shape of the whole file.
pub(crate) fn settings() -> Want {
    let schema = derived();
    let none = Map::new();
    want(
        &schema,
        schema.get("$defs").and_then(Value::as_object).unwrap_or(&none),
    )
}

/// Follows `$ref`.
pub(crate) fn resolve<'a>(schema: &'a Value, defs: &'a Map<String, Value>) -> &'a Value {
    let target = text_at(schema, "$ref").and_then(|name| defs.get(name.trim_start_matches("#/$defs/")));
    target.unwrap_or(schema)
}

/// The alternatives of a section of components: type, documentation, schema of the body.
pub(crate) fn variants<'a>(
    section: &'a Value,
    defs: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a String, &'a str, &'a Value)> {
    let alternatives = section
        .get("additionalProperties")
        .map(|schema| resolve(schema, defs));
    let alternatives = alternatives
        .and_then(|schema| schema.get("oneOf"))
        .and_then(Value::as_array);
    alternatives.into_iter().flatten().flat_map(|variant| {
        let doc = text_at(variant, "description").unwrap_or_default();
        let bodies = variant
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        bodies.map(move |(kind, body)| (kind, doc, body))
    })
}

fn text_at<'a>(schema: &'a Value, key: &str) -> Option<&'a str> {
    schema.get(key).and_then(Value::as_str)
}

fn want(schema: &Value, defs: &Map<String, Value>) -> Want {
    let schema = resolve(schema, defs);
    if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) {
        let null = json!({"type": "null"});
        let others: Vec<&Value> = alternatives.iter().filter(|schema| **schema != null).collect();
        return match others.as_slice() {
            [only] => Want {
                nullable: true,
                ..want(only, defs)
            },
            _ => Want {
                shape: Shape::Scalar,
                nullable: false,
                text_key: None,
            },
        };
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(only)) => vec![only],
        _ => Vec::new(),
    };
    let nullable = types.contains(&"null");
    Want {
        shape: shape(schema, types.first().copied().unwrap_or_default(), defs),
        nullable,
        text_key: text_at(schema, TEXT_KEY).map(Into::into),
    }
}

fn shape(schema: &Value, kind: &str, defs: &Map<String, Value>) -> Shape {
    if let Some(words) = choice(schema) {
        return Shape::Choice(words);
    }
    match kind {
        "object" => object(schema, defs),
        "array" => Shape::List(Box::new(want(schema.get("items").unwrap_or(&Value::Null), defs))),
        "boolean" => Shape::Bool,
        "integer" => {
            let limit = |key| {
                let limit = schema.get(key)?;
                limit
                    .as_i64()
                    .map(i128::from)
                    .or_else(|| limit.as_u64().map(i128::from))
            };
            let (min, max) = widest(schema);
            Shape::Int {
                min: limit("minimum").unwrap_or(min),
                max: limit("maximum").unwrap_or(max),
            }
        }
        "number" => {
            let limit = |key| schema.get(key).and_then(Value::as_f64);
            Shape::Float {
                min: limit("minimum").unwrap_or(f64::MIN),
                max: limit("maximum").unwrap_or(f64::MAX),
            }
        }
        "string" => Shape::Text(match text_at(schema, "format") {
            Some("duration") => Format::Duration,
            Some("endpoint") => Format::Endpoint,
            Some("component") => Format::Component,
            Some("secret") => Format::Secret,
            _ => Format::Any,
        }),
        _ => Shape::Scalar,
    }
}

/// The smallest and the largest number of the type, where no range is set.
fn widest(schema: &Value) -> (i128, i128) {
    match text_at(schema, "format") {
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("int64") => (i64::MIN.into(), i64::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        _ => (0, u64::MAX.into()),
    }
}

fn choice(schema: &Value) -> Option<Vec<String>> {
    let word = |value: &Value| value.as_str().map(Into::into);
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().map(word).collect();
    }
    let alternatives = schema.get("oneOf").and_then(Value::as_array)?;
    alternatives
        .iter()
        .map(|alternative| alternative.get("const").and_then(word))
        .collect()
}

fn object(schema: &Value, defs: &Map<String, Value>) -> Shape {
    if let Some(section) = text_at(schema, "x-components") {
        let types = variants(schema, defs).map(|(kind, doc, body)| Field {
            name: kind.clone(),
            required: false,
            default: None,
            doc: doc.replace('\n', " "),
            want: want(body, defs),
        });
        return Shape::Components {
            section: section.into(),
            types: types.collect(),
        };
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let required = schema.get("required").and_then(Value::as_array);
        let fields = properties.iter().map(|(name, property)| Field {
            name: name.clone(),
            required: required.is_some_and(|required| required.iter().any(|key| key == name)),
            default: property.get("default").cloned(),
            doc: text_at(property, "description")
                .unwrap_or_default()
                .replace('\n', " "),
            want: want(property, defs),
        });
        return Shape::Map(fields.collect());
    }
    let value = want(schema.get("additionalProperties").unwrap_or(&Value::Null), defs);
    Shape::Dict(Dict {
        value: Box::new(value),
        component_keys: text_at(schema, "x-keys") == Some("component"),
    })
}

impl Shape {
    /// What it needs, for a message: `a duration, such as 10s`.
    pub(crate) fn need(&self) -> String {
        match self {
            Self::Map(_) | Self::Dict(_) | Self::Components { .. } => "a map".into(),
            Self::List(_) => "a list".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Text(Format::Any | Format::Secret) => "text".into(),
            Self::Text(Format::Duration) => "a duration, such as 500ms, 10s, 5m or 1h30m".into(),
            Self::Text(Format::Endpoint) => "host:port, such as db1.internal:5432 or [::1]:5432".into(),
            Self::Text(Format::Component) => "the name of a component, `type` or `type/name`".into(),
            Self::Int { min, max } if *max >= i128::from(u32::MAX) => format!("a whole number from {min}"),
            Self::Int { min, max } => format!("a whole number from {min} to {max}"),
            Self::Float { min, max } if *max >= f64::MAX && *min <= f64::MIN => "a number".into(),
            Self::Float { min, max } if *max >= f64::MAX => format!("a number from {min}"),
            Self::Float { min, max } => format!("a number from {min} to {max}"),
            Self::Bool => "true or false".into(),
            Self::Scalar => "text, a number, true or false".into(),
        }
    }

    /// A value of this shape that stands in for a faulty one, so that the other checks can go on.
    pub(crate) fn stand_in(&self) -> Value {
        match self {
            Self::Map(fields) => {
                let required = fields.iter().filter(|field| field.required);
                Value::Object(
                    required
                        .map(|field| (field.name.clone(), field.want.shape.stand_in()))
                        .collect(),
                )
            }
            Self::Dict(_) | Self::Components { .. } => json!({}),
            Self::List(_) => json!([]),
            Self::Choice(words) => words.first().map_or(Value::Null, |word| json!(word)),
            Self::Text(Format::Duration) => json!("1s"),
            Self::Text(Format::Endpoint) => json!("unknown:1"),
            Self::Text(_) => json!("unknown"),
            Self::Int { min, max } => i64::try_from(0.clamp(*min, *max)).map_or(Value::Null, Into::into),
            Self::Float { min, max } => json!(0.0_f64.clamp(*min, *max)),
            Self::Bool | Self::Scalar => json!(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the fields whose schema this module does not know, and so takes for any scalar.
    fn scalars(path: &str, want: &Want, found: &mut Vec<String>) {
        match &want.shape {
            Shape::Map(fields) | Shape::Components { types: fields, .. } => {
                fields
                    .iter()
                    .for_each(|field| scalars(&format!("{path}.{}", field.name), &field.want, found));
            }
            Shape::Dict(Dict { value, .. }) | Shape::List(value) => scalars(path, value, found),
            Shape::Scalar => found.push(path.into()),
            _ => {}
        }
    }

    #[test]
    fn every_type_of_the_settings_has_a_shape() {
        let mut found = Vec::new();
        scalars("", &settings(), &mut found);
        assert_eq!(
            found,
            [
                ".processors.resource.attributes.value",
                ".processors.attributes.actions.value",
                ".processors.adaptive_sampler.rules.conditions.value"
            ]
        );
    }
}
