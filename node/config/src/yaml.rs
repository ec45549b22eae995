//! YAML text to a tree with places.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_saphyr::budget::{Budget, EnforcingPolicy, check_yaml_budget};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use crate::fault::{Fault, Place};
use crate::tree::{Body, Entry, Key, Node, Text};
use crate::veil::{unveil, veil};

/// The most values that a file may hold when its aliases are written out.
const MOST_NODES: usize = 200_000;
/// The deepest nesting.
const DEEPEST: usize = 64;

/// Reads one file's text. A map may hold a key more than once here: who knows the substitutions tells of it.
///
/// # Errors
/// The first fault of syntax, or the resource limit that the text passes.
pub(crate) fn parse(order: usize, name: &Arc<str>, text: &str) -> Result<Node, Fault> {
    let text = veil(text.strip_prefix('\u{feff}').unwrap_or(text));
    let text = text.as_ref();
    let start = Place::File {
        order,
        line: 1,
        column: 1,
        name: Arc::clone(name),
    };
    let mut budget = Budget::default();
    budget.max_depth = DEEPEST;
    budget.max_nodes = MOST_NODES;
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        start: start.clone(),
        anchors: HashMap::new(),
        nodes: 0,
    };
    match check_yaml_budget(text, budget, EnforcingPolicy::AllContent) {
        Err(error) => Err(reader.syntax(&error)),
        Ok(report) if report.breached.is_some() => Err(Fault {
            place: start,
            message: "too large, or nested too deeply".into(),
        }),
        Ok(_) => reader.document(),
    }
}

/// Reads a value that came from elsewhere: a `--set`, or a substitution, of which no key is shown. All of it stands
/// at `place`.
///
/// # Errors
/// When the text is not YAML.
pub(crate) fn parse_value(place: &Place, text: &str, substituted: bool) -> Result<Node, Fault> {
    let mut node = parse(0, &Arc::from(""), text).map_err(|_| Fault {
        place: place.clone(),
        message: "the value is not YAML".into(),
    })?;
    put_at(&mut node, place, substituted);
    Ok(node)
}

