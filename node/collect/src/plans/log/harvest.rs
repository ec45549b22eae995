//! Bytes of a log to plans that may leave. It takes its time, so it runs where it holds nobody up.

use std::collections::HashMap;

use ringwatch_parse::log::{Entry, Prefix, Reader};
use ringwatch_parse::sql::truncate_chars;
use tokio::time::Instant;

use super::super::proof::{OURS, scrubbed};
use super::super::reason::Reason;
use super::cursor::Cursors;
use super::files::Chunk;
use super::format_of;

/// How long each file was when it was read last, with an entry at its end that may not be whole.
pub(super) type Sizes = HashMap<(u64, String), u64>;

/// What came of the bytes.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    /// The plans.
    pub(super) found: Vec<Found>,
    /// Where reading goes on: before what is not whole.
    pub(super) cursors: Cursors,
    pub(super) sizes: Sizes,
    /// Plans that must not leave.
    pub(super) failures: HashMap<Reason, u64>,
}

/// A plan in the log.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) database: Option<String>,
    pub(super) user: Option<String>,
    pub(super) query_id: Option<i64>,
    pub(super) duration_ms: f64,
    /// When it was written down, in nanoseconds since the Unix epoch, where the log tells it.
    pub(super) at: Option<i64>,
    /// Scrubbed.
    pub(super) plan: String,
    pub(super) hash: u64,
    /// With its literals.
    pub(super) query: Option<String>,
}

/// Reads `chunks`, at whose ends `cursors` stand. Plans that are still to be read at `until` are only counted.
pub(super) fn harvest(
    chunks: Vec<Chunk>,
    mut cursors: Cursors,
    sizes: &Sizes,
    prefix: &Prefix,
    most_of_plan: usize,
    until: Instant,
) -> Harvest {
    let mut harvest = Harvest::default();
    for chunk in chunks {
        let mut reader = Reader::new(format_of(&chunk.file)).with_prefix(prefix.clone());
        reader.read(&chunk.bytes, |entry| harvest.take(entry, most_of_plan, until));
        let end = chunk.offset + chunk.bytes.len() as u64;
        let key = (chunk.identity, chunk.file);
        let pending = reader.pending();
        // An entry ends where the next one begins. When nothing came since the last reading, it is whole.
        let is_whole = chunk.ended || sizes.get(&key) == Some(&end);
        let is_all = pending >= chunk.bytes.len() && chunk.bytes.len() >= super::ENDLESS;
        if pending == 0 {
            // It ends where an entry does.
        } else if is_whole {
            reader.flush(|entry| harvest.take(entry, most_of_plan, until));
        } else if is_all {
            harvest.lose(Reason::TooLarge, 1);
        } else {
            harvest.sizes.insert(key.clone(), end);
            cursors.0.insert(key, end - pending as u64);
        }
        harvest.lose(Reason::TooLarge, reader.skipped().too_large);
    }
    harvest.cursors = cursors;
    harvest
}

impl Harvest {
    /// Counts plans that do not leave.
    fn lose(&mut self, reason: Reason, plans: u64) {
        if plans > 0 {
            *self.failures.entry(reason).or_default() += plans;
        }
    }

    fn take(&mut self, entry: Entry<'_>, most_of_plan: usize, until: Instant) {
        if is_ours(&entry.plan) {
            return;
        }
        if Instant::now() >= until {
            return self.lose(Reason::Timeout, 1);
        }
        match scrubbed(&entry.plan, most_of_plan) {
            Ok(scrubbed) => self.found.push(Found {
                database: entry.database.map(Into::into),
                user: entry.user.map(Into::into),
                query_id: entry.query_id,
                duration_ms: entry.duration_ms,
                at: entry.time_ms.and_then(|ms| ms.checked_mul(1_000_000)),
                plan: scrubbed.plan,
                hash: scrubbed.hash,
                query: scrubbed.query,
            }),
            Err(reason) => self.lose(reason, 1),
        }
    }
}

