//! The reference of the configuration, made of the types.

use std::fmt::Write as _;

use serde_json::Value;

use crate::shape::{self, Field, Format, Shape};

const INTRODUCTION: &str = include_str!("reference_intro.md");

/// The text of `docs/configuration.md`: how files are read, and every key with its type, default and meaning.
pub fn reference() -> String {
    let mut out = String::from(INTRODUCTION);
    let Shape::Map(sections) = shape::settings().shape else {
        return out;
    };
    for section in &sections {
        let _ = write!(out, "\n## `{}`\n\n{}\n", section.name, section.doc);
        match &section.want.shape {
            Shape::Components { types, .. } => {
                for component in types {
                    let _ = write!(out, "\n### `{}`\n\n{}\n", component.name, component.doc);
                    table(&mut out, &component.want.shape);
                }
            }
            other => table(&mut out, other),
        }
    }
    out
}

fn table(out: &mut String, shape: &Shape) {
    out.push_str("\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
    rows(out, "", shape);
}

/// One row for each key below `prefix`, sections of sections included.
fn rows(out: &mut String, prefix: &str, shape: &Shape) {
    let Shape::Map(fields) = shape else { return };
    for field in fields {
        let key = format!("{prefix}{}", field.name);
        let shape = &field.want.shape;
        let _ = writeln!(
            out,
            "| `{key}` | {} | {} | {} |",
            kind(shape),
            default(field),
            field.doc.replace('|', "\\|")
        );
        match shape {
            Shape::Map(_) => rows(out, &format!("{key}."), shape),
            Shape::Dict(dict) => rows(out, &format!("{key}.NAME."), &dict.value.shape),
            Shape::List(item) => rows(out, &format!("{key}[]."), &item.shape),
            _ => {}
        }
    }
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Map(_) | Shape::Components { .. } => "section".into(),
        Shape::Dict(dict) if matches!(dict.value.shape, Shape::Map(_)) => "sections by name".into(),
        Shape::Dict(dict) => format!("{} by name", kind(&dict.value.shape)),
        Shape::List(item) if matches!(item.shape, Shape::Map(_)) => "list of sections".into(),
        Shape::List(item) => format!("list of {}", kind(&item.shape)),
        Shape::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Shape::Text(format) => match format {
            Format::Any => "text",
            Format::Duration => "duration",
            Format::Endpoint => "host:port",
            Format::Component => "component",
            Format::Secret => "secret",
        }
        .into(),
        Shape::Int { .. } | Shape::Float { .. } => shape.need().trim_start_matches("a ").into(),
        Shape::Bool => "boolean".into(),
        Shape::Scalar => "text, number or boolean".into(),
    }
}

fn default(field: &Field) -> String {
    match &field.default {
        _ if field.required => "required".into(),
        Some(Value::String(text)) if text.is_empty() => "empty".into(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(Value::Array(items)) if items.is_empty() => "empty".into(),
        Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) => format!("`{value}`"),
        Some(Value::Object(map)) if map.is_empty() => "empty".into(),
        None | Some(Value::Null) if field.want.nullable => "none".into(),
        _ => String::new(),
    }
}
