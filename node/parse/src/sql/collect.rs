//! Pieces of the text, each once, in its order.

use std::collections::HashSet;

use super::Dialect;
use super::lexer::{Kind, Lexer};
use super::output::Span;

/// The pieces as they stand in the text.
pub(super) fn pieces(text: &str, spans: &[Span]) -> Vec<String> {
    distinct(
        spans
            .iter()
            .filter_map(|span| Some(piece(text, *span)?.to_owned())),
    )
}

/// The names without quotes, and without the spaces that may stand around their dots.
pub(super) fn names(dialect: Dialect, text: &str, spans: &[Span]) -> Vec<String> {
    distinct(
        spans
            .iter()
            .filter_map(|span| Some(name(dialect, piece(text, *span)?))),
    )
}

fn piece(text: &str, span: Span) -> Option<&str> {
    text.get(span.0 as usize..span.1 as usize)
}

fn distinct(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    all.filter(|one| seen.insert(one.clone())).collect()
}

fn name(dialect: Dialect, text: &str) -> String {
    let mut lexer = Lexer::new(dialect, text);
    let mut name = String::with_capacity(text.len());
    while let Ok(Some(token)) = lexer.next_token() {
        let piece = text.get(token.start..token.end).unwrap_or_default();
        match token.kind {
            Kind::QuotedName => name.push_str(&unquoted(piece)),
            Kind::Word | Kind::Dot => name.push_str(piece),
            _ => {}
        }
    }
    name
}

/// A name without its quotes, in which a quote is doubled.
pub(super) fn unquoted(name: &str) -> String {
    let from_quote = name
        .find(['"', '`'])
        .and_then(|at| name.get(at..))
        .unwrap_or(name);
    let mut chars = from_quote.chars();
    let quote = chars.next();
    chars.next_back();
    let (Some(quote), inner) = (quote, chars.as_str()) else {
        return String::new();
    };
    let doubled: String = [quote, quote].iter().collect();
    inner
        .replace(&doubled, quote.encode_utf8(&mut [0; 4]))
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
