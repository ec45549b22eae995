//! The lines below a node, as properties under the keys and of the kinds that PostgreSQL's JSON has.

use std::borrow::Cow;

use super::super::{Node, Property};
use super::names::{figure, list};

/// Lists.
const LISTS: [&str; 6] = [
    "Output",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Hash Key",
    "Conflict Arbiter Indexes",
];
/// Expressions, names and methods: texts also where they look like a number or a flag.
const TEXTS: [&str; 26] = [
    "Filter",
    "Join Filter",
    "Index Cond",
    "Hash Cond",
    "Merge Cond",
    "Recheck Cond",
    "TID Cond",
    "Order By",
    "One-Time Filter",
    "Conflict Filter",
    "Conflict Resolution",
    "Run Condition",
    "Function Call",
    "Table Function Call",
    "Cache Key",
    "Cache Mode",
    "Remote SQL",
    "Relations",
    "Window",
    "Foreign File",
    "Foreign Program",
    "Query Text",
    "Query Parameters",
    "Settings",
    "Replaces",
    "Vectorized Filter",
];

/// What tells the versions of PostgreSQL apart where their texts are the same and their keys are not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Version {
    /// 17 or later.
    pub(super) is_17: bool,
}

/// Adds what the line `key: value` says to the node.
pub(super) fn add<'a>(node: &mut Node<'a>, key: &'a str, value: &'a str, version: Version) {
    let all = &mut node.properties;
    match key {
        "Buffers" => buffers(all, value),
        "I/O Timings" => timings(all, value, version),
        "WAL" => counts(all, value, &WAL),
        "Heap Blocks" => counts(all, value, &HEAP_BLOCKS),
        "Tuples" => counts(all, value, &TUPLES),
        "Memory" => counts(all, value, &MEMORY),
        "Estimates" => counts(all, value, &ESTIMATES),
        "Sampling" => sampling(all, value),
        "Sort Method" => sort_method(all, value),
        "Buckets" => buckets(all, key, value),
        "Batches" | "Planned Partitions" => parts(all, key, value, &HASH_AGGREGATE),
        "Hits" => parts(all, key, value, &MEMOIZE),
        "Storage" => parts(all, key, value, &[]),
        "Full-sort Groups" | "Pre-sorted Groups" => sort_groups(all, key, value),
        _ => all.push((Cow::Borrowed(key), plain(key, value))),
    }
}

type All<'a> = Vec<(Cow<'a, str>, Property<'a>)>;
/// What a word of the text is called in the JSON.
type Names = [(&'static str, &'static str)];

const WAL: [(&str, &str); 4] = [
    ("records", "WAL Records"),
    ("fpi", "WAL FPI"),
    ("bytes", "WAL Bytes"),
    ("full", "WAL Buffers Full"),
];
const HEAP_BLOCKS: [(&str, &str); 2] = [("exact", "Exact Heap Blocks"), ("lossy", "Lossy Heap Blocks")];
const TUPLES: [(&str, &str); 4] = [
    ("inserted", "Tuples Inserted"),
    ("updated", "Tuples Updated"),
    ("deleted", "Tuples Deleted"),
    ("skipped", "Tuples Skipped"),
];
const MEMORY: [(&str, &str); 2] = [("used", "Memory Used"), ("allocated", "Memory Allocated")];
const ESTIMATES: [(&str, &str); 4] = [
    ("capacity", "Estimated Capacity"),
    ("keys", "Estimated Distinct Lookup Keys"),
    ("lookups", "Estimated Lookups"),
    ("percent", "Estimated Hit Percent"),
];
const HASH_AGGREGATE: [(&str, &str); 2] = [
    ("Batches", "HashAgg Batches"),
    ("Memory Usage", "Peak Memory Usage"),
];
const MEMOIZE: [(&str, &str); 5] = [
    ("Hits", "Cache Hits"),
    ("Misses", "Cache Misses"),
    ("Evictions", "Cache Evictions"),
    ("Overflows", "Cache Overflows"),
    ("Memory Usage", "Peak Memory Usage"),
];

fn named<'a>(names: &Names, word: &'a str) -> &'a str {
    names
        .iter()
        .find(|(name, _)| *name == word)
        .map_or(word, |(_, key)| key)
}

fn plain<'a>(key: &str, value: &'a str) -> Property<'a> {
    if LISTS.contains(&key) {
        return Property::Texts(list(value));
    }
    if TEXTS.contains(&key) {
        return Property::Text(Cow::Borrowed(value));
    }
    match value {
        "true" => Property::Flag(true),
        "false" => Property::Flag(false),
        _ => figure(value).map_or(Property::Text(Cow::Borrowed(value)), Property::Number),
    }
}

/// `shared hit=3 read=2, temp written=1`.
fn buffers(all: &mut All<'_>, value: &str) {
    for group in value.split(',') {
        let mut words = group.split_whitespace();
        let place = words.next().unwrap_or_default();
        for (what, number) in words.filter_map(|word| word.split_once('=')) {
            let key = match (place, what) {
                ("shared", "hit") => "Shared Hit Blocks",
                ("shared", "read") => "Shared Read Blocks",
                ("shared", "dirtied") => "Shared Dirtied Blocks",
                ("shared", "written") => "Shared Written Blocks",
                ("local", "hit") => "Local Hit Blocks",
                ("local", "read") => "Local Read Blocks",
                ("local", "dirtied") => "Local Dirtied Blocks",
                ("local", "written") => "Local Written Blocks",
                ("temp", "read") => "Temp Read Blocks",
                ("temp", "written") => "Temp Written Blocks",
                _ => continue,
            };
            all.extend(figure(number).map(|number| (Cow::Borrowed(key), Property::Number(number))));
        }
    }
}