/// Whether a plan is of a statement of ours: each begins with a comment that says so, and the statement stands before
/// the plan in every format.
fn is_ours(plan: &str) -> bool {
    /// How far from the begin the statement stands at most.
    const HEAD: usize = 300;
    truncate_chars(plan, HEAD).contains(OURS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LINE: &str = "2026-01-02 03:04:06.000 UTC [77] LOG:  x\n";

    const PLAN: &str = "2026-01-02 03:04:05.678 UTC [77] app=psql user=app db=shop LOG:  duration: 12.345 ms  plan:\n\
        \tQuery Text: select * from t where id = 4711\n\
        \tSeq Scan on t  (cost=0.00..35.50 rows=10 width=4)\n\
        \t  Filter: (id = 4711)\n";

    #[test]
    fn plans_of_our_own_statements_are_left_out() {
        for (plan, ours) in [
            (
                "Query Text: /* ringwatch postgresql.statements */ select 1\nResult  (cost=0.00..0.01 rows=1 width=4)",
                true,
            ),
            (
                r#"{ "Query Text": "/* ringwatch */ select 1", "Plan": { "Node Type": "Result" } }"#,
                true,
            ),
            (
                "Query Text: select 1\nResult  (cost=0.00..0.01 rows=1 width=4)",
                false,
            ),
        ] {
            assert_eq!(is_ours(plan), ours, "{plan}");
        }
    }

    fn chunk(offset: u64, text: &str) -> (Vec<Chunk>, Cursors) {
        let chunk = Chunk {
            identity: 7,
            file: "a.log".into(),
            offset,
            bytes: text.into(),
            ended: false,
        };
        let mut cursors = Cursors::default();
        cursors.0.insert((7, "a.log".into()), offset + text.len() as u64);
        (vec![chunk], cursors)
    }

    fn read(offset: u64, text: &str, sizes: &Sizes) -> Harvest {
        let (chunks, cursors) = chunk(offset, text);
        let until = Instant::now() + Duration::from_secs(600);
        harvest(chunks, cursors, sizes, &Prefix::unknown(), 500_000, until)
    }

    fn lost(harvest: &Harvest) -> Vec<(Reason, u64)> {
        harvest
            .failures
            .iter()
            .map(|(reason, plans)| (*reason, *plans))
            .collect()
    }

    #[test]
    fn entries_that_are_too_long_are_counted() {
        let filter = "x".repeat(Reader::ENTRY_BYTES);
        let long = PLAN.replace("4711", &filter);
        let whole = read(0, &format!("{long}{PLAN}{LINE}"), &Sizes::default());
        assert_eq!(
            (whole.found.len(), lost(&whole)),
            (1, vec![(Reason::TooLarge, 1)])
        );
        let endless = read(0, &long, &Sizes::default());
        assert_eq!(lost(&endless), [(Reason::TooLarge, 1)]);
        assert!(endless.sizes.is_empty(), "it is not waited for");
    }

    #[test]
    fn what_is_left_when_time_is_up_is_counted_unread() {
        let (chunks, cursors) = chunk(0, &format!("{PLAN}{PLAN}{LINE}"));
        let until = Instant::now();
        let sizes = Sizes::default();
        let harvest = harvest(chunks, cursors, &sizes, &Prefix::unknown(), 500_000, until);
        assert!(harvest.found.is_empty());
        assert_eq!(lost(&harvest), [(Reason::Timeout, 2)]);
    }

    #[test]
    fn the_last_entry_is_told_when_the_next_one_comes_or_none() {
        let first = read(100, PLAN, &Sizes::default());
        assert!(first.found.is_empty());
        let at = |harvest: &Harvest| harvest.cursors.0.values().next().copied().unwrap();
        assert_eq!(at(&first), 100, "it goes on before what may not be whole");

        let next = format!("{PLAN}2026-01-02 03:04:06.000 UTC [77] LOG:  x\n");
        let told = read(100, &next, &first.sizes);
        assert_eq!(told.found.len(), 1);
        let again = read(100, PLAN, &first.sizes);
        assert_eq!(again.found.len(), 1, "nothing came for a while");
        assert_eq!(at(&again), 100 + PLAN.len() as u64);
        let found = &again.found[0];
        assert_eq!(
            (found.database.as_deref(), found.user.as_deref()),
            (Some("shop"), Some("app"))
        );
        assert!(!found.plan.contains("4711"), "{}", found.plan);
        assert!(found.query.as_ref().is_some_and(|query| query.contains("4711")));
        assert!((found.duration_ms - 12.345).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_scrubbed_does_not_leave_and_is_counted() {
        let text = PLAN.replace(
            "Seq Scan on t  (cost=0.00..35.50 rows=10 width=4)",
            "no plan at all",
        );
        let next = format!("{text}2026-01-02 03:04:06.000 UTC [77] LOG:  x\n");
        let harvest = read(0, &next, &Sizes::default());
        assert!(harvest.found.is_empty());
        assert_eq!(harvest.failures.values().sum::<u64>(), 1);
    }
}
