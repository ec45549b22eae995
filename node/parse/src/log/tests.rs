use super::*;

/// What a reader finds in a log that is given in chunks of this size.
fn read(mut reader: Reader, log: &[u8], chunk: usize) -> (Vec<Entry<'static>>, Skipped) {
    let mut found = Vec::new();
    for chunk in log.chunks(chunk) {
        reader.read(chunk, |entry| found.push(entry.into_owned()));
    }
    reader.flush(|entry| found.push(entry.into_owned()));
    assert_eq!(reader.pending(), 0);
    (found, reader.skipped())
}

const STDERR: &str = "\tthe rest of an entry\n\
2026-11-21 10:53:45.123 UTC [7] bob@shop LOG:  duration: 12.345 ms  plan:\n\
\tQuery Text: select '\n\
\t\tx'\n\
\tResult  (cost=0.00..0.01 rows=1 width=32)\n\
\t  Output: 'a\n\
\tb'::text\n\
2026-11-21 10:53:46.000 UTC [7] bob@shop LOG:  duration: 1.000 ms  statement: select 1\n\
2026-11-21 10:53:46.000 UTC [7] bob@shop ERROR:  plan:\n\
2026-11-21 10:53:47.000 UTC [8] al@shop LOG:  duration: 3.000 ms  plan:\n\
\t{\"Query Text\": \"select 1\", \"Plan\": {\"Node Type\": \"Result\"}}\n";

const CSV: &str = "  ->  Result, \"x\n\
\",,,,\n\
2026-11-21 10:53:45.123 UTC,\"bob\",\"shop\",7,\"[local]\",x.7,1,\"SELECT\",\
2026-11-21 10:00:00 UTC,2/3,0,LOG,00000,\
\"duration: 12.345 ms  plan:\nQuery Text: select \"\"a\"\"\n\
Result  (cost=0.00..0.01 rows=1 width=32)\",,,,,,,,,\"psql\",\
\"client backend\",,-42\n\
2026-11-21 10:53:46.000 CET,\"bob\",\"shop\",7,\"[local]\",x.7,2,\"SELECT\",\
2026-11-21 10:00:00 CET,2/3,0,LOG,00000,\
\"no plan:\n2026-11-21 10:53:45.123 UTC,\",,,,,,,,,\"psql\"\n\
2026-11-21 10:53:47.000 +02,,,7,\"[local]\",x.7,3,\"SELECT\",2026-11-21 10:00:00 CET,2/3,0,LOG,00000,\
\"duration: 3 ms  plan:\nQuery Text: x\nResult  (cost=0.00..0.01 rows=1 width=32)\",,,,,,,,,\"psql\"\n";

const JSON: &str = "of an entry\"}\n\
{\"timestamp\":\"2026-11-21 10:53:45.123 UTC\",\"user\":\"bob\",\"dbname\":\"shop\",\"pid\":7,\
\"error_severity\":\"LOG\",\
\"message\":\"duration: 12.345 ms  plan:\\nQuery Text: select 1\\n\
Result  (cost=0.00..0.01 rows=1 width=32)\",\
\"query_id\":-42}\n\
{\"timestamp\":\"2026-11-21 10:53:45.123 UTC\",\"message\":\"checkpoint starting: time\"}\n\
\n\
{\"message\":\"duration: 3.0 ms  plan:\\nResult\"}\n";

#[test]
fn plans_are_found_in_each_format_and_in_chunks_of_any_size() {
    for (format, log, unreadable) in [
        (LogFormat::Stderr, STDERR, 0),
        (LogFormat::Csv, CSV, 1),
        (LogFormat::Json, JSON, 1),
    ] {
        let (whole, skipped) = read(Reader::new(format), log.as_bytes(), log.len());
        assert_eq!(
            skipped,
            Skipped {
                too_large: 0,
                unreadable
            },
            "{format:?}"
        );
        assert_eq!(
            whole.iter().map(|entry| entry.duration_ms).collect::<Vec<_>>(),
            [12.345, 3.0],
            "{format:?}"
        );
        let first = &whole[0];
        assert_eq!(first.time_ms, Some(1_795_258_425_123), "{format:?}");
        assert_eq!(
            (first.user.as_deref(), first.database.as_deref()),
            (Some("bob"), Some("shop")),
            "{format:?}"
        );
        assert!(first.plan.starts_with("Query Text: select "), "{format:?}");
        for chunk in 1..40 {
            assert_eq!(
                read(Reader::new(format), log.as_bytes(), chunk),
                (whole.clone(), skipped),
                "{format:?} {chunk}"
            );
        }
    }
}

