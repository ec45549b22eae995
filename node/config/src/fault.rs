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

/// What a check of the settings found, before its place in the files is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The keys that lead to it, as they stand in the file, such as `receivers`, `postgresql/fleet`, `metrics`. An
    /// entry of a list is its index.
    pub path: Vec<String>,
    /// What is wrong, and what to do. A name in it stands in backticks; no secret stands in it.
    pub message: String,
}

impl Complaint {
    /// A complaint about what stands at `path`.
    pub fn new<S: Into<String>>(path: impl IntoIterator<Item = S>, message: impl Into<String>) -> Self {
        Self {
            path: path.into_iter().map(Into::into).collect(),
            message: message.into(),
        }
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

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), candidate);
    let limit = (word.chars().count() / 3).max(1);
    let best = known.iter().copied().min_by_key(|candidate| near(candidate))?;
    if near(best) <= limit {
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
