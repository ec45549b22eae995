//! What is wrong with a configuration, and where.

use std::fmt;
use std::sync::Arc;

/// Where a key or a value stands. Places sort by file in the order given, line and column; `--set` comes last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a file.
    File {
        /// Which of the files it is, counted from 0.
        order: usize,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// The file's path as it was given.
        name: Arc<str>,
    },
    /// On the command line.
    Set {
        /// Which of the `--set` it is, counted from 0.
        order: usize,
        /// The key path, without the value, which may be a secret.
        path: Arc<str>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File {
                line, column, name, ..
            } => write!(f, "{name}:{line}:{column}"),
            Self::Set { path, .. } => write!(f, "--set {path}=..."),
        }
    }
}

/// One fault: `FILE:LINE:COL: what is wrong; the nearest known key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// What is wrong, and what to do. Never holds a secret.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// All faults of a configuration, sorted by place, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort();
        faults.dedup();
        Self(faults)
    }

    /// The faults in order; at least one.
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Something worth knowing about a configuration that is valid: `FILE:LINE:COL: note: ...`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note(pub(crate) Fault);

impl Note {
    /// What it is about.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What is worth knowing. Never holds a secret.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: note: {}", self.0.place, self.0.message)
    }
}

/// What a check of the settings found, before its place in the files is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The keys that lead to it, as they stand in the file, such as `receivers`, `postgresql/fleet`, `metrics`. An
    /// entry of a list is its index.
    pub path: Vec<String>,
    /// What is wrong, and what to do. A name in it stands in backticks; no secret stands in it.
    pub message: String,
    /// The keys that lead to what was looked at: where a part of it is faulty, the complaint is only a consequence.
    pub(crate) scope: Vec<String>,
    /// Whether the text at `path` goes before the message.
    pub(crate) quotes: bool,
}

impl Complaint {
    /// A complaint about what stands at `path`.
    pub fn new<S: Into<String>>(path: impl IntoIterator<Item = S>, message: impl Into<String>) -> Self {
        let path: Vec<String> = path.into_iter().map(Into::into).collect();
        Self {
            scope: path.clone(),
            path,
            message: message.into(),
            quotes: false,
        }
    }

    /// The complaint about a text: the text goes before the message, as it is written in the file. What came into it by
    /// substitution is not shown, nor what the message quotes of that.
    #[must_use]
    pub fn quoting(mut self) -> Self {
        self.quotes = true;
        self
    }

    /// The complaint about several keys of the section that `path` leads to: a fault in any of them goes before it.
    #[must_use]
    pub fn within(mut self, path: &[String]) -> Self {
        self.scope = path.to_vec();
        self
    }

    /// A complaint about a name that is not among `known`; `what` says what it should name, such as `metric`.
    pub fn unknown<S: Into<String>>(
        path: impl IntoIterator<Item = S>,
        what: &str,
        name: &str,
        known: &[&str],
    ) -> Self {
        Self::new(
            path,
            format!("unknown {what} {}{}", quote(name), advice(name, known)),
        )
    }
}

/// How many known keys are worth listing where none of them is near.
const FEW: usize = 10;
/// Longer words are not compared: nobody means a key by them, and comparing takes as long as both together.
const LONGEST_WORD: usize = 256;
/// How many known words a word is compared with.
const MOST_WORDS: usize = 1000;

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let lower = word.to_lowercase();
    let limit = (word.chars().count() / 3).max(1);
    let near = |candidate: &&str| {
        let apart = candidate.len().abs_diff(lower.len());
        let comparable = candidate.len() <= LONGEST_WORD && apart <= limit * 4;
        comparable.then(|| strsim::damerau_levenshtein(&lower, candidate))
    };
    let known = known.get(..MOST_WORDS).unwrap_or(known);
    let best = known
        .iter()
        .copied()
        .filter_map(|candidate| Some((near(&candidate)?, candidate)))
        .min_by_key(|(distance, _)| *distance);
    if let Some((distance, best)) = best
        && distance <= limit
    {
        return Some(best);
    }
    let long_enough = word.len() >= 3;
    known
        .iter()
        .copied()
        .find(|candidate| long_enough && (candidate.starts_with(word) || word.starts_with(candidate)))
}

/// `; did you mean ...?`, or the known words where they are few, or nothing.
pub(crate) fn advice(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if (1..=FEW).contains(&known.len()) => format!("; known: {}", known.join(", ")),
        None => String::new(),
    }
}

/// `text` in backticks, on one line and not too long.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown = String::from("`");
    for (index, c) in text.chars().enumerate() {
        if index == LONGEST {
            shown.push_str("...");
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.push('`');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_nearest_word_or_the_few_there_are() {
        for (word, known, expected) in [
            (
                "reciever",
                &["receivers", "exporters"][..],
                "; did you mean `receivers`?",
            ),
            ("Receivers", &["receivers"], "; did you mean `receivers`?"),
            (
                "limit",
                &["limit_mib", "check_interval"],
                "; did you mean `limit_mib`?",
            ),
            ("xyz", &["endpoint", "timeout"], "; known: endpoint, timeout"),
            ("x", &[], ""),
            (
                "xyz",
                &["a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9", "j10", "k11"],
                "",
            ),
        ] {
            assert_eq!(advice(word, known), expected, "{word}");
        }
    }

    #[test]
    fn a_quoted_text_stays_on_one_short_line() {
        assert_eq!(quote("a\nb"), "`a\\nb`");
        assert_eq!(quote(&"x".repeat(100)), format!("`{}...`", "x".repeat(60)));
    }
}
