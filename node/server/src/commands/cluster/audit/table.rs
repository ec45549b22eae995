//! The account as tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ringwatch_frame::Tick;

use super::Report;
use super::account::Totals;
use super::findings::{Finding, SHOWN};
use crate::commands::text::{aligned, plain};
use crate::telemetry::rfc3339;

/// The totals, those of each target if `targets`, and what is to be known of the nodes.
pub(super) fn report(report: &Report, targets: bool) -> String {
    let time = |nanos| rfc3339(Tick::from_unix_nanos(nanos));
    let asked = report.nodes.iter().filter(|node| node.since.is_ok());
    let asked: Vec<String> = asked.map(|node| plain(&node.node)).collect();
    let mut text = format!(
        "ticks from {} to {}, by the books of {}\n\n",
        time(report.from),
        time(report.to),
        asked.join(", ")
    );
    totals(&report.account.totals, &mut text);
    if targets {
        let _ = write!(text, "\n{}", of_targets(&report.account.targets));
    }
    let mut notes = String::new();
    for node in &report.nodes {
        let name = plain(&node.node);
        // Writing to a string cannot fail.
        let _ = match &node.since {
            Err(why) => writeln!(notes, "{name} is not in it: {}", plain(why)),
            Ok(since) if *since > report.from => {
                writeln!(notes, "the books of {name} begin at {}", time(*since))
            }
            Ok(_) => Ok(()),
        };
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    if !report.account.findings.is_empty() {
        let _ = write!(text, "\n{}", findings(&report.account.findings));
    }
    if report.account.totals.balance() {
        text.push_str("\nthe books balance\n");
    }
    text
}

fn totals(totals: &Totals, text: &mut String) {
    let rows = [
        ("due", totals.due, String::new()),
        ("collected", totals.collected, String::new()),
        ("covered", totals.covered, String::new()),
        ("missed", totals.missed(), reasons(&totals.missed)),
        ("unaccounted", totals.unknown, String::new()),
        ("delivered", totals.delivered, String::new()),
        ("dropped", totals.dropped(), reasons(&totals.dropped)),
        ("in flight", totals.in_flight, String::new()),
        ("elsewhere", totals.elsewhere, String::new()),
        ("double", totals.double, String::new()),
    ];
    for (name, count, reasons) in rows {
        let line = format!("{name:11} {count:>12}  {reasons}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn reasons(reasons: &BTreeMap<String, u64>) -> String {
    let reasons = reasons
        .iter()
        .map(|(reason, count)| format!("{} {count}", plain(reason)));
    reasons.collect::<Vec<_>>().join(", ")
}

fn of_targets(targets: &BTreeMap<String, Totals>) -> String {
    let head = [
        "TARGET",
        "DUE",
        "COLLECTED",
        "COVERED",
        "MISSED",
        "UNACCOUNTED",
        "DELIVERED",
        "DROPPED",
        "IN FLIGHT",
        "ELSEWHERE",
        "DOUBLE",
    ];
    let with = |count: u64, why: &BTreeMap<String, u64>| match count {
        0 => "0".to_owned(),
        _ => format!("{count} ({})", reasons(why)),
    };
    let rows = targets.iter().map(|(target, totals)| {
        [
            plain(target),
            totals.due.to_string(),
            totals.collected.to_string(),
            totals.covered.to_string(),
            with(totals.missed(), &totals.missed),
            totals.unknown.to_string(),
            totals.delivered.to_string(),
            with(totals.dropped(), &totals.dropped),
            totals.in_flight.to_string(),
            totals.elsewhere.to_string(),
            totals.double.to_string(),
        ]
    });
    aligned(head, &rows.collect::<Vec<_>>())
}

fn findings(findings: &[Finding]) -> String {
    let rows = findings.iter().take(SHOWN).map(|finding| {
        [
            finding.what.as_str().to_owned(),
            plain(&finding.target),
            plain(&finding.stream),
            plain(&finding.database),
            rfc3339(Tick::from_unix_nanos(finding.tick)),
            finding.count.to_string(),
        ]
    });
    let head = ["WHAT", "TARGET", "STREAM", "DATABASE", "FIRST TICK", "TICKS"];
    aligned(head, &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::account::Account;
    use super::super::findings::What;
    use super::super::{Asked, json};
    use super::*;

    fn example() -> Report {
        const SECOND: i64 = 1_000_000_000;
        let totals = Totals {
            due: 12,
            collected: 9,
            covered: 1,
            missed: [("timeout".to_owned(), 2)].into(),
            delivered: 9,
            in_flight: 1,
            ..Totals::default()
        };
        Report {
            from: 1_700_000_000 * SECOND,
            to: 1_700_000_600 * SECOND,
            nodes: vec![
                Asked {
                    node: "n1".into(),
                    since: Ok(1_700_000_300 * SECOND),
                },
                Asked {
                    node: "n2".into(),
                    since: Err("it is dead, and its books are gone".into()),
                },
            ],
            account: Account {
                targets: [("postgresql://a:1".to_owned(), totals.clone())].into(),
                totals,
                findings: Vec::new(),
            },
        }
    }

    #[test]
    fn what_does_not_balance_is_named() {
        let mut example = example();
        example.account.totals.double = 1;
        example.account.findings = vec![Finding {
            target: "postgresql://a:1".into(),
            stream: "activity".into(),
            database: String::new(),
            what: What::Double,
            tick: 1_700_000_001_000_000_000,
            count: 1,
        }];
        let text = report(&example, false);
        assert!(
            text.ends_with(
                "
WHAT    TARGET            STREAM    DATABASE  FIRST TICK                TICKS
double  postgresql://a:1  activity  -         2023-11-14T22:13:21.000Z  1
"
            ),
            "{text}"
        );
        let json = serde_json::to_value(json::report(&example)).unwrap();
        assert_eq!(json["findings"][0]["what"], "double");
        assert_eq!(json["findings"][0]["tick"], "2023-11-14T22:13:21.000Z");
    }

    #[test]
    fn the_account_is_shown_with_what_is_not_in_it() {
        assert_eq!(
            report(&example(), true),
            "\
ticks from 2023-11-14T22:13:20.000Z to 2023-11-14T22:23:20.000Z, by the books of n1

due                   12
collected              9
covered                1
missed                 2  timeout 2
unaccounted            0
delivered              9
dropped                0
in flight              1
elsewhere              0
double                 0

TARGET            DUE  COLLECTED  COVERED  MISSED         UNACCOUNTED  DELIVERED  DROPPED  IN FLIGHT  ELSEWHERE  DOUBLE
postgresql://a:1  12   9          1        2 (timeout 2)  0            9          0        1          0          0

the books of n1 begin at 2023-11-14T22:18:20.000Z
n2 is not in it: it is dead, and its books are gone

the books balance
"
        );
    }

    #[test]
    fn every_field_is_in_the_json() {
        let example = example();
        let text = serde_json::to_string(&json::report(&example)).unwrap();
        let counts = "\"due\":12,\"collected\":9,\"covered\":1,\"missed\":{\"timeout\":2},\"unknown\":0,\
                      \"delivered\":9,\"dropped\":{},\"in_flight\":1,\"elsewhere\":0,\"double\":0";
        assert_eq!(
            text,
            format!(
                "{{\"from\":\"2023-11-14T22:13:20.000Z\",\"to\":\"2023-11-14T22:23:20.000Z\",\"balanced\":true,\
                 \"totals\":{{{counts}}},\"nodes\":[{{\"node_id\":\"n1\",\"since\":\"2023-11-14T22:18:20.000Z\",\
                 \"error\":null}},{{\"node_id\":\"n2\",\"since\":null,\"error\":\"it is dead, and its books are \
                 gone\"}}],\"targets\":[{{\"target_id\":\"postgresql://a:1\",\"balanced\":true,{counts}}}],\
                 \"findings\":[]}}"
            )
        );
    }
}
