//! Statements in one spelling, and what they are about.

use std::str;

use xxhash_rust::xxh3::xxh3_64;

use super::output::Output;
use super::pass::Pass;
use super::{Dialect, Unlexable, collect, tags};

/// A statement, or several, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normalized {
    /// The text in one spelling: `?` for every literal, parameter and constant, lists folded, no comments,
    /// and spaces where they belong. Names and keywords are as written. Normalising it again changes nothing.
    pub text: String,
    /// The same for all texts that are the same statement: spaces, comments, the case of keywords and of
    /// names without quotes, values, and the number of values in a list do not matter; see [`normalize`]. The
    /// same in every release. Written as 16 hexadecimal digits.
    pub fingerprint: u64,
    /// The tables it reads or writes, as written but without quotes, each once, in the order of the text.
    /// Common table expressions and functions are not among them.
    pub tables: Vec<String>,
    /// The words that say what it does, in capitals, each once, in the order of the text: `SELECT`, `JOIN`,
    /// `UPDATE`.
    pub commands: Vec<&'static str>,
    /// The procedures it creates, drops or calls.
    pub procedures: Vec<String>,
    /// Its comments as they stand in the text, each once. They may hold anything, also literals of a
    /// statement that was commented out: they are for those who have the text anyhow, and must not leave with
    /// the rest.
    pub comments: Vec<String>,
    /// What is tagged in its comments, the last of each key, see [`super::comment_tags`].
    pub tags: Vec<(String, String)>,
}

/// Normalises one text. For many, [`Normalizer`] keeps its buffers.
///
/// What makes two texts the same statement, besides what [`Normalized::fingerprint`] says:
/// - A sign before a number, `NULL`, `TRUE` and `FALSE` where they are values, and the field of PostgreSQL's
///   `EXTRACT` are values. So is a cast of a value in PostgreSQL: `$1::uuid` is `$1`.
/// - In PostgreSQL `x IN (...)` and `x = ANY (...)` with values only are `x = ?`; MySQL tells them apart.
/// - In names of tables, runs of two and more digits do not matter, in which partitions differ; names of
///   savepoints, cursors to close and prepared statements to deallocate do not matter either.
/// - Quotes around a name that needs none do not matter, and in MySQL capitals in it do not either: its own
///   digests are quoted throughout, and have the fingerprint of the statement that they come from.
///
/// What needs a grammar is told apart: the order of columns and of tables, aliases, `a JOIN b` and `a INNER
/// JOIN b`.
///
/// # Errors
/// When the text is not SQL of the dialect. It must then not be shown at all.
pub fn normalize(dialect: Dialect, text: &str) -> Result<Normalized, Unlexable> {
    Normalizer::default().normalize(dialect, text)
}

/// Normalises one text after another, without allocating for the text and the fingerprint once it is warm.
#[derive(Debug, Default)]
pub struct Normalizer {
    out: Output,
}

impl Normalizer {
    /// The normalised text and its fingerprint, valid until the next text.
    ///
    /// # Errors
    /// As [`normalize`].
    pub fn text(&mut self, dialect: Dialect, text: &str) -> Result<(&str, u64), Unlexable> {
        let mut pass = Pass::new(dialect, text, std::mem::take(&mut self.out));
        let read = pass.run(text);
        self.out = pass.out;
        read?;
        // What is written is made of whole characters of the text, so this does not fail.
        let normalized =
            str::from_utf8(self.out.text.as_slice()).map_err(|e| Unlexable { at: e.valid_up_to() })?;
        Ok((normalized, xxh3_64(self.out.canon.as_slice())))
    }

    /// All that is known of a text.
    ///
    /// # Errors
    /// As [`normalize`].
    pub fn normalize(&mut self, dialect: Dialect, text: &str) -> Result<Normalized, Unlexable> {
        let (normalized, fingerprint) = self.text(dialect, text)?;
        let normalized = normalized.to_owned();
        let comments = collect::pieces(text, &self.out.comments);
        Ok(Normalized {
            text: normalized,
            fingerprint,
            tables: collect::names(dialect, text, &self.out.tables),
            commands: self.out.commands.clone(),
            procedures: collect::names(dialect, text, &self.out.procedures),
            tags: tags::comment_tags(comments.iter().map(String::as_str)),
            comments,
        })
    }
}
