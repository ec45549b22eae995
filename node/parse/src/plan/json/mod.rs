//! JSON as databases print it, a token at a time.
//!
//! Own and not a library's, because what is read here is hostile, often cut off and sometimes no JSON:
//! nothing is built, nothing is copied, the stack is a bit per level, and reading goes on after what cannot
//! be read.

mod read;
mod scan;
mod text;

#[cfg(test)]
mod tests;

pub use read::Reader;
pub use text::unescape;

/// A token: what it is, and what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// What stands there; of keys and texts what is between the quotes, with its escapes (see [`unescape`]).
    /// Empty where the text lacks the token and the reader added it: the ends of what was cut off, the value
    /// of a key without one, the key of a value without one.
    pub raw: &'a str,
    /// Where `raw` begins, in bytes.
    pub start: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object begins.
    Object,
    /// An object ends.
    EndObject,
    /// An array begins.
    Array,
    /// An array ends.
    EndArray,
    /// The key of the value that follows.
    Key,
    /// A text.
    Text,
    /// A number, by its first character; see [`Token::number`].
    Number,
    /// `true` or `false`.
    Flag(bool),
    /// `null`, or the value that a key lacks.
    Null,
    /// A word that is no value of JSON, such as `N.N` or `Infinity`.
    Word,
}

impl Kind {
    /// What a word without quotes is.
    pub(super) fn of_word(word: &str) -> Self {
        match word {
            "true" => Self::Flag(true),
            "false" => Self::Flag(false),
            "null" => Self::Null,
            _ if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => Self::Number,
            _ => Self::Word,
        }
    }
}

impl<'a> Token<'a> {
    /// Where `raw` ends, in bytes.
    pub const fn end(&self) -> usize {
        self.start + self.raw.len()
    }

    /// The key or text without its escapes; of anything else what stands there.
    pub fn text(&self) -> std::borrow::Cow<'a, str> {
        match self.kind {
            Kind::Key | Kind::Text => unescape(self.raw),
            _ => std::borrow::Cow::Borrowed(self.raw),
        }
    }

    /// The number; `None` where it is none or not finite, as `1e999`. Texts that hold a number are numbers
    /// too: MySQL prints costs as `"10.25"`.
    pub fn number(&self) -> Option<f64> {
        match self.kind {
            Kind::Number | Kind::Text => self.raw.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }
}
