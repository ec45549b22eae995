//! Writers of JSON, XML and YAML.

use super::structured::{Writer, is_number};

/// Writes JSON without white space, so that it is not longer than what it was.
#[derive(Debug, Default)]
pub(super) struct JsonWriter {
    out: String,
    open: Vec<bool>,
    /// Whether something stands before, in the object or array that is open.
    follows: bool,
}

impl JsonWriter {
    fn begin_value(&mut self) {
        if self.follows && self.open.last() == Some(&false) {
            self.out.push(',');
        }
        self.follows = true;
    }
}

impl Writer for JsonWriter {
    fn key(&mut self, key: &str) {
        if self.follows {
            self.out.push(',');
        }
        self.follows = true;
        quoted(&mut self.out, key);
        self.out.push(':');
    }

    fn begin(&mut self, object: bool, _raw: &str) {
        self.begin_value();
        self.out.push(if object { '{' } else { '[' });
        self.open.push(object);
        self.follows = false;
    }

    fn end(&mut self) {
        if let Some(object) = self.open.pop() {
            self.out.push(if object { '}' } else { ']' });
        }
        self.follows = true;
    }

    fn text(&mut self, text: &str) {
        self.begin_value();
        quoted(&mut self.out, text);
    }

    fn word(&mut self, word: &str) {
        self.begin_value();
        self.out.push_str(word);
    }

    fn written(&self) -> usize {
        self.out.len()
    }

    fn finish(self) -> String {
        self.out
    }
}

/// Adds a text with quotes around it and JSON's escapes.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Deeper levels are not indented further: each line would be as long as what is open is deep.
const DEEPEST_INDENT: usize = 16;
/// What the elements of PostgreSQL's lists are called.
const ELEMENTS: [&str; 10] = [
    "Group",
    "Grouping-Set",
    "Item",
    "Plan",
    "Query",
    "Target-Table",
    "Task",
    "Trigger",
    "Worker",
    "explain",
];

/// Writes PostgreSQL's XML.
#[derive(Debug, Default)]
pub(super) struct XmlWriter {
    out: String,
    /// The names of what is open, with where its tag begins and ends.
    open: Vec<(String, usize, usize)>,
    /// The element that the next value is in.
    key: Option<String>,
}

impl XmlWriter {
    /// The name of the element that a value is in.
    fn name(&mut self, raw: &str) -> String {
        if let Some(key) = self.key.take() {
            return key;
        }
        if self.open.is_empty() {
            return "explain".to_owned();
        }
        let tag = raw.strip_prefix('<').unwrap_or_default();
        let end = tag.find(|c: char| !is_tag(c)).unwrap_or(tag.len());
        let named = tag.get(..end).filter(|name| ELEMENTS.contains(name));
        named.unwrap_or("Item").to_owned()
    }

    fn indent(&mut self) {
        let levels = self.open.len().min(DEEPEST_INDENT);
        self.out.extend(std::iter::repeat_n(' ', levels));
    }
}

fn is_tag(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

impl Writer for XmlWriter {
    fn key(&mut self, key: &str) {
        let is_name = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        self.key = Some(match key {
            // An element that begins with one is a list.
            "Item" => "item".to_owned(),
            _ if !is_name => "_".to_owned(),
            _ => key.chars().map(|c| if is_tag(c) { c } else { '-' }).collect(),
        });
    }

    fn begin(&mut self, _object: bool, raw: &str) {
        let begin = self.out.len();
        self.indent();
        let name = self.name(raw);
        let space = if name == "explain" {
            " xmlns=\"http://www.postgresql.org/2009/explain\""
        } else {
            ""
        };
        self.out.push_str(&format!("<{name}{space}>\n"));
        self.open.push((name, begin, self.out.len()));
    }

    fn end(&mut self) {
        if let Some((name, begin, content)) = self.open.pop() {
            // An element without any in it would be read as one without a value.
            if self.out.len() == content {
                self.out.truncate(begin);
                self.indent();
                self.out.push_str(&format!("<{name}/>\n"));
                return;
            }
            self.indent();
            self.out.push_str(&format!("</{name}>\n"));
        }
    }

    fn text(&mut self, text: &str) {
        // An element with nothing but blanks is read as one without a value.
        if text.trim().is_empty() {
            return self.word("null");
        }
        self.indent();
        let name = self.name("");
        self.out.push_str(&format!("<{name}>"));
        // What XML cannot hold would be another character when it is read again.
        let is_lost = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
        let text = if text.contains(is_lost) { "?" } else { text };
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '\r' => self.out.push_str("&#x0d;"),
                c => self.out.push(c),
            }
        }
        self.out.push_str(&format!("</{name}>\n"));
    }

    fn word(&mut self, word: &str) {
        if word == "null" {
            self.indent();
            let name = self.name("");
            self.out.push_str(&format!("<{name}/>\n"));
        } else {
            self.text(word);
        }
    }

    fn written(&self) -> usize {
        self.out.len()
    }

    fn finish(self) -> String {
        self.out
    }
}

/// Writes PostgreSQL's YAML.
#[derive(Debug, Default)]
pub(super) struct YamlWriter {
    out: String,
    open: Vec<bool>,
    /// The dash of an element stands before its first key.
    dashed: bool,
    /// A key stands before its value.
    keyed: bool,
    /// The list that is open is written in brackets.
    inline: bool,
}

impl YamlWriter {
    fn line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let levels = self.open.len().saturating_sub(1);
        self.out.extend(std::iter::repeat_n("  ", levels));
    }

    /// The begin of a value: behind its key, or behind the dash of an element.
    fn begin_value(&mut self) {
        if self.inline {
            if !self.out.ends_with('[') {
                self.out.push_str(", ");
            }
            return;
        }
        if self.keyed {
            self.keyed = false;
            self.out.push(' ');
            return;
        }
        if self.dashed {
            self.dashed = false;
        } else {
            self.line();
        }
        self.out.push_str("- ");
    }
}

impl Writer for YamlWriter {
    fn key(&mut self, key: &str) {
        if self.dashed {
            self.dashed = false;
        } else {
            self.line();
        }
        self.out.push_str(key);
        self.out.push(':');
        self.keyed = true;
    }

    fn begin(&mut self, object: bool, _raw: &str) {
        let is_element = !self.keyed && self.open.last() == Some(&false);
        if is_element {
            self.begin_value();
        } else if self.keyed {
            self.keyed = false;
        }
        self.open.push(object);
        self.dashed = is_element;
        if is_element && !object {
            self.out.push('[');
            self.dashed = false;
            self.inline = true;
        }
    }

    fn end(&mut self) {
        if self.inline {
            self.out.push(']');
            self.inline = false;
        }
        self.dashed = false;
        self.keyed = false;
        self.open.pop();
    }

    fn text(&mut self, text: &str) {
        self.begin_value();
        quoted(&mut self.out, text);
    }

    fn word(&mut self, word: &str) {
        let is_said = self.inline || is_number(word) || matches!(word, "true" | "false");
        if self.keyed && !is_said {
            self.keyed = false;
            return;
        }
        self.begin_value();
        if is_said {
            self.out.push_str(word);
        }
    }

    fn written(&self) -> usize {
        self.out.len()
    }

    fn finish(mut self) -> String {
        self.out.push('\n');
        self.out
    }
}