/// `read=1.2 write=3.4`, since 15 with its places: `shared read=1.2, temp write=3.4`. The JSON tells shared
/// and local apart since 17.
fn timings(all: &mut All<'_>, value: &str, version: Version) {
    let is_17 = version.is_17 || value.contains("local ") && !value.contains("/local ");
    for group in value.split(',') {
        let mut place = "";
        for word in group.split_whitespace() {
            let Some((what, number)) = word.split_once('=') else {
                place = word;
                continue;
            };
            let key = match (place, what, is_17) {
                ("temp", "read", _) => "Temp I/O Read Time",
                ("temp", "write", _) => "Temp I/O Write Time",
                ("local", "read", _) => "Local I/O Read Time",
                ("local", "write", _) => "Local I/O Write Time",
                ("shared", "read", true) => "Shared I/O Read Time",
                ("shared", "write", true) => "Shared I/O Write Time",
                (_, "read", _) => "I/O Read Time",
                (_, "write", _) => "I/O Write Time",
                _ => continue,
            };
            all.extend(figure(number).map(|number| (Cow::Borrowed(key), Property::Number(number))));
        }
    }
}

/// `records=3 fpi=1`: what has a name.
fn counts(all: &mut All<'_>, value: &str, names: &Names) {
    for (word, number) in value.split_whitespace().filter_map(|word| word.split_once('=')) {
        let Some((_, key)) = names.iter().find(|(name, _)| *name == word) else {
            continue;
        };
        all.extend(figure(number).map(|number| (Cow::Borrowed(*key), Property::Number(number))));
    }
}

/// `Hits: 980  Misses: 20  Memory Usage: 3kB`, from the first value on.
fn parts<'a>(all: &mut All<'a>, key: &'a str, value: &'a str, names: &Names) {
    let mut key = key;
    for part in value.split("  ") {
        let value = match part.split_once(": ") {
            Some((next, value)) => {
                key = next.trim();
                value
            }
            None => part,
        };
        let key = named(names, key);
        all.push((Cow::Borrowed(key), plain(key, value.trim())));
    }
}

/// `1024 (originally 512)  Batches: 2 (originally 1)  Memory Usage: 9kB`.
fn buckets<'a>(all: &mut All<'a>, key: &'a str, value: &'a str) {
    let mut key = key;
    for part in value.split("  ") {
        let value = match part.split_once(": ") {
            Some((next, value)) => {
                key = next.trim();
                value
            }
            None => part,
        };
        let (now, before) = match value.split_once("(originally ") {
            Some((now, before)) => (now, before.trim_end_matches(')')),
            None => (value, value),
        };
        let keys = match key {
            "Buckets" => ("Hash Buckets", "Original Hash Buckets"),
            "Batches" => ("Hash Batches", "Original Hash Batches"),
            "Memory Usage" => ("Peak Memory Usage", ""),
            other => (other, ""),
        };
        for (key, value) in [(keys.0, now), (keys.1, before)] {
            if !key.is_empty() {
                all.push((Cow::Borrowed(key), plain(key, value.trim())));
            }
        }
    }
}

/// `external merge  Disk: 24kB`.
fn sort_method<'a>(all: &mut All<'a>, value: &'a str) {
    let (method, space) = value.split_once("  ").unwrap_or((value, ""));
    all.push((
        Cow::Borrowed("Sort Method"),
        Property::Text(Cow::Borrowed(method.trim())),
    ));
    let Some((kind, used)) = space.split_once(':') else {
        return;
    };
    let used = figure(used).map(|used| (Cow::Borrowed("Sort Space Used"), Property::Number(used)));
    all.extend(used);
    all.push((
        Cow::Borrowed("Sort Space Type"),
        Property::Text(Cow::Borrowed(kind.trim())),
    ));
}

/// `system ('50'::real) REPEATABLE ('0'::double precision)`.
fn sampling<'a>(all: &mut All<'a>, value: &'a str) {
    let (method, rest) = value.split_once(" (").unwrap_or((value, ""));
    all.push((
        Cow::Borrowed("Sampling Method"),
        Property::Text(Cow::Borrowed(method)),
    ));
    let (parameters, seed) = match rest.split_once(") REPEATABLE (") {
        Some((parameters, seed)) => (parameters, Some(seed.strip_suffix(')').unwrap_or(seed))),
        None => (rest.strip_suffix(')').unwrap_or(rest), None),
    };
    all.push((
        Cow::Borrowed("Sampling Parameters"),
        Property::Texts(list(parameters)),
    ));
    if let Some(seed) = seed {
        all.push((
            Cow::Borrowed("Repeatable Seed"),
            Property::Text(Cow::Borrowed(seed)),
        ));
    }
}

/// `1  Sort Methods: top-N heapsort, quicksort  Average Memory: 27kB  Peak Memory: 27kB`.
fn sort_groups<'a>(all: &mut All<'a>, group: &'a str, value: &'a str) {
    for part in value.split("  ") {
        let (key, property) = match part.split_once(": ") {
            None => ("Group Count".to_owned(), plain("", part.trim())),
            Some(("Sort Method" | "Sort Methods", methods)) => {
                ("Sort Methods Used".to_owned(), Property::Texts(list(methods)))
            }
            Some((key, size)) => {
                let (which, space) = key.split_once(' ').unwrap_or((key, ""));
                (
                    format!("Sort Space {space} {which} Sort Space Used"),
                    plain("", size.trim()),
                )
            }
        };
        all.push((Cow::Owned(format!("{group} {key}")), property));
    }
}