fn put_at(node: &mut Node, place: &Place, substituted: bool) {
    node.place = place.clone();
    match &mut node.body {
        Body::Scalar(text) => text.substituted = substituted,
        Body::List(items) => items.iter_mut().for_each(|item| put_at(item, place, substituted)),
        Body::Map(entries) => {
            for entry in entries {
                entry.key.place = place.clone();
                if substituted {
                    entry.key.shown = "...".into();
                }
                put_at(&mut entry.value, place, substituted);
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    start: Place,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(self.fault(&span, "a second document begins; a file holds one"));
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, &span)?);
                }
                _ => return Err(self.fault(&span, "not expected here")),
            }
        }
        Ok(root.unwrap_or_else(|| Node::empty(self.start.clone())))
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, Fault> {
        let place = self.place(span);
        self.count(1, span)?;
        let (body, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !text_tag;
                (
                    Body::Scalar(Text {
                        text: unveil(&text),
                        plain,
                        substituted: false,
                    }),
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, _) => (self.list()?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map()?, anchor),
            Event::Alias(id) => return self.alias(id, span),
            _ => return Err(self.fault(span, "not expected here")),
        };
        let node = Node { place, body };
        if anchor != 0 {
            self.count(size(&node), span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self) -> Result<Body, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Body::List(items)),
                (event, span) => items.push(self.node(event, &span)?),
            }
        }
    }

    fn map(&mut self) -> Result<Body, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let place = self.place(&span);
            let Body::Scalar(key) = self.node(event, &span)?.body else {
                return Err(self.fault(&span, "a key must be text"));
            };
            let (event, value_span) = self.next()?;
            let value = self.node(event, &value_span)?;
            if key.plain && key.text == "<<" {
                merged.extend(self.merge_sources(value, &value_span)?);
            } else {
                entries.push(Entry {
                    key: Key {
                        name: key.text.clone(),
                        shown: key.text,
                        place,
                    },
                    value,
                });
            }
        }
        let mut present: HashSet<String> = entries.iter().map(|entry| entry.key.name.clone()).collect();
        merged.retain(|entry: &Entry| present.insert(entry.key.name.clone()));
        entries.append(&mut merged);
        Ok(Body::Map(entries))
    }

    /// The entries that `<<` brings in: from a map, or from several in a list, of which earlier ones win.
    fn merge_sources(&self, value: Node, span: &Span) -> Result<Vec<Entry>, Fault> {
        match value.body {
            Body::Map(entries) => Ok(entries),
            Body::List(items) => {
                let parts: Result<Vec<_>, _> = items
                    .into_iter()
                    .map(|item| self.merge_sources(item, span))
                    .collect();
                Ok(parts?.into_iter().flatten().collect())
            }
            Body::Scalar(_) => Err(self.fault(span, "`<<` needs a map, or a list of maps")),
        }
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(self.fault(span, "an alias stands inside of what it names"));
        };
        let copies = size(node);
        let node = node.clone();
        self.count(copies, span)?;
        Ok(node)
    }

    fn count(&mut self, more: usize, span: &Span) -> Result<(), Fault> {
        self.nodes += more;
        if self.nodes > MOST_NODES {
            Err(self.fault(span, "too large with its aliases written out"))
        } else {
            Ok(())
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Fault {
        let marker = error.marker();
        let message = format!("not YAML: {}", error.info());
        Fault {
            place: self.at(marker.line(), marker.col()),
            message,
        }
    }

    fn fault(&self, span: &Span, message: &str) -> Fault {
        Fault {
            place: self.place(span),
            message: message.into(),
        }
    }

    fn place(&self, span: &Span) -> Place {
        self.at(span.start.line(), span.start.col())
    }

    /// A place of this file; the parser counts columns from 0.
    fn at(&self, at_line: usize, at_column: usize) -> Place {
        let mut place = self.start.clone();
        if let Place::File { line, column, .. } = &mut place {
            (*line, *column) = (at_line.max(1), at_column + 1);
        }
        place
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.body {
        Body::Scalar(_) => 0,
        Body::List(items) => items.iter().map(size).sum(),
        Body::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, String> {
        parse(0, &Arc::from("f"), text).map_err(|fault| fault.to_string())
    }

    #[test]
    fn keys_and_values_have_their_places() {
        let root = read("a:\n  b: [1,  two]\n").unwrap();
        for (path, expected) in [
            ("a", "f:1:1"),
            ("a.b", "f:2:3"),
            ("a.b.1", "f:2:11"),
            ("a.x", "f:1:1"),
        ] {
            let path: Vec<String> = path.split('.').map(Into::into).collect();
            assert_eq!(root.locate(&path).0.to_string(), expected, "{path:?}");
        }
    }

    #[test]
    fn aliases_and_merge_keys_are_written_out() {
        let root = read("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x").unwrap();
        let text = |map: &str, key: &str| match &root.get(map).unwrap().value.get(key).unwrap().value.body {
            Body::Scalar(text) => text.text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!([text("y", "a"), text("y", "b"), text("z", "b")], ["1", "3", "2"]);
    }

    #[test]
    fn a_substitution_may_stand_in_a_flow_collection() {
        let root = read("a: [${env:X}, ${Y:1,[2]}, {b: ${HOST}:${PORT}}]\n${K}:\n  c: ${unclosed\nd: {\"${\": 1, \"}\": 2}\n").unwrap();
        let text = |node: &Node| match &node.body {
            Body::Scalar(text) => text.text.clone(),
            other => panic!("{other:?}"),
        };
        let Body::List(items) = &root.get("a").unwrap().value.body else {
            panic!("{root:?}")
        };
        assert_eq!([text(&items[0]), text(&items[1])], ["${env:X}", "${Y:1,[2]}"]);
        assert_eq!(text(&items[2].get("b").unwrap().value), "${HOST}:${PORT}");
        assert_eq!(
            text(&root.get("${K}").unwrap().value.get("c").unwrap().value),
            "${unclosed"
        );
        assert!(root.get("d").unwrap().value.get("${").is_some());
    }

    #[test]
    fn what_is_not_one_small_document_is_refused() {
        assert_eq!(
            read("a: 1\n---\nb: 2\n").unwrap_err(),
            "f:2:1: a second document begins; a file holds one"
        );
        assert!(read("a: [1\nb: 2").unwrap_err().starts_with("f:2:"));
        assert!(read("a: &a [*a]").is_err());
        assert!(read("? [a]\n: b").unwrap_err().contains("a key must be text"));
        assert!(read(&"[".repeat(1000)).is_err());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
        for n in 1..10 {
            let before = format!("*a{}, ", n - 1).repeat(8);
            bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
        }
        assert!(read(&bomb).unwrap_err().contains("too large"));
    }
}
