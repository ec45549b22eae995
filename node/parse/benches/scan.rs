//! How fast texts are searched for personal data: megabytes of distinct text a second, on one core.
//!
//! The texts are made up in the forms that the pipeline sees: statements after their literals are gone, plans
//! as JSON and as text, lines of a server's log, and lines of which each holds something that is found.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;

use ringwatch_parse::scan::Scanner;

const BYTES: usize = 24 << 20;
/// How often the texts are gone through in one run: the system counts a thread's time in steps of
/// milliseconds.
const PASSES: usize = 4;
const NAMES: [&str; 12] = [
    "orders",
    "customer_id",
    "created_at",
    "status",
    "order_items",
    "product_name",
    "users",
    "email",
    "unit_price",
    "account_balance",
    "region_2",
    "payment_method",
];

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.next(NAMES.len() as u64) as usize]
    }
}

fn statement(n: &mut Numbers, text: &mut String) {
    let (a, b, c, d) = (n.name(), n.name(), n.name(), n.name());
    let x = n.next(10_000);
    let _ = match n.next(4) {
        0 => write!(
            text,
            "SELECT t1.{a}, t1.{b}, t2.{c} FROM {d} AS t1 LEFT JOIN {a}_{x} t2 ON t1.id = t2.{c} WHERE t1.{a} = ? \
             AND t2.{b} LIKE ? AND t1.deleted_at IS NULL ORDER BY t1.{c} DESC LIMIT ?"
        ),
        1 => write!(
            text,
            "UPDATE {a}_{x} SET {b} = {b} + $1, updated_at = now() WHERE id = $2 AND {c} <> $3"
        ),
        2 => write!(
            text,
            "WITH recent AS ( SELECT {a}, count ( * ) AS total FROM {b}_{x} WHERE created_at > now ( ) - interval ? \
             GROUP BY {a} HAVING count ( * ) > ? ) SELECT r.{a}, r.total, coalesce ( u.{c}, ? ) FROM recent r JOIN \
             {d} u ON u.id = r.{a}"
        ),
        _ => write!(
            text,
            "INSERT INTO {a}_{x} ( {b}, {c}, {d} ) VALUES ( ?, ?, ? ) ON CONFLICT ( id ) DO NOTHING"
        ),
    };
}

fn plan_json(n: &mut Numbers, text: &mut String) {
    text.push_str("[\n  {\n    \"Plan\": {\n      \"Node Type\": \"Nested Loop\",\n      \"Plans\": [");
    for _ in 0..6 {
        let (a, b) = (n.name(), n.name());
        let (cost, rows, hits) = (n.next(10_000_000), n.next(1_000_000), n.next(1 << 31));
        let _ = write!(
            text,
            "\n        {{\n          \"Node Type\": \"Index Scan\",\n          \"Parent Relationship\": \"Outer\",\n          \
             \"Index Name\": \"{a}_pkey\",\n          \"Relation Name\": \"{a}\",\n          \"Alias\": \"{a}_1\",\n          \
             \"Startup Cost\": {}.{:02},\n          \"Total Cost\": {cost}.43,\n          \"Plan Rows\": {rows},\n          \
             \"Plan Width\": 244,\n          \"Actual Rows\": {rows}.00,\n          \"Index Cond\": \"(({a}.{b})::text = \
             ($1)::text)\",\n          \"Shared Hit Blocks\": {hits},\n          \"Shared Read Blocks\": {rows}\n        }},",
            cost / 7,
            cost % 100
        );
    }
    text.push_str("\n      ]\n    }\n  }\n]");
}

fn plan_text(n: &mut Numbers, text: &mut String) {
    for level in 0..8 {
        let (a, b) = (n.name(), n.name());
        let (cost, rows) = (n.next(10_000_000), n.next(1_000_000));
        let _ = write!(
            text,
            "{:level$}->  Index Scan using {a}_pkey on {a} t{level}  (cost={}.{:02}..{cost}.78 rows={rows} width=244) \
             (actual time={}.{:03}..{}.512 rows={rows} loops=1)\n{:level$}      Filter: (({a}.{b})::text = $1)\n",
            "",
            cost / 3,
            cost % 100,
            rows / 9,
            rows % 1000,
            rows / 4,
            ""
        );
    }
}

fn log_line(n: &mut Numbers, text: &mut String) {
    let (a, b) = (n.name(), n.name());
    let (x, y, process) = (n.next(1 << 30), n.next(60), n.next(1 << 22));
    let _ = match n.next(3) {
        0 => write!(
            text,
            "2024-05-06 07:08:{y:02}.{:03} UTC [{process}] app@{a} LOG:  duration: {}.{y:03} ms  execute <unnamed>: SELECT \
             {b} FROM {a} WHERE id = $1",
            x % 1000,
            x % 7919
        ),
        1 => write!(
            text,
            "2024-05-06T07:08:{y:02}.{:06}Z {process} [Note] [MY-010914] Aborted connection {process} to db: '{a}' user: '{b}' \
             (Got timeout reading communication packets)",
            x % 1_000_000
        ),
        _ => write!(
            text,
            "2024-05-06 07:08:{y:02} UTC [{process}] LOG:  checkpoint complete: wrote {process} buffers (10.9%); 0 WAL file(s) \
             added, 22 removed; write=215.{y}5 s, sync=0.014 s; distance={x} kB, lsn=1A/{x:X}"
        ),
    };
}

fn with_data(n: &mut Numbers, text: &mut String) {
    let x = n.next(1 << 30);
    let _ = write!(
        text,
        "level=info msg=\"order placed\" customer=name{x}@shop{}.example.com addr=10.{}.3.{} phone=\"+1 415 555 {:04}\" \
         note=\"left at the door, will be back for the other parcel on another day\"",
        x % 97,
        x % 250,
        x % 199,
        x % 10_000
    );
}

/// Texts one behind the other, as they are in a column.
fn texts(make: fn(&mut Numbers, &mut String)) -> (String, Vec<usize>) {
    let mut numbers = Numbers(42);
    let (mut bytes, mut ends) = (String::new(), Vec::new());
    while bytes.len() < BYTES {
        make(&mut numbers, &mut bytes);
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// Seconds that this thread has been on a core: other work on the machine does not count.
fn seconds_on_core() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The best and the median of seven runs, in megabytes a second.
fn measure(what: &str, (bytes, ends): &(String, Vec<usize>), mut run: impl FnMut(&str) -> usize) {
    let filter = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    if filter.is_some_and(|filter| !what.contains(&filter)) {
        return;
    }
    let mut rates = Vec::new();
    let mut found = 0;
    for _ in 0..7 {
        let begin = seconds_on_core();
        for _ in 0..PASSES {
            found = 0;
            let mut from = 0;
            for end in ends {
                found += run(&bytes[from..*end]);
                from = *end;
            }
        }
        rates.push(bytes.len() as f64 * PASSES as f64 / (seconds_on_core() - begin) / 1e6);
    }
    rates.sort_by(f64::total_cmp);
    println!(
        "{what:28} {:6.0} MB/s  median {:6.0}  {} texts of {} bytes on average, {found} found",
        rates[6],
        rates[3],
        ends.len(),
        bytes.len() / ends.len()
    );
}

fn main() {
    let scanner = Scanner::default();
    let mut found = Vec::new();
    for (what, make) in [
        ("statements", statement as fn(&mut Numbers, &mut String)),
        ("plans as JSON", plan_json),
        ("plans as text", plan_text),
        ("log lines", log_line),
        ("log lines, three in each", with_data),
    ] {
        measure(what, &texts(make), |text| {
            scanner.find(text, &mut found);
            found.len()
        });
    }
}
