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

/// Writes PostgreSQL's XML.
#[derive(Debug, Default)]
pub(super) struct XmlWriter {
    out: String,
    open: Vec<String>,
    /// The element that the next value is in.
    key: Option<String>,
}

impl XmlWriter {
    /// The name of the element that a value is in.
    fn name(&mut self, raw: &str) -> String {
        let tag = raw.strip_prefix('<').unwrap_or(raw);
        let end = tag.find(|c: char| !is_tag(c)).unwrap_or(tag.len());
        let named = tag.get(..end).filter(|_| raw.starts_with('<') && end > 0);
        let key = self.key.take();
        key.or_else(|| named.map(str::to_owned))
            .unwrap_or_else(|| "Item".to_owned())
    }

    fn indent(&mut self) {
        let levels = self.open.len();
        self.out.extend(std::iter::repeat_n(' ', levels));
    }
}

fn is_tag(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

impl Writer for XmlWriter {
    fn key(&mut self, key: &str) {
        let name: String = key.chars().map(|c| if is_tag(c) { c } else { '-' }).collect();
        self.key = Some(name);
    }

    fn begin(&mut self, _object: bool, raw: &str) {
        self.indent();
        let name = self.name(raw);
        let space = if name == "explain" {
            " xmlns=\"http://www.postgresql.org/2009/explain\""
        } else {
            ""
        };
        self.out.push_str(&format!("<{name}{space}>\n"));
        self.open.push(name);
    }

    fn end(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.out.push_str(&format!("</{name}>\n"));
        }
    }

    fn text(&mut self, text: &str) {
        self.indent();
        let name = self.name("");
        self.out.push_str(&format!("<{name}>"));
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '\r' => self.out.push_str("&#x0d;"),
                c if c.is_control() && c != '\n' && c != '\t' => self.out.push(' '),
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
        if self.dashed {
            self.out.push_str("{}");
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
        self.begin_value();
        if is_number(word) || matches!(word, "true" | "false") {
            self.out.push_str(word);
        }
    }

    fn finish(mut self) -> String {
        self.out.push('\n');
        self.out
    }
}
