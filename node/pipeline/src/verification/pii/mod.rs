//! Personal data and secrets in texts: each distinct text is scanned once.
//!
//! What cannot be scanned is hidden, and counted: nothing leaves because it was too long to be looked at.

mod dictionaries;
mod integers;
mod resources;
mod scanned;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, StringArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::ArrowError;
use ringwatch_config::settings::{PiiAction, PiiDetection};
use ringwatch_parse::scan::{Action, Class, Found, HashKey, Scanner};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::columns::Texts;
use super::shape::{Shape, TextColumn, TextKind};
use dictionaries::Dictionaries;
use resources::Resources;
use scanned::{Hit, Memory, Scanned};

/// What stands in place of a text that could not be scanned.
pub(super) const UNSCANNED: &str = "[UNSCANNED]";
/// So many values of one text become findings; all are hidden.
const MOST_TOLD: usize = 8;

/// Scans the texts of one pipeline.
pub(super) struct Inspector {
    scanner: Scanner,
    action: Action,
    /// Makes names of values that can be told without them.
    namer: Action,
    longest: usize,
    memory: Memory,
    /// Dictionaries of plans without anything.
    clean: Dictionaries,
    seed: u64,
    /// Values that somebody said are none, by their names.
    allowed: Arc<BTreeSet<String>>,
    resources: Resources,
    found: Vec<Found>,
}

/// A value that was found: of which class, and a name that only the same value has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) class: Class,
    pub(super) value: Arc<str>,
    pub(super) at: usize,
}

/// What came of a frame's texts.
#[derive(Default)]
pub(super) struct Inspected {
    /// Columns that take the place of others.
    pub(super) columns: Vec<(usize, ArrayRef)>,
    /// How often each class was found, once for each distinct text.
    pub(super) counts: Vec<(Class, u64)>,
    /// Texts that were too long.
    pub(super) unscanned: u64,
    /// The rows that have one of the texts.
    pub(super) rows: Option<BooleanBuffer>,
    /// What was found in texts that were not known before.
    pub(super) told: Vec<Told>,
    /// Texts that were known, and those that were not.
    pub(super) hits: u64,
    pub(super) misses: u64,
}

impl Inspector {
    /// `key` is what hashes are made with where the settings name none.
    pub(super) fn new(settings: &PiiDetection, scanner: Scanner, key: &[u8]) -> Self {
        let named = settings
            .hash_key
            .as_ref()
            .map(|key| HashKey::new(key.expose().as_bytes()));
        let namer = named.unwrap_or_else(|| HashKey::new(key));
        let action = match settings.action {
            PiiAction::Hash => Action::Hash(namer.clone()),
            PiiAction::Redact | PiiAction::Drop => Action::Redact,
        };
        Self {
            scanner,
            action,
            namer: Action::Hash(namer),
            longest: usize::try_from(settings.max_text_kb.saturating_mul(1024)).unwrap_or(usize::MAX),
            memory: Memory::new(settings.cache_mb.saturating_mul(1024 * 1024)),
            clean: Dictionaries::default(),
            seed: RandomState::new().hash_one(0),
            allowed: Arc::default(),
            resources: Resources::default(),
            found: Vec::new(),
        }
    }

    /// The name of a class, as labels have it.
    pub(super) fn name(&self, class: Class) -> &str {
        self.scanner.name(class)
    }

    /// Takes over which values are none. What was scanned before is scanned anew where that changed.
    pub(super) fn allow(&mut self, allowed: &Arc<BTreeSet<String>>) {
        if *self.allowed != **allowed {
            self.allowed = Arc::clone(allowed);
            self.memory.clear();
            self.clean.clear();
            self.resources.clear();
        }
    }

    /// Bytes that are held for texts that were scanned, and how many those are.
    pub(super) fn remembered(&self) -> (u64, usize) {
        self.memory.size()
    }

    /// Scans the texts of these columns.
    pub(super) fn inspect(&mut self, rows: &RecordBatch, shape: &Shape) -> Result<Inspected, ArrowError> {
        let mut out = Inspected::default();
        for column in &shape.texts {
            let Some(array) = rows.columns().get(column.at) else {
                continue;
            };
            let Some(texts) = Texts::of(array) else {
                continue;
            };
            // Plans are long, and `plan_extractor` hands on the same dictionary again and again.
            let shared = array
                .as_dictionary_opt::<Int32Type>()
                .map(DictionaryArray::values);
            match shared.filter(|_| column.kind == TextKind::Plan) {
                Some(values) => match self.clean.get(values) {
                    Some(known) => out.hits += known,
                    None => {
                        let before = (out.hits + out.misses, out.columns.len());
                        self.column(column, texts, &mut out)?;
                        if out.columns.len() == before.1 {
                            self.clean.put(values, out.hits + out.misses - before.0);
                        }
                    }
                },
                None => self.column(column, texts, &mut out)?,
            }
        }
        self.integers(rows, shape, &mut out);
        Ok(out)
    }

