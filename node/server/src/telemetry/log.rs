//! The log, and the subscriber that log and traces share.

use std::fs::OpenOptions;
use std::io::IsTerminal as _;
use std::sync::Mutex;

use anyhow::Context as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use ringwatch_config::settings::{LogEncoding, LogLevel, LogTelemetry, Telemetry as Settings};
use ringwatch_frame::Clock;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter as _;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::json::JsonLog;
use super::otlp;

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

/// Starts the log and, where configured, the traces. Must run inside the runtime.
pub(crate) fn start_telemetry(settings: &Settings, clock: &Clock) -> anyhow::Result<Telemetry> {
    let level = match settings.logs.level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // Libraries speak of themselves only when something is wrong: a log is read for what the node does.
    let quiet = level.min(LevelFilter::WARN);
    let ours = |level| Targets::new().with_default(quiet).with_target("ringwatch", level);
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
    let spans = tracer.as_ref().map(|tracer| {
        let only_ours = Targets::new().with_target("ringwatch", LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(otlp::tracer_of(tracer))
            .with_filter(only_ours)
    });
    tracing_subscriber::registry()
        .with(log.with_filter(ours(level)))
        .with(spans)
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

fn writer(settings: &LogTelemetry) -> anyhow::Result<BoxMakeWriter> {
    let mut all: Option<BoxMakeWriter> = None;
    for path in &settings.output_paths {
        let one =
            match path.as_str() {
                "stdout" => BoxMakeWriter::new(std::io::stdout),
                "stderr" => BoxMakeWriter::new(std::io::stderr),
                path => {
                    let file = OpenOptions::new().create(true).append(true).open(path).with_context(|| {
                    format!("the log file {path} cannot be opened; see service.telemetry.logs.output_paths")
                })?;
                    BoxMakeWriter::new(Mutex::new(file))
                }
            };
        all = Some(match all {
            Some(before) => BoxMakeWriter::new(before.and(one)),
            None => one,
        });
    }
    let writer = all.unwrap_or_else(|| BoxMakeWriter::new(std::io::stderr));
    drop(writer.make_writer());
    Ok(writer)
}
