//! A scalar of the file as the value that its key wants.

use serde_json::{Number, Value, json};

use crate::fault::{nearest, quote};
use crate::scalar::{Endpoint, parse_duration};
use crate::settings::ComponentId;
use crate::shape::{Format, Shape};
use crate::tree::{Plain, plain};

/// A scalar after substitution.
pub(crate) struct Resolved {
    pub(crate) text: String,
    pub(crate) plain: bool,
    /// Must not be quoted in a message.
    pub(crate) hidden: bool,
}

impl Resolved {
    pub(crate) fn typed(&self) -> Plain {
        if self.plain {
            plain(&self.text)
        } else {
            Plain::Text
        }
    }

    pub(crate) fn shown(&self) -> String {
        if self.hidden {
            "the value put in here".into()
        } else {
            quote(&self.text)
        }
    }
}

/// The scalar as `shape` wants it, or what is wrong, with `{}` where the value may be shown.
pub(crate) fn typed(resolved: &Resolved, shape: &Shape) -> Result<Value, String> {
    let text = resolved.text.as_str();
    let wrong = || format!("needs {}, not {{}}", shape.need());
    match shape {
        Shape::Text(format) => {
            let fits = match format {
                Format::Any | Format::Secret => true,
                Format::Duration => parse_duration(text).is_ok(),
                Format::Endpoint => text.parse::<Endpoint>().is_ok(),
                Format::Component => text.parse::<ComponentId>().is_ok(),
            };
            if fits { Ok(json!(text)) } else { Err(wrong()) }
        }
        Shape::Choice(words) => {
            let known: Vec<&str> = words.iter().map(String::as_str).collect();
            if known.contains(&text) {
                return Ok(json!(text));
            }
            let near = nearest(text, &known).map(|near| format!("; did you mean `{near}`?"));
            Err(wrong() + &near.unwrap_or_default())
        }
        Shape::Bool => match resolved.typed() {
            Plain::Bool(value) => Ok(json!(value)),
            _ => Err(wrong()),
        },
        Shape::Int { min, max } => match resolved.typed() {
            Plain::Int(value) if (*min..=*max).contains(&value) => u64::try_from(value)
                .map(Value::from)
                .or_else(|_| i64::try_from(value).map(Value::from))
                .map_err(|_| wrong()),
            _ => Err(wrong()),
        },
        Shape::Float { min, max } => float(&resolved.typed())
            .filter(|value| (*min..=*max).contains(value))
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(wrong),
        Shape::Scalar => Ok(match resolved.typed() {
            Plain::Bool(value) => json!(value),
            Plain::Int(value) if i64::try_from(value).is_ok() => {
                json!(i64::try_from(value).unwrap_or_default())
            }
            number @ (Plain::Int(_) | Plain::Float(_)) => {
                float(&number).map_or(Value::Null, |value| json!(value))
            }
            Plain::Text | Plain::Null => json!(text),
        }),
        Shape::Map(_) | Shape::Dict(_) | Shape::Components { .. } | Shape::List(_) => Err(wrong()),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a whole number where a share or a factor is wanted is small"
)]
fn float(number: &Plain) -> Option<f64> {
    match number {
        Plain::Int(value) => Some(*value as f64),
        Plain::Float(value) => Some(*value),
        _ => None,
    }
}
