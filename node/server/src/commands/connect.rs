//! `ringwatch validate --connect`: whether every target has what its receivers will ask for. Nothing is
//! executed.

use std::fmt::Write as _;

use anyhow::bail;
use ringwatch_catalogue::Catalogue;
use ringwatch_collect::{Finding, ReaderPlan, TargetSpec, probe, start_targets};
use ringwatch_config::Settings;

use super::client::converse;
use super::print;
use super::text::plain;
use crate::run::plan_receivers;

/// Looks at every target, and prints a line for each of its streams. The error says how many will not be
/// read.
pub(super) fn connect(settings: &Settings, catalogue: &Catalogue) -> anyhow::Result<()> {
    let plans = plan_receivers(settings, catalogue)?.plans;
    // The first one wins; a second installation can only be the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    converse(async {
        let watch = start_targets(plans).await;
        let targets = watch.receiver().borrow().to_vec();
        let findings = probe(&targets).await;
        watch.stop().await;
        let mut text = String::new();
        for target in &targets {
            lines(target, &findings, &mut text);
        }
        print(&text)?;
        let serious = findings.iter().filter(|finding| finding.serious).count();
        if serious > 0 {
            let things = if serious == 1 { "thing" } else { "things" };
            bail!("{serious} {things} that the configuration asks for cannot be read, see the lines above");
        }
        Ok(())
    })
}

/// A line for each stream of a target and for each thing that was found of it.
fn lines(target: &TargetSpec, findings: &[Finding], text: &mut String) {
    for reader in &target.readers {
        let own = |finding: &&Finding| finding.target == target.id && finding.source == reader.source;
        let own: Vec<&Finding> = findings.iter().filter(own).collect();
        let whole = own.iter().filter(|finding| finding.stream.is_none());
        let mut any = false;
        for finding in whole {
            line(target, &reader.source, finding, text);
            any = true;
        }
        if any {
            continue;
        }
        for stream in streams(&reader.plan) {
            let of_stream = own
                .iter()
                .filter(|finding| finding.stream.as_deref() == Some(&stream));
            let of_stream: Vec<_> = of_stream.collect();
            if !of_stream.iter().any(|finding| finding.serious) {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{} {stream}: ok", plain(target.id.as_str()));
            }
            for finding in of_stream {
                line(target, &stream, finding, text);
            }
        }
    }
}

fn line(target: &TargetSpec, what: &str, finding: &Finding, text: &mut String) {
    let kind = if finding.serious { "error" } else { "note" };
    let advice = finding
        .advice
        .as_ref()
        .map_or_else(String::new, |advice| format!("; {advice}"));
    let words = plain(&format!("{}{advice}", finding.message));
    let _ = writeln!(text, "{} {what}: {kind}: {words}", plain(target.id.as_str()));
}

fn streams(plan: &ReaderPlan) -> Vec<String> {
    match plan {
        ReaderPlan::Engine(plan) => plan
            .streams()
            .iter()
            .map(|planned| planned.stream.name.clone())
            .collect(),
        ReaderPlan::Sql(plan) => plan
            .queries()
            .iter()
            .map(|query| query.name().to_owned())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_collect::{SqlPlan, Wants, targets_of};
    use serde_json::json;

    use super::*;

    #[test]
    fn each_query_has_its_line_and_each_finding_too() {
        let query =
            |sql: &str| json!({ "sql": sql, "metrics": [{ "metric_name": "n", "value_column": "n" }] });
        let settings = json!({
            "driver": "postgres",
            "datasource": "postgresql://u@a:1/shop",
            "queries": [query("SELECT 1 AS n"), query("SELECT 2 AS n"), query("SELECT 3 AS n")],
        });
        let settings = serde_json::from_value(settings).unwrap();
        let wants = Wants {
            metrics: true,
            logs: false,
        };
        let plan: ReaderPlan = SqlPlan::new("sqlquery/a", &settings, wants).unwrap().into();
        let target = &targets_of(&plan)[0];
        let finding = |stream: Option<&str>, serious, message: &str| Finding {
            target: target.id.clone(),
            source: "sqlquery/a".into(),
            stream: stream.map(Into::into),
            serious,
            message: message.into(),
            advice: serious.then(|| "mend it".into()),
        };
        let mut text = String::new();
        let findings = [
            finding(Some("sqlquery/a.1"), false, "column `x` is read as NULL"),
            finding(Some("sqlquery/a.2"), true, "syntax error at character 8"),
        ];
        lines(target, &findings, &mut text);
        assert_eq!(
            text,
            "\
postgresql://a:1 sqlquery/a.0: ok
postgresql://a:1 sqlquery/a.1: ok
postgresql://a:1 sqlquery/a.1: note: column `x` is read as NULL
postgresql://a:1 sqlquery/a.2: error: syntax error at character 8; mend it
"
        );
        text.clear();
        lines(target, &[finding(None, true, "Connection refused")], &mut text);
        assert_eq!(
            text,
            "postgresql://a:1 sqlquery/a: error: Connection refused; mend it\n"
        );
    }
}
