//! `ringwatch catalogue ...`.

use std::fmt::Write as _;

use anyhow::bail;
use ringwatch_catalogue::Catalogue;
use ringwatch_catalogue::listing::{self, StreamLine, StreamSheet};

use super::print;
use crate::cli::{CatalogueCommand, Output};

/// `ringwatch catalogue list` and `ringwatch catalogue show STREAM`.
pub(crate) fn catalogue(what: &CatalogueCommand) -> anyhow::Result<()> {
    let catalogue = Catalogue::embedded()?;
    let engines = catalogue.engines();
    match what {
        CatalogueCommand::List { output } => {
            let lines: Vec<StreamLine> = engines.iter().flat_map(listing::list).collect();
            match output {
                Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&lines)?)),
                Output::Table => print(&table(&lines)),
            }
        }
        CatalogueCommand::Show { stream, output } => {
            let Some(found) = engines.iter().find_map(|engine| engine.stream(stream)) else {
                let known: Vec<&str> = engines
                    .iter()
                    .flat_map(|engine| engine.streams.iter().map(|s| s.name.as_str()))
                    .collect();
                bail!("no stream is called `{stream}`; there are {}", known.join(", "));
            };
            let sheet = listing::sheet(found);
            match output {
                Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&sheet)?)),
                Output::Table => print(&page(&sheet)),
            }
        }
    }
}

/// Streams, and under each its metrics; `*` marks those that are on by default.
fn table(lines: &[StreamLine]) -> String {
    let mut text = String::new();
    for line in lines {
        let needs = if line.requires.is_empty() {
            String::new()
        } else {
            format!("; needs {}", line.requires.join(", "))
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}  (each {}, every `{}`, versions {}{needs})",
            line.stream, line.scope, line.cadence, line.versions
        );
        let _ = writeln!(text, "    {}", line.summary);
        for metric in &line.metrics {
            let _ = writeln!(
                text,
                "  {} {}",
                if metric.enabled { '*' } else { ' ' },
                metric.name
            );
        }
        for event in line.event.iter().chain(&line.further_events) {
            let _ = writeln!(text, "  > {event}");
        }
    }
    text.push_str(
        "\n* on by default   > a log record per row   `ringwatch catalogue show STREAM` says more\n",
    );
    text
}

fn page(sheet: &StreamSheet) -> String {
    let mut text = format!(
        "{}\n{}\n\nread     once in each {}\ninterval `{}`\n",
        sheet.stream, sheet.summary, sheet.scope, sheet.cadence
    );
    if !sheet.requires.is_empty() {
        let _ = writeln!(text, "needs    {}", sheet.requires.join(", "));
    }
    text.push_str("\nColumns\n");
    for column in &sheet.columns {
        let _ = writeln!(text, "  {:24} {:7} {}", column.name, column.kind, column.summary);
    }
    if !sheet.metrics.is_empty() {
        text.push_str("\nMetrics (* on by default)\n");
    }
    for metric in &sheet.metrics {
        let mark = if metric.enabled { '*' } else { ' ' };
        let grows = if metric.monotonic { " monotonic" } else { "" };
        let delta = metric
            .aggregation
            .filter(|way| *way == "delta")
            .map_or("", |_| " delta");
        let _ = writeln!(
            text,
            "{mark} {} [{}] {}{grows}{delta} {}: {}",
            metric.name, metric.unit, metric.kind, metric.value_type, metric.description
        );
        for (name, values) in &metric.attributes {
            let values = if values.is_empty() {
                String::new()
            } else {
                format!(" = {}", values.join(" | "))
            };
            let _ = writeln!(text, "      {name}{values}");
        }
    }
    for event in sheet.event.iter().chain(&sheet.further_events) {
        let only = event
            .only
            .as_ref()
            .map_or_else(String::new, |only| format!(" (rows with {only})"));
        let _ = writeln!(text, "\nRecord {}{only}: {}", event.name, event.description);
        for (place, column) in &event.places {
            let _ = writeln!(text, "  {place:44} {column}");
        }
        for attribute in &event.attributes {
            let from = attribute
                .column
                .as_deref()
                .or(attribute.value.as_deref())
                .unwrap_or_default();
            let _ = writeln!(text, "  {:44} {from}", attribute.key);
        }
    }
    for statement in &sheet.sql {
        let extension = statement
            .extension_from
            .as_ref()
            .map_or_else(String::new, |v| format!(", extension {v} on"));
        let _ = writeln!(
            text,
            "\nSQL, versions {}{extension}\n{}",
            statement.versions,
            statement.sql.trim_end()
        );
    }
    if let Some(sql) = &sheet.texts_sql {
        let _ = writeln!(text, "\nSQL of texts not seen before\n{}", sql.trim_end());
    }
    text
}
