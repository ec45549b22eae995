//! Substitution: `${env:NAME}`, `${NAME}`, `${NAME:default}`, `${file:/path}` and `$$`.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;

use crate::fault::{Fault, quote};
use crate::tree::{Body, Node};

/// Variables that have a default of their own.
const DEFAULTS: [(&str, &str); 3] = [
    ("OTEL_MEMORY_LIMIT_MIB", "512"),
    ("OTEL_BATCH_TIMEOUT", "10s"),
    ("OTEL_QUEUE_SIZE", "5000"),
];

/// The largest file that is put in, in bytes: a secret, or a list.
const LARGEST_FILE: u64 = 1024 * 1024;
/// No variable has a longer name.
const LONGEST_NAME: usize = 256;
/// More failing substitutions of one text are not told.
const MOST_WRONG: usize = 100;

/// Where substituted text comes from.
pub(crate) struct Sources<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    files: bool,
}

/// A text after substitution.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expanded {
    /// There was nothing to substitute.
    Same,
    /// The text was one substitution and nothing else, so that it is typed anew.
    Whole(String),
    /// A substitution stood in other text, so that the result is text.
    Embedded(String),
}

impl<'a> Sources<'a> {
    /// The environment that `env` knows, and files.
    pub(crate) fn new(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, files: true }
    }

    /// The environment that `env` knows; no file is read.
    pub(crate) fn without_files(env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, files: false }
    }

    /// A variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name)
    }

    /// Substitutes in `text`.
    ///
    /// # Errors
    /// What is wrong, one message for each substitution that fails. No message holds a default or a value.
    pub(crate) fn expand(&self, text: &str) -> Result<Expanded, Vec<String>> {
        if !text.contains('$') {
            return Ok(Expanded::Same);
        }
        let mut out = String::new();
        let mut wrong = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let Some(end) = after.find('}') else {
                    wrong.push("`${` without `}`; write `$$` for a plain `$`".into());
                    rest = "";
                    break;
                };
                let whole = out.is_empty() && after.len() == end + 1 && text.len() == end + 3;
                match self.lookup(&after[..end]) {
                    Ok(value) if whole => return Ok(Expanded::Whole(value)),
                    Ok(value) => out.push_str(&value),
                    Err(message) if wrong.len() < MOST_WRONG => wrong.push(message),
                    Err(_) => {}
                }
                rest = &after[end + 1..];
            } else {
                out.push('$');
            }
        }
        out.push_str(rest);
        if wrong.is_empty() {
            Ok(Expanded::Embedded(out))
        } else {
            Err(wrong)
        }
    }

    fn lookup(&self, inner: &str) -> Result<String, String> {
        if let Some(path) = inner.strip_prefix("file:") {
            return match self.files {
                true => read_file(path),
                false => Err(format!("the file {} is not read here", quote(path))),
            };
        }
        let inner = inner.strip_prefix("env:").unwrap_or(inner);
        let (name, default) = match inner.split_once(':') {
            Some((name, default)) => (name, Some(default.strip_prefix('-').unwrap_or(default))),
            None => (inner, None),
        };
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let short = name.len() <= LONGEST_NAME;
        if !short || !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(
                "`${...}` without the name of a variable; write `${env:NAME}`, `${NAME:default}`, \
                        `${file:/path}`, or `$$` for a plain `$`"
                    .into(),
            );
        }
        if default.is_some_and(|default| default.contains("${")) {
            return Err(format!(
                "the default of `{name}` holds a substitution; a default is plain text"
            ));
        }
        let own = || {
            DEFAULTS
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        };
        (self.env)(name)
            .or_else(|| default.or_else(own).map(Into::into))
            .ok_or_else(|| {
                format!("the variable `{name}` is not set; set it, or write `${{{name}:default}}`")
            })
    }

    /// Substitutes in the keys below `node`, and tells of keys that a map then holds more than once. The first
    /// of them stays.
    pub(crate) fn settle_keys(&self, node: &mut Node, faults: &mut Vec<Fault>) {
        match &mut node.body {
            Body::Scalar(_) => {}
            Body::List(items) => items.iter_mut().for_each(|item| self.settle_keys(item, faults)),
            Body::Map(entries) => {
                let mut present = HashSet::new();
                entries.retain_mut(|entry| {
                    let key = &mut entry.key;
                    match self.expand(&key.name) {
                        Ok(Expanded::Same) => {}
                        Ok(Expanded::Whole(name) | Expanded::Embedded(name)) => key.name = name,
                        Err(wrong) => {
                            let place = &key.place;
                            faults.extend(wrong.into_iter().map(|message| Fault {
                                place: place.clone(),
                                message,
                            }));
                            return false;
                        }
                    }
                    self.settle_keys(&mut entry.value, faults);
                    let first = present.insert(entry.key.name.clone());
                    if !first {
                        let message = format!("duplicate key {}", quote(&entry.key.shown));
                        faults.push(Fault {
                            place: entry.key.place.clone(),
                            message,
                        });
                    }
                    first
                });
            }
        }
    }
}

/// The file's text without one newline at its end.
fn read_file(path: &str) -> Result<String, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("the file {} cannot be read: {error}", quote(path));
    let bytes = bounded(Path::new(path), LARGEST_FILE)
        .map_err(|error| cannot(&error))?
        .ok_or_else(|| cannot(&"it is larger than 1 MiB"))?;
    let mut text = String::from_utf8(bytes).map_err(|_| cannot(&"it is not UTF-8"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// The content of a file, or nothing where it is larger than `most` bytes. A device that never ends is too large.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn bounded(path: &Path, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(most + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<Expanded, Vec<String>> {
        let env = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "DOLLAR" => Some("${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Sources::new(&env).expand(text)
    }

    #[test]
    fn variables_are_put_in_their_place() {
        let whole = |text: &str| Expanded::Whole(text.into());
        let embedded = |text: &str| Expanded::Embedded(text.into());
        for (text, expected) in [
            ("plain", Expanded::Same),
            ("${A}", whole("one")),
            ("${env:A}", whole("one")),
            ("${B:two}", whole("two")),
            ("${B:}", whole("")),
            ("${env:B:-two}", whole("two")),
            ("${B:--2}", whole("-2")),
            ("${A:two}", whole("one")),
            ("${EMPTY:two}", whole("")),
            ("${OTEL_QUEUE_SIZE}", whole("5000")),
            ("${OTEL_QUEUE_SIZE:7}", whole("7")),
            ("${DOLLAR}", whole("${A}")),
            ("x${A}-${A}", embedded("xone-one")),
            ("$${A}", embedded("${A}")),
            ("a$$b", embedded("a$b")),
            ("a$b$", embedded("a$b$")),
        ] {
            assert_eq!(expand(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn each_failing_substitution_is_told_without_its_default() {
        assert_eq!(expand("${B}:${C}").unwrap_err().len(), 2);
        assert!(expand("${B}").unwrap_err()[0].contains("the variable `B` is not set"));
        for text in [
            "${",
            "${}",
            "${:x}",
            "${1:s3cret}",
            "${a b}",
            "${B:${s3cret}}",
            "${file:/no/such/file}",
        ] {
            let wrong = expand(text).unwrap_err();
            assert!(
                !wrong.iter().any(|message| message.contains("s3cret")),
                "{text}: {wrong:?}"
            );
        }
    }
}
