//! Plans that are objects and arrays: they are written anew, token by token, and nothing that lies between
//! the tokens is copied.

use std::borrow::Cow;

use super::super::json::{Kind, Token};
use super::super::source::Source;
use super::super::{Degraded, Limits, PlanError};
use super::keys::{Meaning, hide, is_literal, meaning};
use super::vocabulary::{is_key, is_known};
use crate::sql::Dialect;

/// Writes one notation.
pub(super) trait Writer {
    /// A key of the object that is open.
    fn key(&mut self, key: &str);
    /// An object (or else an array) begins; `raw` is what stands there in the text.
    fn begin(&mut self, object: bool, raw: &str);
    /// The innermost object or array ends.
    fn end(&mut self);
    /// A text.
    fn text(&mut self, text: &str);
    /// A number, a flag or null.
    fn word(&mut self, word: &str);
    /// How many bytes have been written.
    fn written(&self) -> usize;
    /// What has been written.
    fn finish(self) -> String;
}

/// An object or array that is open.
struct Open<'a> {
    /// The key it is the value of; an array's key is that of its elements.
    key: Cow<'a, str>,
    object: bool,
    /// It is in the settings that the server was run with.
    settings: bool,
}

/// The plan without its literals. `textual` is whether the notation has numbers and flags as texts only, as
/// XML does.
pub(super) fn rewrite<'a, S: Source<'a>, W: Writer>(
    source: &mut S,
    mut writer: W,
    dialect: Dialect,
    textual: bool,
    limits: &Limits<'_>,
) -> Result<String, PlanError> {
    let mut open: Vec<Open<'a>> = Vec::new();
    let mut key: Cow<'a, str> = Cow::Borrowed("");
    let mut begun = false;
    while let Some(token) = source.next()? {
        let around = open.last();
        if around.is_none() && begun {
            break;
        }
        begun = true;
        let settings = around.is_some_and(|around| around.settings);
        let own = match around {
            Some(around) if !around.object => around.key.clone(),
            _ => key.clone(),
        };
        match token.kind {
            Kind::Key => {
                key = source.text(&token);
                if !is_key(&key) || (source.degraded() == Some(Degraded::Invalid) && !is_known(&key)) {
                    key = Cow::Borrowed("?");
                }
                writer.key(&key);
            }
            Kind::Object | Kind::Array => {
                let object = token.kind == Kind::Object;
                writer.begin(object, token.raw);
                let settings = settings || own == "Settings";
                open.push(Open {
                    key: own,
                    object,
                    settings,
                });
            }
            Kind::EndObject | Kind::EndArray => {
                open.pop();
                writer.end();
            }
            _ => {
                let own = if settings { "" } else { &own };
                let bare = textual && token.kind == Kind::Text && !settings;
                if !(bare && plain(source, &mut writer, &token, own)) {
                    scalar(source, &mut writer, &token, own, dialect);
                }
            }
        }
        limits.check_written(writer.written())?;
    }
    if !begun {
        return Err(PlanError::NotAPlan);
    }
    Ok(writer.finish())
}

fn scalar<'a, S: Source<'a>, W: Writer>(
    source: &S,
    writer: &mut W,
    token: &Token<'a>,
    key: &str,
    dialect: Dialect,
) {
    match token.kind {
        Kind::Number if is_literal(key) || meaning(key) == Meaning::Expression => writer.text("?"),
        Kind::Number if is_number(token.raw) => writer.word(token.raw),
        Kind::Flag(true) => writer.word("true"),
        Kind::Flag(false) => writer.word("false"),
        Kind::Text => {
            let text = source.text(token);
            let hidden = hide(dialect, key, &text);
            // MariaDB's releases escape nothing, so that a backslash may be of JSON or of a literal. Where
            // that makes a difference nobody knows which part is a literal.
            // What would have to be escaped now would be in doubt when it is read again.
            let is_escaped = |c: char| matches!(c, '"' | '\\') || c.is_control();
            let is_doubtful = dialect == Dialect::MariaDb
                && (hidden.contains(is_escaped)
                    || (token.raw.contains('\\') && hide(dialect, key, token.raw) != hidden));
            if is_doubtful {
                return writer.text("?");
            }
            writer.text(&hidden);
        }
        _ => writer.word("null"),
    }
}

/// Writes a number or flag that is written as a text, if it is one and no literal.
fn plain<'a, S: Source<'a>, W: Writer>(source: &S, writer: &mut W, token: &Token<'a>, key: &str) -> bool {
    let text = source.text(token);
    let text = text.trim();
    let is_figure = is_number(text) || matches!(text, "true" | "false");
    let is_plain = text.is_empty() || (is_figure && !is_literal(key) && meaning(key) != Meaning::Expression);
    if is_plain {
        writer.text(text);
    }
    is_plain
}

/// Whether it is a number and nothing else.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && text.parse::<f64>().is_ok()
}
