//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use crate::commands::text::{aligned, plain, to_the_second};

/// What is so from now on.
pub(super) fn change(what: &str, answer: &v1::ChangeResponse) -> String {
    if answer.unchanged {
        format!("it was so already; version {}\n", answer.version)
    } else {
        format!("{what}; version {}\n", answer.version)
    }
}

/// The targets.
pub(super) fn watched(answer: &v1::ListWatchedResponse) -> String {
    let head = ["TARGET", "SOURCE", "RECEIVERS", "LABELS", "PROBLEM"];
    let row = |target: &v1::WatchedTarget| {
        let receivers: Vec<_> = target.receivers.iter().map(|name| plain(name)).collect();
        let mut labels: Vec<_> = target
            .labels
            .iter()
            .map(|(name, value)| format!("{}={}", plain(name), plain(value)))
            .collect();
        labels.sort();
        [
            plain(&target.target_id),
            target.source().as_str_name().to_lowercase(),
            receivers.join(" "),
            labels.join(" "),
            plain(&target.problem),
        ]
    };
    let rows: Vec<_> = answer.targets.iter().map(row).collect();
    version(answer.version) + &aligned(head, &rows)
}

/// The flags.
pub(super) fn flags(answer: &v1::ListFlagsResponse) -> String {
    let row = |flag: &v1::Flag| {
        let value = if flag.value { "on" } else { "off" };
        let by = if flag.set { "set" } else { "default" };
        [plain(&flag.name), value.into(), by.into(), plain(&flag.meaning)]
    };
    let rows: Vec<_> = answer.flags.iter().map(row).collect();
    version(answer.version) + &aligned(["FLAG", "VALUE", "BY", "MEANING"], &rows)
}

/// The limits.
pub(super) fn limits(answer: &v1::ListLimitsResponse) -> String {
    if answer.limits.is_empty() {
        return "no limit was set at run time: those of the configuration are in force\n".into();
    }
    let row = |limit: &v1::Limit| [plain(&limit.target_id), limit.queries_per_second.to_string()];
    let rows: Vec<_> = answer.limits.iter().map(row).collect();
    version(answer.version) + &aligned(["TARGET", "PER SECOND"], &rows)
}

/// What was done, the newest first.
pub(super) fn history(answer: &v1::GetHistoryResponse) -> String {
    let row = |revision: &v1::Revision| {
        [
            revision.version.to_string(),
            to_the_second(revision.time.as_ref()),
            plain(&revision.who),
            plain(&revision.what),
        ]
    };
    let rows: Vec<_> = answer.revisions.iter().map(row).collect();
    let mut text = version(answer.version) + &aligned(["VERSION", "TIME", "WHO", "WHAT"], &rows);
    let row = |action: &v1::Action| {
        [
            to_the_second(action.time.as_ref()),
            plain(&action.who),
            plain(&action.from),
            plain(&action.node),
            plain(&action.what),
        ]
    };
    let rows: Vec<_> = answer.actions.iter().map(row).collect();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\nwhat people did\n\n{}",
        aligned(["TIME", "WHO", "FROM", "NODE", "WHAT"], &rows)
    );
    text
}

fn version(version: u64) -> String {
    match version {
        0 => "nothing was ever changed at run time\n\n".to_owned(),
        version => format!("version {version}\n\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_say_where_they_come_from() {
        let target = |id: &str, source: v1::TargetSource, label: &str| v1::WatchedTarget {
            target_id: id.into(),
            receivers: vec!["postgresql/fleet".into()],
            source: source.into(),
            labels: [("team".to_owned(), label.to_owned())].into(),
            ..v1::WatchedTarget::default()
        };
        let answer = v1::ListWatchedResponse {
            version: 7,
            targets: vec![
                target("postgresql://a:1", v1::TargetSource::Configuration, "x"),
                target("postgresql://b:1", v1::TargetSource::Runtime, "\x1b"),
            ],
        };
        assert_eq!(
            watched(&answer),
            "\
version 7

TARGET            SOURCE         RECEIVERS         LABELS       PROBLEM
postgresql://a:1  configuration  postgresql/fleet  team=x       -
postgresql://b:1  runtime        postgresql/fleet  team=\\u{1b}  -
"
        );
        let flag = v1::Flag {
            name: "plans".into(),
            value: true,
            set: false,
            meaning: "why".into(),
        };
        let answer = v1::ListFlagsResponse {
            version: 0,
            flags: vec![flag],
        };
        assert_eq!(
            flags(&answer),
            "nothing was ever changed at run time\n\nFLAG   VALUE  BY       MEANING\nplans  on     default  why\n"
        );
        let done = v1::ChangeResponse {
            version: 8,
            unchanged: false,
        };
        assert_eq!(change("plans is off", &done), "plans is off; version 8\n");
    }
}
