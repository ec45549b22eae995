//! The scanner: what it looks for, and the order in which it is done.

use super::pass::Pass;
use super::{Action, Class, Classes, Custom, custom, redact};

/// A value that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// What it is.
    pub class: Class,
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
}

/// Why a scanner cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A name that would not be safe to show.
    #[error("`{0}` cannot name a pattern: use up to 64 lower-case letters, digits and `_`")]
    Name(String),
    /// The name of a class.
    #[error("`{0}` is the name of a class: give the pattern another one")]
    Taken(String),
    /// Two patterns of one name.
    #[error("two patterns are called `{0}`: give each its own name")]
    Twice(String),
    /// More than can be gone through.
    #[error("{0} patterns are too many: join them with `|` to at most 64")]
    TooMany(usize),
    /// No regular expression, or one too large.
    #[error("the pattern `{name}` cannot be used")]
    Pattern {
        /// The pattern's name.
        name: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
    /// It matches the empty text, which is everywhere.
    #[error("the pattern `{0}` matches the empty text: make it ask for at least one character")]
    MatchesNothing(String),
}

/// Finds values of some classes in texts. It holds no state of the texts: one serves any number of threads.
#[derive(Clone, Debug)]
pub struct Scanner {
    classes: Classes,
    custom: Vec<Custom>,
    whole_values: bool,
}

impl Default for Scanner {
    /// Looks for what is looked for by default.
    fn default() -> Self {
        Self {
            classes: Classes::default(),
            custom: Vec::new(),
            whole_values: true,
        }
    }
}

/// How often a text in which something was found is looked through again: hiding one value can lay bare
/// another, as an address does that was taken for the end of a longer one.
const ROUNDS: usize = 4;

impl Scanner {
    /// Looks for these classes and patterns.
    ///
    /// # Errors
    /// There are too many patterns, or two of one name.
    pub fn new(classes: Classes, custom: &[Custom]) -> Result<Self, ScanError> {
        if custom.len() > custom::PATTERNS {
            return Err(ScanError::TooMany(custom.len()));
        }
        for (place, one) in custom.iter().enumerate() {
            if custom.iter().take(place).any(|other| other.name() == one.name()) {
                return Err(ScanError::Twice(one.name().to_owned()));
            }
        }
        Ok(Self {
            classes,
            custom: custom.to_vec(),
            whole_values: true,
        })
    }

    /// Whether a text that is nothing but digits may be a number of a person without any other sign (the
    /// value of a column is such a text): bare social security, taxpayer and Turkish telephone numbers.
    /// Default: yes.
    #[must_use]
    pub fn whole_values(mut self, may: bool) -> Self {
        self.whole_values = may;
        self
    }

    /// The name of a class, those of patterns included.
    pub fn name(&self, class: Class) -> &str {
        match class {
            Class::Custom(place) => self
                .custom
                .get(usize::from(place))
                .map_or_else(|| class.name(), Custom::name),
            known => known.name(),
        }
    }

    /// Puts what is in the text into `found`, which is emptied before: sorted by place, none over another. Of
    /// two that share bytes the longer one stays, of two of one length the more specific one. What
    /// [`Self::redact`] makes of the text and of all that was found has nothing to be found in it.
    pub fn find(&self, text: &str, found: &mut Vec<Found>) {
        found.clear();
        self.once(text, found);
        if found.is_empty() {
            return;
        }
        let mut more = Vec::new();
        for round in 0..2 * ROUNDS {
            let hidden = redact::Hidden::of(text, found, |class| self.name(class));
            more.clear();
            self.once(&hidden.text, &mut more);
            more = more.iter().filter_map(|one| hidden.original(*one)).collect();
            let (Some(first), Some(last)) = (more.first().copied(), more.last().copied()) else {
                return;
            };
            if round < ROUNDS {
                found.append(&mut more);
            } else {
                // One lays bare the next, without an end in sight: all between them goes.
                found.push(Found {
                    end: last.end,
                    ..first
                });
            }
            settle(found);
        }
        if let Some(first) = found.first().copied() {
            found.clear();
            found.push(Found {
                start: 0,
                end: text.len(),
                ..first
            });
        }
    }

    /// The text with what was found in it replaced.
    pub fn redact(&self, text: &str, found: &[Found], action: &Action) -> String {
        redact::redact(text, found, action, |class| self.name(class))
    }

    fn once(&self, text: &str, found: &mut Vec<Found>) {
        Pass::new(text.as_bytes(), self.classes, self.whole_values, found).run();
        for (place, custom) in self.custom.iter().enumerate() {
            let class = Class::Custom(u16::try_from(place).unwrap_or(u16::MAX));
            found.extend(
                custom
                    .places(text)
                    .map(|(start, end)| Found { class, start, end }),
            );
        }
        // A name in something hidden is no value.
        found.retain(|one| !redact::is_within_hidden(text.as_bytes(), one.start, one.end));
        settle(found);
    }
}

/// Sorts, and makes one of those that share bytes: from the first byte of them to the last, so that no part
/// of a value stays; its class is that of the longest.
fn settle(found: &mut Vec<Found>) {
    if found.is_sorted_by(|a, b| a.end <= b.start) {
        return;
    }
    found.sort_unstable_by_key(|one| (one.start, std::cmp::Reverse(one.end), one.class.rank()));
    let mut kept: usize = 0;
    let mut longest = 0;
    for at in 0..found.len() {
        let Some(next) = found.get(at).copied() else { break };
        match kept.checked_sub(1).and_then(|last| found.get_mut(last)) {
            Some(last) if next.start < last.end => {
                let length = next.end - next.start;
                if length > longest || (length == longest && next.class.rank() < last.class.rank()) {
                    last.class = next.class;
                    longest = length;
                }
                last.end = last.end.max(next.end);
            }
            _ => {
                longest = next.end - next.start;
                if let Some(place) = found.get_mut(kept) {
                    *place = next;
                }
                kept += 1;
            }
        }
    }
    found.truncate(kept);
}
