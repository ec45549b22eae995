//! What is told of a plan as a whole. The first node has it, with the name of its group before its key.

use std::borrow::Cow;

use super::super::{Node, Property};
use super::names::{figure, list};
use super::properties::{Version, add};

/// The groups that have lines of their own.
const GROUPS: [&str; 3] = ["JIT", "Planning", "Serialization"];

/// The group that a line begins.
pub(super) fn group(key: &str) -> Option<&'static str> {
    GROUPS.into_iter().find(|group| *group == key)
}

/// Adds what the line `key: value` says. `group` is that of the lines above it.
pub(super) fn tell<'a>(
    root: &mut Node<'a>,
    group: Option<&'static str>,
    key: &'a str,
    value: &'a str,
    version: Version,
) {
    match (group, key) {
        (None, "Settings") => settings(root, value),
        (None, "Serialization") => serialization(root, value),
        (Some("JIT"), "Options") => options(root, value),
        (Some("JIT"), "Timing") => timing(root, value),
        (Some(group), _) => {
            let mut told = Node::default();
            add(&mut told, key, value, version);
            for (key, value) in told.properties {
                push(root, format!("{group} {key}"), value);
            }
        }
        (None, _) => {}
    }
}

fn push<'a>(root: &mut Node<'a>, key: String, value: Property<'a>) {
    root.properties.push((Cow::Owned(key), value));
}

fn push_figure(root: &mut Node<'_>, key: String, value: &str) {
    if let Some(number) = figure(value) {
        push(root, key, Property::Number(number));
    }
}

/// `work_mem = '64kB', search_path = '"$user", public'`.
fn settings<'a>(root: &mut Node<'a>, value: &'a str) {
    for setting in list(value) {
        let Cow::Borrowed(setting) = setting else {
            continue;
        };
        if let Some((name, value)) = setting.split_once(" = '") {
            let value = value.strip_suffix('\'').unwrap_or(value);
            push(
                root,
                format!("Settings {name}"),
                Property::Text(Cow::Borrowed(value)),
            );
        }
    }
}

/// `time=1.0 ms  output=1kB  format=text`.
fn serialization<'a>(root: &mut Node<'a>, value: &'a str) {
    for (key, value) in value.split("  ").filter_map(|part| part.split_once('=')) {
        match key {
            "time" => push_figure(root, "Serialization Time".to_owned(), value),
            "output" => push_figure(root, "Serialization Output Volume".to_owned(), value),
            "format" => push(
                root,
                "Serialization Format".to_owned(),
                Property::Text(Cow::Borrowed(value)),
            ),
            _ => {}
        }
    }
}

/// `Inlining true, Optimization false`.
fn options(root: &mut Node<'_>, value: &str) {
    for (key, value) in value.split(", ").filter_map(|option| option.split_once(' ')) {
        if matches!(value, "true" | "false") {
            push(
                root,
                format!("JIT Options {key}"),
                Property::Flag(value == "true"),
            );
        }
    }
}

/// `Generation 0.3 ms, Total 1.0 ms`, since 17 `Generation 0.3 ms (Deform 0.1 ms), ...`.
fn timing(root: &mut Node<'_>, value: &str) {
    for part in value.split(", ") {
        let Some((key, time)) = part.split_once(' ') else {
            continue;
        };
        match time.split_once(" (Deform ") {
            Some((total, deform)) => {
                push_figure(
                    root,
                    format!("JIT Timing {key} Deform"),
                    deform.trim_end_matches(')'),
                );
                push_figure(root, format!("JIT Timing {key} Total"), total);
            }
            None => push_figure(root, format!("JIT Timing {key}"), time),
        }
    }
}
