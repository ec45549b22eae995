//! Rewriting of texts: by regular expressions and globs, once for each distinct text and across frames.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, Int32Array, StringArray};
use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use regex::Regex;
use xxhash_rust::xxh3::xxh3_128;

use super::MAX_TEXT;
use super::datum::Datum;
use super::distinct::used;
use super::functions::Scalar;
use super::vector::{TextColumn, text_at};

/// How much text each pass remembers between frames, in bytes.
const REMEMBERED_BYTES: u64 = 32 << 20;
/// What an entry costs besides its text, in bytes: key, pointers and the cache's own books.
const ENTRY_BYTES: usize = 96;
/// How many entries are expected at first.
const ENTRIES: usize = 4096;

/// One way to change a text.
#[derive(Debug)]
pub(super) enum Rewrite {
    /// Each part that matches.
    Parts(Arc<Regex>, Replacement),
    /// The text as a whole, where it matches.
    Whole(Arc<Regex>, Replacement),
    /// Cut to so many characters.
    Cut(usize),
}

/// What is put in place.
#[derive(Debug)]
pub(super) struct Replacement {
    pub(super) text: String,
    /// Whether groups of the match are put in for `$1`.
    pub(super) expands: bool,
    pub(super) function: Option<&'static Scalar>,
    /// What stands before and behind what the function makes.
    pub(super) frame: Option<(String, String)>,
}

impl Replacement {
    /// What the function makes of `text`, if there is one.
    fn finished<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(function) = self.function else {
            return Cow::Borrowed(text);
        };
        let Ok(Datum::Text(made)) = (function.run)(&[Datum::text(text)]) else {
            return Cow::Borrowed(text);
        };
        let (before, behind) = self.frame.as_ref().map_or(("", ""), |(a, b)| (a, b));
        Cow::Owned(format!("{before}{made}{behind}"))
    }
}

impl Rewrite {
    /// The text rewritten, borrowed where it stays.
    pub(super) fn of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self {
            Self::Parts(pattern, to) => parts(pattern, to, text),
            Self::Whole(pattern, to) if pattern.is_match(text) => {
                Cow::Owned(to.finished(&to.text).into_owned())
            }
            Self::Whole(..) => Cow::Borrowed(text),
            Self::Cut(limit) => Cow::Borrowed(super::functions::text::first(text, *limit)),
        }
    }
}

/// `text` with each match replaced. What becomes longer than it was and than [`MAX_TEXT`] is cut there.
fn parts<'t>(pattern: &Regex, to: &Replacement, text: &'t str) -> Cow<'t, str> {
    let (mut new, mut done, mut is_found) = (String::new(), 0, false);
    let longest = text.len().max(MAX_TEXT);
    let mut put = |from: usize, end: usize, replacement: &str| {
        new.push_str(text.get(done..from).unwrap_or_default());
        new.push_str(replacement);
        (done, is_found) = (end, true);
        new.len() <= longest
    };
    if to.expands {
        let mut expanded = String::new();
        for captures in pattern.captures_iter(text) {
            expanded.clear();
            captures.expand(&to.text, &mut expanded);
            let whole = captures.get_match();
            if !put(whole.start(), whole.end(), &to.finished(&expanded)) {
                break;
            }
        }
    } else {
        let replacement = to.finished(&to.text);
        pattern
            .find_iter(text)
            .all(|found| put(found.start(), found.end(), &replacement));
    }
    if !is_found {
        return Cow::Borrowed(text);
    }
    new.push_str(text.get(done..).unwrap_or_default());
    new.truncate(new.floor_char_boundary(longest));
    Cow::Owned(new)
}

/// The regular expression of a glob: `*` and `?` stop at `/`, `[a-z]` is a class, `\` takes the next as it
/// is.
pub(super) fn glob(pattern: &str) -> String {
    let mut regex = String::from("^(?:");
    let mut characters = pattern.chars();
    let mut in_class = false;
    while let Some(c) = characters.next() {
        match c {
            '\\' => regex.push_str(&regex::escape(&characters.next().unwrap_or('\\').to_string())),
            '[' | ']' => {
                in_class = c == '[';
                regex.push(c);
            }
            '^' | '-' if in_class => regex.push(c),
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push_str(")$");
    regex
}

#[derive(Clone)]
struct Weight;

/// What a text becomes; `None` when it stays.
type Remembered = Option<Arc<str>>;

impl Weighter<u128, Remembered> for Weight {
    fn weight(&self, _: &u128, text: &Remembered) -> u64 {
        (ENTRY_BYTES + text.as_ref().map_or(0, |text| text.len())) as u64
    }
}

/// Several rewrites in order, with what they made of the texts of earlier frames.
pub(super) struct Pass {
    pub(super) rewrites: Vec<Rewrite>,
    known: Cache<u128, Remembered, Weight>,
    /// The texts of the last frame and what they became: frames that share a dictionary share the answer.
    last: Option<(StringArray, Option<StringArray>)>,
}

impl Pass {
    pub(super) fn new(rewrites: Vec<Rewrite>) -> Self {
        Self {
            rewrites,
            known: Cache::with_weighter(ENTRIES, REMEMBERED_BYTES, Weight),
            last: None,
        }
    }

    /// The texts rewritten; `None` when all of them stay. Texts that no key points to may be left out.
    pub(super) fn texts(&mut self, keys: &Int32Array, texts: &StringArray) -> Option<StringArray> {
        if let Some((came, made)) = &self.last
            && is_same(came, texts)
        {
            return made.clone();
        }
        let used = used(keys, texts.len());
        let mut made = TextColumn::with_capacity(texts.len(), texts.value_data().len());
        let mut is_changed = false;
        for key in 0..texts.len() {
            let is_used = used.as_ref().is_none_or(|used| used.get(key) == Some(&true));
            let Some(text) = text_at(texts, key).filter(|_| is_used) else {
                made.push(None);
                continue;
            };
            let hash = xxh3_128(text.as_bytes());
            if let Some(known) = self.known.get(&hash) {
                is_changed |= known.is_some();
                made.push(Some(known.as_deref().unwrap_or(text)));
                continue;
            }
            let new = rewritten(&self.rewrites, text);
            is_changed |= new.is_some();
            made.push(Some(new.as_deref().unwrap_or(text)));
            self.known.insert(hash, new);
        }
        let made = is_changed.then(|| made.finish());
        if used.is_none() {
            self.last = Some((texts.clone(), made.clone()));
        }
        made
    }
}

/// The text after all rewrites; `None` when it stays.
pub(super) fn rewritten(rewrites: &[Rewrite], text: &str) -> Remembered {
    let mut now = Cow::Borrowed(text);
    for rewrite in rewrites {
        if let Cow::Owned(new) = rewrite.of(&now) {
            now = Cow::Owned(new);
        } else if let Rewrite::Cut(limit) = rewrite {
            now = Cow::Owned(super::functions::text::first(&now, *limit).to_owned());
        }
    }
    (now != text).then(|| now.into())
}

/// Whether two arrays are the same memory, which neither can change.
fn is_same(a: &StringArray, b: &StringArray) -> bool {
    a.len() == b.len()
        && a.value_data().as_ptr() == b.value_data().as_ptr()
        && a.value_offsets().as_ptr() == b.value_offsets().as_ptr()
        && a.null_count() == b.null_count()
}
