//! How fast statements are normalised: megabytes of distinct text a second, on one core.
//!
//! The statements are made up in the shapes that applications send, with names of usual length, so that no
//! two texts are alike; where the corpora are, their statements are measured too. Text and fingerprint come
//! with the tables and commands found in the same pass; `all` also makes owned names and tags of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::path::Path;

use ringwatch_parse::sql::{Dialect, Normalizer, obfuscate};

const BYTES: usize = 24 << 20;
const NAMES: [&str; 16] = [
    "orders",
    "customer_id",
    "created_at",
    "status",
    "order_items",
    "product_name",
    "users",
    "email",
    "quantity",
    "unit_price",
    "account_balance",
    "id",
    "region",
    "updated_at",
    "payment_method",
    "description",
];

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.next(NAMES.len())]
    }
}

fn columns(n: &mut Numbers, prefix: &str, count: usize) -> String {
    let all: Vec<String> = (0..count).map(|_| format!("{prefix}{}", n.name())).collect();
    all.join(", ")
}

/// One statement; `quote` is around its names.
fn statement(n: &mut Numbers, quote: &str) -> String {
    let (a, b, c) = (n.name(), n.name(), n.name());
    let (x, y) = (n.next(1 << 30), n.next(10_000));
    let mut text = String::new();
    let _ = match n.next(8) {
        0 => write!(
            text,
            "SELECT {} FROM {quote}{a}{quote} AS t1 LEFT JOIN {b} t2 ON t1.id = t2.{c} WHERE \
             t1.{a} = {x} AND t2.{b} LIKE '%name {y}%' AND t1.deleted_at IS NULL \
             ORDER BY t1.{c} DESC LIMIT {y}",
            columns(n, "t1.", 8)
        ),
        1 => {
            let list: Vec<String> = (0..n.next(40)).map(|at| (x + at).to_string()).collect();
            write!(
                text,
                "select * from {a} where {b} in ({y}, {}) and {c} >= '2024-01-{y}'",
                list.join(", ")
            )
        }
        2 => {
            let row =
                |at| format!("({x}, 'customer {at} of {a}', 'user.{at}{x}@example.com', NOW(), {y}.5, NULL)");
            let rows: Vec<String> = (0..n.next(8) + 1).map(row).collect();
            write!(
                text,
                "INSERT INTO {quote}{a}{quote} ({}) VALUES {}",
                columns(n, "", 6),
                rows.join(", ")
            )
        }
        3 => write!(
            text,
            "UPDATE {a} SET {b} = {b} + {y}, {c} = 'it''s {x}', updated_at = now() WHERE id = {x} /* \
             app='web',traceparent='00-4bf92f3577b34da6a3ce929d0e0e{y:04}-00f067aa0ba902b7-01' */"
        ),
        4 => write!(
            text,
            "WITH recent AS (SELECT {a}, count(*) AS total FROM {quote}{b}{quote} WHERE created_at > now() - \
             interval '{y} days' GROUP BY {a} HAVING count(*) > {x})\n    SELECT r.{a}, r.total, \
             coalesce(u.{c}, 'none {y}')\n    FROM recent r\n    JOIN users u ON u.id = r.{a}\n   \
             WHERE u.{c} <> 'closed'\n   ORDER BY 2 DESC"
        ),
        5 => write!(
            text,
            "INSERT INTO events (payload, created_at) VALUES ('{{\"type\": \"{a}\", \"id\": {x}, \"by\": \
             {{\"{b}\": \"{c} {y}\", \"address\": \"{y} Long Street, Springfield\"}}}}', \
             '2024-05-06T07:08:09.{y}Z') RETURNING id"
        ),
        6 => write!(
            text,
            "SELECT {} FROM {quote}{a}{quote} INNER JOIN {quote}{b}{quote} ON \
             {quote}{b}{quote}.{quote}customer_id{quote} = {quote}{a}{quote}.{quote}id{quote} WHERE \
             {quote}{b}{quote}.{quote}{c}{quote} = {x} AND {quote}{a}{quote}.{quote}status{quote} = \
             'active' LIMIT {y}",
            columns(n, &format!("{quote}{a}{quote}."), 12)
        ),
        _ => write!(
            text,
            "DELETE FROM {quote}{a}{quote} WHERE {b} < {x} AND {c} IN (SELECT {c} FROM {b} WHERE {a} = '{y}')"
        ),
    };
    text
}

/// Texts one behind the other, as they are in a column.
#[derive(Default)]
struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins
            .zip(&self.ends)
            .map(|(begin, end)| &self.bytes[begin..*end])
    }
}

fn statements(quote: &str) -> Texts {
    let mut numbers = Numbers(42);
    let mut all = Texts::default();
    while all.bytes.len() < BYTES {
        all.push(&statement(&mut numbers, quote));
    }
    all
}

/// How often the texts are gone through in one run: the system counts a thread's time in steps of milliseconds.
const PASSES: usize = 10;

/// Seconds that this thread has been on a core: other work on the machine does not count.
fn seconds_on_core() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The best of five runs, in megabytes a second. The first argument says which of the benchmarks run.
fn measure(what: &str, texts: &Texts, mut run: impl FnMut(&str) -> u64) {
    let filter = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    if filter.is_some_and(|filter| !what.contains(&filter)) {
        return;
    }
    let (bytes, count) = (texts.bytes.len(), texts.ends.len());
    let mut best = f64::MAX;
    let mut sum = 0_u64;
    for _ in 0..5 {
        let begin = seconds_on_core();
        for _ in 0..PASSES {
            sum = texts.iter().fold(0, |sum, text| sum ^ run(text));
        }
        best = best.min((seconds_on_core() - begin) / PASSES as f64);
    }
    let rate = bytes as f64 / best / 1e6;
    let each = best * 1e9 / count as f64;
    println!(
        "{what:36} {rate:7.0} MB/s  {each:6.0} ns each, {} texts of {} bytes on average  ({sum:016x})",
        count,
        bytes / count
    );
}

fn corpus() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/sql/obfuscation.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return Vec::new();
    };
    let entries = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    entries
        .map(|entry| entry["input"].as_str().unwrap().to_owned())
        .collect()
}

fn main() {
    let mut normalizer = Normalizer::default();
    for (name, dialect, quote) in [
        ("postgresql", Dialect::PostgreSql, "\""),
        ("mysql", Dialect::MySql, "`"),
    ] {
        let texts = statements(quote);
        measure(&format!("{name}: text and fingerprint"), &texts, |text| {
            normalizer.text(dialect, text).unwrap().1
        });
        measure(&format!("{name}: all"), &texts, |text| {
            normalizer.normalize(dialect, text).unwrap().fingerprint
        });
        measure(&format!("{name}: obfuscate"), &texts, |text| {
            obfuscate(dialect, text).unwrap().len() as u64
        });
    }
    let corpus = corpus();
    if !corpus.is_empty() {
        let mut repeated = Texts::default();
        for text in corpus.iter().cycle().take(corpus.len() * 2_000) {
            repeated.push(text);
        }
        measure("corpus, over and over", &repeated, |text| {
            normalizer.text(Dialect::MySql, text).map_or(0, |found| found.1)
        });
    }
}
