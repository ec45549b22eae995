//! The checks that make the data consistent: what the compiler would do if the catalogue were code.

mod columns;
mod outputs;

use std::collections::BTreeSet;

use columns::{Columns, Names, Wanted, present, refuse};
use outputs::{check_event, check_metric};

use crate::error::{CatalogueError, Fault};
use crate::lookup::{compare_versions, majors};
use crate::model::{Cadence, Delta, EXTENSION_SCHEMA, Engine, Stream, Texts};

/// Checks a whole engine; the first fault ends it.
pub(crate) fn check_engine(engine: &Engine) -> Result<(), CatalogueError> {
    if engine.engine.is_empty() || majors(&engine.engine).is_empty() {
        let what = "an engine that the program knows, such as `postgresql`,";
        return Err(at(&engine.engine)(Fault::Missing { what }));
    }
    let mut streams = Names::new("stream");
    let mut metrics = Names::new("metric");
    for stream in &engine.streams {
        let name = &stream.name;
        prefixed(&engine.engine, name)
            .and_then(|()| streams.add(name))
            .map_err(at(name))?;
        check_stream(&engine.engine, stream).map_err(at(name))?;
        let columns = Columns::of(stream).map_err(at(name))?;
        for metric in &stream.metrics {
            let name = &metric.name;
            prefixed(&engine.engine, name)
                .and_then(|()| metrics.add(name))
                .map_err(at(name))?;
            check_metric(metric, &columns).map_err(at(name))?;
        }
        // Two streams may tell of the same: the record that a row becomes says nothing of the way to it.
        let mut events = Names::new("event");
        for event in stream.events() {
            events.add(&event.name).map_err(at(&event.name))?;
            check_event(event, &columns).map_err(at(&event.name))?;
        }
    }
    Ok(())
}

fn at(entry: &str) -> impl FnOnce(Fault) -> CatalogueError + '_ {
    move |fault| CatalogueError::Entry {
        entry: entry.to_owned(),
        fault,
    }
}

fn prefixed(engine: &str, name: &str) -> Result<(), Fault> {
    let rest = name.strip_prefix(engine).and_then(|rest| rest.strip_prefix('.'));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(()),
        _ => Err(Fault::Prefix {
            engine: engine.to_owned(),
        }),
    }
}

fn check_stream(engine: &str, stream: &Stream) -> Result<(), Fault> {
    present("the summary", !stream.summary.is_empty())?;
    present("a column", !stream.columns.is_empty())?;
    let columns = Columns::of(stream)?;
    match stream.cadence {
        Cadence::Collection => {
            present("a metric", !stream.metrics.is_empty())?;
            let per_tick =
                stream.events().next().is_some() || stream.delta.is_some() || stream.texts.is_some();
            refuse("a stream of cadence `collection` has metrics only", per_tick)?;
        }
        Cadence::Statements | Cadence::Activity | Cadence::Plans | Cadence::PlanLog => {
            present("the event", stream.events().next().is_some())?;
            refuse(
                "only a stream of cadence `collection` has metrics",
                !stream.metrics.is_empty(),
            )?;
        }
    }
    check_statements(stream)?;
    check_versions(engine, stream)?;
    stream
        .delta
        .as_ref()
        .map_or(Ok(()), |delta| check_delta(delta, &columns))?;
    stream
        .texts
        .as_ref()
        .map_or(Ok(()), |texts| check_texts(texts, stream, &columns))
}

/// The form of each statement: the mark at its front, and parameters that are all there and all used.
fn check_statements(stream: &Stream) -> Result<(), Fault> {
    for (number, variant) in (1..).zip(&stream.sql) {
        let fault = |what| Fault::Statement { number, what };
        check_text(stream, &variant.text).map_err(fault)?;
        let used = parameters(&variant.text);
        let listed = (1..=variant.params.len()).collect();
        if used != listed {
            return Err(fault("does not use `$1`, `$2`, ... as `params` lists them"));
        }
        if variant.extension_from.is_some() && stream.extension().is_none() {
            return Err(fault(
                "is for a version of an extension that the stream does not require",
            ));
        }
        if let Some(version) = &variant.extension_from
            && compare_versions(version, version).is_none()
        {
            return Err(fault(
                "has an `extension_from` that is not made of numbers and dots",
            ));
        }
    }
    Ok(())
}

