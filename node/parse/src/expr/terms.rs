//! Tokens to trees: literals, lists, maps, paths and what stands before and behind them.

use std::sync::Arc;

use super::ast::{Arithmetic, Attributes, Expr, Key};
use super::datum::{Datum, Type};
use super::lexer::Token;
use super::parser::{COMPARE, KEYWORDS, Node, Parser, SIGN};
use super::path::PathRef;
use super::{Context, ExprError, calls, nearest};

impl Parser<'_> {
    pub(super) fn prefix(&mut self) -> Result<Node, ExprError> {
        let offset = self.offset();
        if self.accept_word("not") {
            let inner = self.climb(COMPARE)?;
            self.truth(&inner)?;
            return self.node(offset, inner.depth + 1, Expr::Not(Box::new(inner.expr)));
        }
        if self.accept("+") {
            let inner = self.climb(SIGN)?;
            self.operand(&inner)?;
            return Ok(inner);
        }
        if self.accept("-") {
            return self.negated(offset);
        }
        let node = self.primary()?;
        self.keys(node)
    }

    fn negated(&mut self, offset: usize) -> Result<Node, ExprError> {
        if let Token::Int(number) = *self.ahead(0) {
            self.at += 1;
            let Some(number) = 0_i64.checked_sub_unsigned(number) else {
                return Err(self.fault(offset, "the number is too small"));
            };
            return self.node(offset, 1, Expr::Literal(Datum::Int(number)));
        }
        let inner = self.climb(SIGN)?;
        self.operand(&inner)?;
        if let Expr::Literal(Datum::Double(number)) = inner.expr {
            return self.node(offset, 1, Expr::Literal(Datum::Double(-number)));
        }
        let zero = Box::new(Expr::Literal(Datum::Int(0)));
        let expr = Expr::Arithmetic(Arithmetic::Subtract, zero, Box::new(inner.expr));
        self.node(offset, inner.depth + 1, expr)
    }

    fn primary(&mut self) -> Result<Node, ExprError> {
        let offset = self.offset();
        let literal = |datum| {
            Ok(Node {
                expr: Expr::Literal(datum),
                depth: 1,
                offset,
            })
        };
        let token = self.ahead(0).clone();
        match token {
            Token::Word(word @ ("true" | "false")) => {
                self.at += 1;
                literal(Datum::Bool(word == "true"))
            }
            Token::Word("nil") => {
                self.at += 1;
                literal(Datum::Null)
            }
            Token::Word(word) if !KEYWORDS.contains(&word) => {
                self.at += 1;
                if self.is_sign(0, "(") {
                    calls::call(self, offset, word)
                } else {
                    self.path(offset, word)
                }
            }
            Token::Text(text) => {
                self.at += 1;
                literal(Datum::text(text))
            }
            Token::Double(number) => {
                self.at += 1;
                literal(Datum::Double(number))
            }
            Token::Int(number) => {
                self.at += 1;
                match i64::try_from(number) {
                    Ok(number) => literal(Datum::Int(number)),
                    Err(_) => Err(self.fault(offset, "the number is too large")),
                }
            }
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                self.node(offset, inner.depth + 1, inner.expr)
            }
            Token::Sign("[") => self.list(offset),
            Token::Sign("{") => self.map(offset),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn list(&mut self, offset: usize) -> Result<Node, ExprError> {
        self.expect("[")?;
        let (mut items, mut depth) = (Vec::new(), 0);
        while !self.accept("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            let item = self.expression()?;
            depth = depth.max(item.depth);
            items.push(item.expr);
        }
        self.node(offset, depth + 1, Expr::List(items))
    }

    fn map(&mut self, offset: usize) -> Result<Node, ExprError> {
        self.expect("{")?;
        let (mut entries, mut depth) = (Vec::new(), 0);
        while !self.accept("}") {
            if !entries.is_empty() {
                self.expect(",")?;
            }
            let key = self.key_text()?;
            self.expect(":")?;
            let value = self.expression()?;
            depth = depth.max(value.depth);
            entries.push((key, value.expr));
        }
        self.node(offset, depth + 1, Expr::Map(entries))
    }

    fn key_text(&mut self) -> Result<Arc<str>, ExprError> {
        let Token::Text(key) = self.ahead(0).clone() else {
            return Err(self.unexpected("a text"));
        };
        self.at += 1;
        Ok(key.into())
    }

    /// A key in brackets, which have not been taken yet.
    pub(super) fn key(&mut self) -> Result<Key, ExprError> {
        self.expect("[")?;
        let key = if let Token::Int(position) = *self.ahead(0) {
            self.at += 1;
            Key::Position(usize::try_from(position).unwrap_or(usize::MAX))
        } else {
            Key::Text(self.key_text()?)
        };
        self.expect("]")?;
        Ok(key)
    }

    /// The keys behind a value.
    fn keys(&mut self, mut node: Node) -> Result<Node, ExprError> {
        while self.is_sign(0, "[") {
            let at = self.offset();
            match (&node.expr, node.expr.type_of()) {
                (Expr::Path(_), _) => {
                    let message = self.keyless(&node);
                    return Err(self.fault(at, message));
                }
                (_, Type::Unknown | Type::Map | Type::List) => {}
                (_, other) => return Err(self.fault(at, format!("{} has no keys", other.name()))),
            }
            let key = self.key()?;
            node = match (node.expr, &key) {
                (Expr::Attributes(attributes), Key::Text(name)) => {
                    let path = match attributes {
                        Attributes::Row => PathRef::Attribute(Arc::clone(name)),
                        Attributes::Resource => PathRef::Resource(Arc::clone(name)),
                    };
                    let expr = self.known(path);
                    self.node(node.offset, 1, expr)?
                }
                (expr, _) => self.node(node.offset, node.depth + 1, Expr::Index(Box::new(expr), key))?,
            };
        }
        Ok(node)
    }

    /// What is wrong with a key behind a path that has none.
    fn keyless(&self, node: &Node) -> String {
        if let Expr::Path(at) = node.expr
            && let Some(PathRef::Name(name)) = self.paths.get(at)
            && let Some(near) = nearest(name, ["attributes"])
        {
            return format!("`{name}` has no keys: is `{near}` meant?");
        }
        "no column holds a map or list: write `ParseJSON(...)` around it, before the key".into()
    }

    /// The path that begins with `first`, which has been taken.
    fn path(&mut self, offset: usize, first: &str) -> Result<Node, ExprError> {
        let mut segments = vec![first];
        while self.accept(".") {
            let Token::Word(word) = *self.ahead(0) else {
                return Err(self.unexpected("a name"));
            };
            self.at += 1;
            segments.push(word);
        }
        let expr = self.meaning(offset, &segments)?;
        if matches!(expr, Expr::Attributes(Attributes::Row))
            && !self.is_sign(0, "[")
            && !self.allows_attributes
        {
            let message = "`attributes` needs a key here: `attributes[\"key\"]`";
            return Err(self.fault(offset, message));
        }
        self.node(offset, 1, expr)
    }

    fn meaning(&mut self, offset: usize, segments: &[&str]) -> Result<Expr, ExprError> {
        let is_resource = self.context == Context::Resource;
        let rest = match segments {
            ["resource", "attributes"] => return Ok(Expr::Attributes(Attributes::Resource)),
            [prefix @ ("datapoint" | "log"), rest @ ..] if !rest.is_empty() => {
                let is_other = match self.context {
                    Context::Row => false,
                    Context::Datapoint => *prefix == "log",
                    Context::Log => *prefix == "datapoint",
                    Context::Resource => true,
                };
                if is_other {
                    let message = format!("`{prefix}` is not there in the context `{}`", self.context);
                    return Err(self.fault(offset, message));
                }
                rest
            }
            all => all,
        };
        match rest {
            ["attributes"] if is_resource => Ok(Expr::Attributes(Attributes::Resource)),
            ["attributes"] => Ok(Expr::Attributes(Attributes::Row)),
            [name @ ("body" | "severity_number" | "severity_text" | "time_unix_nano")] if !is_resource => {
                Ok(self.known(PathRef::bare(name)))
            }
            [name] if segments.len() == 1 => {
                if let Some(number) = severity(name) {
                    return Ok(Expr::Literal(Datum::Int(number)));
                }
                let path = if is_resource {
                    PathRef::Resource((*name).into())
                } else {
                    PathRef::bare(name)
                };
                Ok(self.known(path))
            }
            _ => Err(self.fault(offset, unknown(segments))),
        }
    }
}

