//! What JSON, XML and YAML have in common.

use std::borrow::Cow;

use super::json::{Kind, Reader, Token};
use super::{Degraded, PlanError, Property};

/// A text that is read as objects, arrays and values, whatever its notation.
pub(super) trait Source<'a> {
    /// The next token; `None` at the end.
    fn next(&mut self) -> Result<Option<Token<'a>>, PlanError>;

    /// What was wrong so far.
    fn degraded(&self) -> Option<Degraded>;

    /// How far it has read.
    fn position(&self) -> usize;

    /// What the token stands for.
    fn text(&self, token: &Token<'a>) -> Cow<'a, str>;

    /// The value of the token, whose key is `key`; `None` for what has none.
    fn value(&self, _key: &str, token: &Token<'a>) -> Option<Property<'a>> {
        match token.kind {
            Kind::Text => Some(Property::Text(self.text(token))),
            Kind::Number => token.number().map(Property::Number),
            Kind::Flag(flag) => Some(Property::Flag(flag)),
            _ => None,
        }
    }

    /// Goes behind the end of the object or array that has just begun.
    fn skip(&mut self) -> Result<(), PlanError> {
        let mut open = 1_usize;
        while open > 0 {
            let Some(token) = self.next()? else { break };
            match token.kind {
                Kind::Object | Kind::Array => open += 1,
                Kind::EndObject | Kind::EndArray => open -= 1,
                _ => {}
            }
        }
        Ok(())
    }
}

impl<'a> Source<'a> for Reader<'a, '_> {
    fn next(&mut self) -> Result<Option<Token<'a>>, PlanError> {
        Self::next(self)
    }

    fn degraded(&self) -> Option<Degraded> {
        Self::degraded(self)
    }

    fn position(&self) -> usize {
        Self::position(self)
    }

    fn text(&self, token: &Token<'a>) -> Cow<'a, str> {
        token.text()
    }
}