    fn column(
        &mut self,
        column: &TextColumn,
        texts: Texts<'_>,
        out: &mut Inspected,
    ) -> Result<(), ArrowError> {
        let mut replaced: Vec<(usize, Arc<str>)> = Vec::new();
        for at in (0..texts.values.len()).filter(|at| texts.values.is_valid(*at)) {
            let text = texts.values.value(at);
            if text.is_empty() {
                continue;
            }
            if text.len() > self.longest {
                out.unscanned += 1;
                replaced.push((at, UNSCANNED.into()));
                continue;
            }
            let key = xxh3_128_with_seed(text.as_bytes(), self.seed);
            match self.memory.get(key) {
                Some(Scanned::Clean) => out.hits += 1,
                Some(Scanned::Hit(hit)) => {
                    out.hits += 1;
                    out.count(hit);
                    replaced.push((at, Arc::clone(&hit.text)));
                }
                None => {
                    out.misses += 1;
                    let scanned = self.scan(text, column.at, &mut out.told);
                    if let Scanned::Hit(hit) = &scanned {
                        out.count(hit);
                        replaced.push((at, Arc::clone(&hit.text)));
                    }
                    self.memory.put(key, scanned);
                }
            }
        }
        if !replaced.is_empty() {
            out.replace(column.at, texts, &replaced)?;
        }
        Ok(())
    }

    /// What is in a text, but for what is allowed. The list is to be put back into `self.found`.
    fn find(&mut self, text: &str) -> Vec<Found> {
        let mut found = std::mem::take(&mut self.found);
        self.scanner.find(text, &mut found);
        if !self.allowed.is_empty() {
            found.retain(|one| {
                self.value_name(text, one)
                    .is_none_or(|name| !self.allowed.contains(&name))
            });
        }
        found
    }

    fn scan(&mut self, text: &str, column: usize, told: &mut Vec<Told>) -> Scanned {
        let found = self.find(text);
        let scanned = if found.is_empty() {
            Scanned::Clean
        } else {
            let mut counts: Vec<(Class, u64)> = Vec::new();
            for one in &found {
                add(&mut counts, one.class, 1);
            }
            for one in found.iter().take(MOST_TOLD) {
                told.extend(self.value_name(text, one).map(|value| Told {
                    class: one.class,
                    value: value.into(),
                    at: column,
                }));
            }
            let text = self.scanner.redact(text, &found, &self.action).into();
            Scanned::Hit(Arc::new(Hit { text, counts }))
        };
        self.found = found;
        scanned
    }

    /// What a value is called without being told.
    fn value_name(&self, text: &str, one: &Found) -> Option<String> {
        let value = text.get(one.start..one.end)?;
        let whole = Found {
            class: one.class,
            start: 0,
            end: value.len(),
        };
        Some(self.scanner.redact(value, &[whole], &self.namer))
    }
}

impl Inspected {
    fn count(&mut self, hit: &Hit) {
        for (class, count) in &hit.counts {
            add(&mut self.counts, *class, *count);
        }
    }

    fn add_rows(&mut self, rows: &BooleanBuffer) {
        self.rows = Some(match self.rows.take() {
            Some(before) => &before | rows,
            None => rows.clone(),
        });
    }

    /// Puts other texts in place of some of a column.
    fn replace(
        &mut self,
        at: usize,
        texts: Texts<'_>,
        replaced: &[(usize, Arc<str>)],
    ) -> Result<(), ArrowError> {
        let is_replaced = |key: usize| replaced.binary_search_by_key(&key, |(at, _)| *at).is_ok();
        let rows =
            BooleanBuffer::collect_bool(texts.keys.len(), |row| texts.key(row).is_some_and(is_replaced));
        self.add_rows(&rows);
        let mut left = replaced.iter().peekable();
        let new = (0..texts.values.len()).map(|key| {
            let other = left.next_if(|(at, _)| *at == key);
            match other {
                Some((_, text)) => Some(&**text),
                None => texts.values.is_valid(key).then(|| texts.values.value(key)),
            }
        });
        let values: StringArray = new.collect();
        let column = DictionaryArray::<Int32Type>::try_new(texts.keys.clone(), Arc::new(values))?;
        self.columns.push((at, Arc::new(column)));
        Ok(())
    }
}

fn add(counts: &mut Vec<(Class, u64)>, class: Class, more: u64) {
    match counts.iter_mut().find(|(known, _)| *known == class) {
        Some((_, count)) => *count += more,
        None => counts.push((class, more)),
    }
}