/// A server's administrator sees by its beginning whose a statement is, and for which stream.
fn check_text(stream: &Stream, sql: &str) -> Result<(), &'static str> {
    if !sql.starts_with(&format!("/* ringwatch {} */", stream.name)) {
        return Err("does not begin with the comment `/* ringwatch STREAM */` that names its stream");
    }
    if sql.contains(';') {
        return Err("holds a `;`, and has to be one statement");
    }
    if sql.contains(EXTENSION_SCHEMA) && stream.extension().is_none() {
        return Err("names the schema of an extension, and the stream requires none");
    }
    Ok(())
}

/// The numbers of the parameters `$1`, `$2`, ... in a statement.
fn parameters(sql: &str) -> BTreeSet<usize> {
    let numbers = sql.split('$').skip(1);
    numbers
        .filter_map(|rest| {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.get(..digits)?.parse().ok()
        })
        .collect()
}

/// Every version has a statement, and no statement is hidden behind one that comes before it.
fn check_versions(engine: &str, stream: &Stream) -> Result<(), Fault> {
    for major in majors(engine) {
        let fitting: Vec<_> = (1..)
            .zip(&stream.sql)
            .filter(|(_, variant)| variant.fits_server(major))
            .collect();
        if fitting.is_empty() {
            return Err(Fault::NoVariant { major });
        }
        for pair in fitting.windows(2) {
            let [(first, before), (second, after)] = pair else {
                continue;
            };
            let newest_first = match (&before.extension_from, &after.extension_from) {
                (Some(before), Some(after)) => {
                    compare_versions(before, after).is_some_and(|order| order.is_gt())
                }
                (Some(_), None) => true,
                (None, _) => false,
            };
            if !newest_first {
                return Err(Fault::Variants {
                    major,
                    first: *first,
                    second: *second,
                });
            }
        }
    }
    Ok(())
}

fn check_delta(delta: &Delta, columns: &Columns<'_>) -> Result<(), Fault> {
    present("the delta's key", !delta.key.is_empty())?;
    present("a counter of the delta", !delta.counters.is_empty())?;
    let mut roles = Names::new("column in the delta's key and counters");
    for column in &delta.key {
        roles.add(column)?;
        columns.need("the delta's key", column, Wanted::Anything)?;
    }
    for column in &delta.counters {
        roles.add(column)?;
        columns.need("the delta's counters", column, Wanted::Number)?;
    }
    refuse(
        "the delta's `changed` is not one of its counters",
        !delta.counters.contains(&delta.changed),
    )?;
    for column in delta.never_falls.iter().chain(&delta.never_rises) {
        columns.need("the delta's never_falls or never_rises", column, Wanted::Number)?;
    }
    for column in delta.since.iter().chain(&delta.reset) {
        columns.need("the delta's since or reset", column, Wanted::Instant)?;
    }
    if let Some(column) = &delta.evictions {
        columns.need("the delta's evictions", column, Wanted::Whole)?;
    }
    Ok(())
}

fn check_texts(texts: &Texts, stream: &Stream, columns: &Columns<'_>) -> Result<(), Fault> {
    let Some(first) = texts.key.first() else {
        return Err(Fault::Missing {
            what: "the key of the texts",
        });
    };
    let first_key = if stream.cadence.is_of_plans() {
        Wanted::Text
    } else {
        Wanted::Whole
    };
    columns.need("the first key of the texts", first, first_key)?;
    for column in &texts.key {
        columns.need("the key of the texts", column, Wanted::Anything)?;
    }
    refuse(
        "the column of the texts is part of their key",
        texts.key.contains(&texts.column),
    )?;
    refuse(
        "texts are read for rows of a delta or of plans only",
        stream.delta.is_none() && !stream.cadence.is_of_plans(),
    )?;
    check_text(stream, &texts.sql).map_err(|what| Fault::Statement { number: 0, what })?;
    let one = BTreeSet::from([1]);
    refuse(
        "the statement of the texts has to use `$1` and no other",
        parameters(&texts.sql) != one,
    )
}