/// The number of one of OpenTelemetry's severities by its name (`SEVERITY_NUMBER_WARN2`).
fn severity(name: &str) -> Option<i64> {
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let name = name.strip_prefix("SEVERITY_NUMBER_")?;
    if name == "UNSPECIFIED" {
        return Some(0);
    }
    let level = LEVELS.iter().position(|level| name.starts_with(level))?;
    let step = match name.get(LEVELS.get(level)?.len()..)? {
        "" => 1,
        "2" => 2,
        "3" => 3,
        "4" => 4,
        _ => return None,
    };
    i64::try_from(4 * level).ok().map(|first| first + step)
}

/// What is wrong with a path that means nothing.
fn unknown(segments: &[&str]) -> String {
    const KNOWN: [&str; 9] = [
        "attributes",
        "resource.attributes",
        "datapoint.attributes",
        "log.attributes",
        "log.body",
        "log.severity_text",
        "log.severity_number",
        "log.time_unix_nano",
        "datapoint.time_unix_nano",
    ];
    let path = segments.join(".");
    match segments.first() {
        Some(&("metric" | "datapoint")) => format!(
            "`{path}` cannot be had: rows become metrics and points only when they are exported; name the \
            column that holds the value"
        ),
        Some(&("scope" | "instrumentation_scope" | "span" | "spanevent" | "exemplar" | "profile")) => {
            format!(
                "`{path}` cannot be had: there are only `attributes`, `resource.attributes` and what a \
                log has"
            )
        }
        _ => {
            let near = nearest(&path, KNOWN)
                .map(|near| format!(" or `{near}`"))
                .unwrap_or_default();
            format!("the path `{path}` is not known: write `attributes[\"{path}\"]`{near}")
        }
    }
}
