//! Configurations to begin with, one for each environment: `base.yaml` with the values of the environment in its places.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::Settings;
use crate::fault::Faults;
use crate::load::load_text;
use crate::tree::Body;
use crate::yaml;

/// What stands in every environment, with a place `@name@` where they differ.
const BASE: &str = include_str!("base.yaml");

/// The environments, and the values of each.
const PRESETS: [(&str, &str); 3] = [
    ("production", include_str!("production.yaml")),
    ("staging", include_str!("staging.yaml")),
    ("development", include_str!("development.yaml")),
];

/// The environments that a configuration can be generated for.
pub const ENVIRONMENTS: [&str; 3] = [PRESETS[0].0, PRESETS[1].0, PRESETS[2].0];

/// What stands for the variables that must be set, so that the generated text can be checked.
const SAMPLES: [(&str, &str); 5] = [
    ("POSTGRES_HOST", "db.example"),
    ("POSTGRES_USER", "monitor"),
    ("POSTGRES_PASSWORD", "sample"),
    ("OTLP_ENDPOINT", "https://otlp.example:4317"),
    ("NEW_RELIC_LICENSE_KEY", "sample"),
];

/// A configuration to begin with.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The file.
    pub text: String,
    /// What it says where samples stand for the variables that it needs.
    pub settings: Settings,
}

/// A configuration for `environment`, which loads once its variables are set; nothing for an environment that is not
/// known.
///
/// # Errors
/// When the text does not load, which is a defect of the presets.
pub fn generate(environment: &str) -> Option<Result<Generated, Faults>> {
    let (name, preset) = PRESETS.into_iter().find(|(name, _)| *name == environment)?;
    Some(fill(name, preset).and_then(|text| {
        let sample = |wanted: &str| {
            let found = SAMPLES.into_iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.to_owned())
        };
        let loaded = load_text(&format!("{name}.yaml"), &text, &sample)?;
        Ok(Generated {
            text,
            settings: loaded.settings,
        })
    }))
}

/// Puts the values in their places. Each line of a value is indented as its place is; a line whose place gets
/// nothing goes.
fn fill(environment: &str, preset: &str) -> Result<String, Faults> {
    let values = values(environment, preset)?;
    let mut out = String::with_capacity(BASE.len() * 2);
    for line in BASE.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut line = line.to_owned();
        for (name, value) in &values {
            let place = format!("@{name}@");
            if line.contains(&place) {
                let value = value.replace('\n', &format!("\n{indent}"));
                line = line.replace(&place, &value);
            }
        }
        for line in line.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        if line.is_empty() {
            out.push('\n');
        }
    }
    Ok(out)
}

/// The values of a preset by the names of their places.
fn values(environment: &str, preset: &str) -> Result<Vec<(String, String)>, Faults> {
    let name = Arc::from(format!("{environment}.yaml"));
    let root = yaml::parse(0, &name, preset).map_err(|fault| Faults::new(vec![fault]))?;
    let mut values = vec![("environment".to_owned(), environment.to_owned())];
    if let Body::Map(entries) = root.body {
        values.extend(entries.into_iter().filter_map(|entry| match entry.value.body {
            Body::Scalar(text) => Some((entry.key.name, text.text)),
            _ => None,
        }));
    }
    Ok(values)
}
