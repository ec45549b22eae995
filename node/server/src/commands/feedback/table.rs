//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use crate::commands::text::{aligned, dash, plain, to_the_second};

/// Each processor, a line for each thing that is known of it.
pub(super) fn status(answer: &v1::GetVerificationResponse) -> String {
    if answer.processors.is_empty() {
        return "no pipeline of this node has a verification\n".into();
    }
    let mut text = String::new();
    for one in &answer.processors {
        let quality = one
            .quality_score
            .map(|score| format!("{score:.3} ({})", plain(&one.quality_stream)));
        let lines = [
            ("quality", quality.unwrap_or_default()),
            ("findings", one.findings.to_string()),
            (
                "anomalies",
                format!("{} of {} statements", one.anomalies, one.series),
            ),
            ("fixes", format!("{} of {}", one.fixes, one.fixes_limit)),
            ("slowest batch", format!("{:.1} ms", one.slowest_ms)),
            ("values let through", one.allowed_values.to_string()),
            ("checks silent", one.muted_checks.to_string()),
            ("statements raised", one.raised_series.to_string()),
            ("faults", plain(&one.faults.join("; "))),
        ];
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", plain(&one.name));
        for (what, value) in lines {
            let _ = writeln!(text, "  {what:<18}  {}", dash(&value));
        }
    }
    text
}

/// What was found.
pub(super) fn findings(answer: &v1::ListFindingsResponse) -> String {
    let row = |finding: &v1::VerificationFinding| {
        [
            plain(&finding.id),
            plain(&finding.check),
            plain(&finding.target_id),
            plain(&finding.stream),
            to_the_second(finding.since.as_ref()),
            finding.rows.to_string(),
            dash(&plain(&finding.verdict)).to_owned(),
            plain(&finding.subject),
            plain(&finding.message),
        ]
    };
    let rows: Vec<_> = answer.findings.iter().map(row).collect();
    let mut text = if rows.is_empty() {
        "nothing was found\n".into()
    } else {
        let head = [
            "ID", "CHECK", "TARGET", "STREAM", "SINCE", "ROWS", "VERDICT", "ABOUT", "WHAT",
        ];
        aligned(head, &rows)
    };
    if !answer.silent.is_empty() {
        let silent: Vec<_> = answer.silent.iter().map(|node| plain(node)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\nno answer in time from {}", silent.join(", "));
    }
    text
}

/// What feedback changes.
pub(super) fn feedback(answer: &v1::GiveFeedbackResponse) -> String {
    let Some(finding) = &answer.finding else {
        return String::new();
    };
    let subject = plain(&finding.subject);
    match (finding.verdict.as_str(), finding.check.as_str()) {
        ("wrong", "anomaly") => format!("taken: {subject} needs more evidence for a while\n"),
        ("wrong", "pii") => format!("taken: this value is not hidden any more ({subject})\n"),
        ("wrong", check) => {
            let (check, stream) = (plain(check), plain(&finding.stream));
            format!("taken: {check} is silent about {subject} of {stream} for a time\n")
        }
        _ => "taken: what was said against it before does not count any more\n".into(),
    }
}
