//! The log, and the subscriber that log and traces share.

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::sync::Mutex;

use anyhow::Context as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use ringwatch_config::settings::{LogEncoding, LogLevel, LogTelemetry, Telemetry as Settings};
use ringwatch_frame::Clock;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter as _;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::json::JsonLog;
use super::otlp;
use crate::extensions::SpanTable;

/// The log and the traces of the node, until it stops.
pub(crate) struct Telemetry {
    tracer: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sends the spans that still wait.
    pub(crate) fn stop(self) {
        if let Some(tracer) = self.tracer
            && let Err(error) = tracer.shutdown_with_timeout(std::time::Duration::from_secs(2))
        {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Starts the log and, where configured, the traces; `table` records spans too. Must run inside the runtime.
pub(crate) fn start_telemetry(
    settings: &Settings,
    clock: &Clock,
    table: Option<&SpanTable>,
) -> anyhow::Result<Telemetry> {
    let level = match settings.logs.level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // Libraries speak of themselves only when something is wrong: a log is read for what the node does.
    let quiet = level.min(LevelFilter::WARN);
    // What openraft takes for an error is a peer that is away; what matters of the group we say ourselves.
    let raft = if level >= LevelFilter::DEBUG {
        quiet
    } else {
        LevelFilter::OFF
    };
    let ours = |level| {
        Targets::new()
            .with_default(quiet)
            .with_target("openraft", raft)
            .with_target("ringwatch", level)
    };
    let log = match settings.logs.encoding {
        LogEncoding::Json => {
            let fields = settings.logs.initial_fields.clone().into_iter().collect();
            JsonLog::new(writer(&settings.logs)?, fields, clock.clone()).boxed()
        }
        LogEncoding::Console => {
            let only_terminal = settings.logs.output_paths == ["stderr"] && std::io::stderr().is_terminal();
            tracing_subscriber::fmt::layer()
                .with_writer(writer(&settings.logs)?)
                .with_ansi(only_terminal)
                .boxed()
        }
    };
    let tracer = otlp::tracer(&settings.traces)?;
    // The exporter of spans speaks gRPC itself: spans of the libraries would make it trace its own work.
    let only_ours = || Targets::new().with_target("ringwatch", LevelFilter::INFO);
    let spans = tracer.as_ref().map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(otlp::tracer_of(tracer))
            .with_filter(only_ours())
    });
    let table = table.map(|table| table.layer(clock).with_filter(only_ours()));
    tracing_subscriber::registry()
        .with(log.with_filter(ours(level)))
        .with(spans)
        .with(table)
        .try_init()
        .context("the log could not be started")?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(
            place,
            "a part of the node panicked: this is a defect of Ringwatch, please report it"
        );
    }));
    Ok(Telemetry { tracer })
}

/// Every line goes to the output paths, and errors besides to those of errors.
fn writer(settings: &LogTelemetry) -> anyhow::Result<BoxMakeWriter> {
    let mut all: Option<BoxMakeWriter> = None;
    let mut add = |one: BoxMakeWriter| {
        all = Some(match all.take() {
            Some(before) => BoxMakeWriter::new(before.and(one)),
            None => one,
        });
    };
    for path in &settings.output_paths {
        add(open(path)?);
    }
    let errors = settings.error_output_paths.iter();
    for path in errors.filter(|path| !settings.output_paths.contains(path)) {
        add(BoxMakeWriter::new(open(path)?.with_max_level(Level::ERROR)));
    }
    let writer = all.unwrap_or_else(|| BoxMakeWriter::new(std::io::stderr));
    drop(writer.make_writer());
    Ok(writer)
}

fn open(path: &str) -> anyhow::Result<BoxMakeWriter> {
    Ok(match path {
        "stdout" => BoxMakeWriter::new(std::io::stdout),
        "stderr" => BoxMakeWriter::new(std::io::stderr),
        path => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.with_context(|| {
                format!("the log file {path} cannot be opened; see service.telemetry.logs")
            })?;
            BoxMakeWriter::new(Mutex::new(file))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_go_to_a_file_of_their_own_besides_and_each_line_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (all, errors) = (path("all"), path("errors"));
        let settings = LogTelemetry {
            output_paths: vec![all.clone()],
            error_output_paths: vec![all.clone(), errors.clone()],
            ..LogTelemetry::default()
        };
        let clock = Clock::simulated(ringwatch_frame::Tick::from_unix_nanos(0));
        let log = JsonLog::new(writer(&settings).unwrap(), Vec::new(), clock);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            tracing::info!("fine");
            tracing::error!("bad");
        });
        let lines = |path: &str| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&all), lines(&errors)), (2, 1));
        let nowhere = LogTelemetry {
            error_output_paths: vec![path("no/such/folder")],
            ..LogTelemetry::default()
        };
        assert!(writer(&nowhere).is_err());
    }
}