#[test]
fn what_the_log_put_into_a_plan_is_taken_out() {
    let (found, _) = read(Reader::new(LogFormat::Stderr), STDERR.as_bytes(), 7);
    let text =
        "Query Text: select '\n\tx'\nResult  (cost=0.00..0.01 rows=1 width=32)\n  Output: 'a\nb'::text";
    assert_eq!(found[0].plan, text);
    assert_eq!(
        found[1].plan,
        "{\"Query Text\": \"select 1\", \"Plan\": {\"Node Type\": \"Result\"}}"
    );
    let (found, _) = read(Reader::new(LogFormat::Csv), CSV.as_bytes(), 7);
    assert_eq!(
        found[0].plan,
        "Query Text: select \"a\"\nResult  (cost=0.00..0.01 rows=1 width=32)"
    );
    assert_eq!((found[0].query_id, found[1].query_id), (Some(-42), None));
    assert_eq!(found[1].time_ms, Some(1_795_258_427_000 - 2 * 3_600_000));
    assert_eq!((&found[1].user, &found[1].database), (&None, &None));
    let (found, _) = read(Reader::new(LogFormat::Json), JSON.as_bytes(), 7);
    assert_eq!((found[0].query_id, found[1].time_ms), (Some(-42), None));
}

#[test]
fn the_statement_is_told_in_each_format() {
    let (found, _) = read(Reader::new(LogFormat::Stderr), STDERR.as_bytes(), 100);
    let queries: Vec<_> = found
        .iter()
        .map(|entry| entry.query(&crate::plan::Limits::default()))
        .collect();
    assert_eq!(
        queries,
        [Some("select '\n\tx'".to_owned()), Some("select 1".to_owned())]
    );
}

#[test]
fn large_entries_are_skipped_and_counted_and_what_follows_is_read() {
    let long = "x".repeat(5_000);
    let stderr = format!("LOG:  duration: 1 ms  plan:\n\t{long}\nLOG:  no plan {long}\n{STDERR}");
    let csv = format!("2026-11-21 10:53:45.123 UTC,\"{long}\n\"\n{CSV}");
    let json = format!("{{\"{long}\"}}\n{JSON}");
    for (format, log) in [
        (LogFormat::Stderr, stderr),
        (LogFormat::Csv, csv),
        (LogFormat::Json, json),
    ] {
        for chunk in [1, 100, 100_000] {
            let (found, skipped) = read(Reader::new(format).with_entry_bytes(4_000), log.as_bytes(), chunk);
            assert_eq!((found.len(), skipped.too_large), (2, 1), "{format:?} {chunk}");
        }
    }
    let mut reader = Reader::new(LogFormat::Csv).with_entry_bytes(1_000);
    for _ in 0..1_000 {
        reader.read(b"2026-11-21 10:53:45 UTC,\"x\n", |_| panic!("no plan"));
        assert!(reader.pending() < 100_000);
    }
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let log = b"LOG:  duration: 1.0 ms  plan:\n\tQuery Text: \xff\xfe\n\tResult\n\xff\n";
    let (found, _) = read(Reader::new(LogFormat::Stderr), log, 3);
    assert_eq!(found[0].plan, "Query Text: \u{fffd}\u{fffd}\nResult");
}

#[test]
fn prefixes_are_read_by_their_setting() {
    let plan = "LOG:  duration: 1.0 ms  plan:\n\tResult\n";
    for (setting, before, user, database, query, time) in [
        (
            "%m [%p] %q%u@%d ",
            "2026-11-21 10:53:45.123 UTC [7] a b@c d ",
            Some("a b"),
            Some("c d"),
            None,
            true,
        ),
        (
            "%t:%r:%u@%d:[%p]:",
            "2026-11-21 10:53:45 UTC:10.0.0.1(5):bob@shop:[7]:",
            Some("bob"),
            Some("shop"),
            None,
            true,
        ),
        (
            "%n %Q %% %-8u|%8d|",
            "1795258425.123 -42 % bob     |    shop|",
            Some("bob"),
            Some("shop"),
            Some(-42),
            true,
        ),
        (
            "<%u %d %a>",
            "<[unknown] [unknown] psql>",
            None,
            None,
            None,
            false,
        ),
        (
            "other %u",
            "2026-11-21 10:53:45.123 UTC user=bob,db=shop,app=x ",
            Some("bob"),
            Some("shop"),
            None,
            true,
        ),
        ("", "", None, None, None, false),
    ] {
        let reader = Reader::new(LogFormat::Stderr).with_prefix(Prefix::new(setting));
        let (found, _) = read(reader, format!("{before}{plan}").as_bytes(), 1_000);
        let entry = &found[0];
        assert_eq!(
            (entry.user.as_deref(), entry.database.as_deref()),
            (user, database),
            "{setting}"
        );
        assert_eq!(
            (entry.query_id, entry.time_ms.is_some()),
            (query, time),
            "{setting}"
        );
    }
}
