//! Patterns of the user's own.

use regex::{Regex, RegexBuilder};

use super::{Class, ScanError};

/// The most memory that one compiled pattern may take, in bytes. Matching takes time linear in the text.
const PATTERN_BYTES: usize = 1 << 20;
/// How many there may be: every one goes through every text.
pub(super) const PATTERNS: usize = 64;

/// A pattern of the user's own: what it matches is found.
#[derive(Clone, Debug)]
pub struct Custom {
    name: String,
    regex: Regex,
}

impl Custom {
    /// Compiles it.
    ///
    /// # Errors
    /// The name is not made of lower-case letters, digits and `_`, or is that of a class; the pattern is no regular
    /// expression, matches the empty text, or is too large.
    pub fn new(name: &str, pattern: &str) -> Result<Self, ScanError> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            return Err(ScanError::Name(name.to_owned()));
        }
        if name.parse::<Class>().is_ok() {
            return Err(ScanError::Taken(name.to_owned()));
        }
        let regex = RegexBuilder::new(pattern)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(2 * PATTERN_BYTES)
            .build()
            .map_err(|source| ScanError::Pattern {
                name: name.to_owned(),
                source: Box::new(source),
            })?;
        if regex.is_match("") {
            return Err(ScanError::MatchesNothing(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            regex,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it matches, in order.
    pub(super) fn places<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        let all = self
            .regex
            .find_iter(text)
            .map(|found| (found.start(), found.end()));
        all.filter(|(start, end)| start < end)
    }
}
