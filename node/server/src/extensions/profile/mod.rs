//! Extension `pprof`: CPU profiles of the process over HTTP, for `go tool pprof` and whatever reads its form.

mod encode;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use pprof::{ProfilerGuard, ProfilerGuardBuilder};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use self::encode::{Stack, Symbol, Timing, encode};

/// Samples a second of processor time. Not 100, so that it does not beat with what happens a hundred times a
/// second.
const FREQUENCY: i32 = 99;
const DEFAULT_SECONDS: u64 = 30;
const MOST_SECONDS: u64 = 120;
/// A sample that falls into one of these libraries is left out: a thread may hold a lock there that unwinding
/// its stack would wait for.
const BLOCKED: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];

const INDEX: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>Profiles</title></head><body><h1>Profiles of this node</h1>\
<ul><li><a href=\"profile?seconds=30\">profile</a>: CPU, for <code>seconds</code> (30; at most 120), \
gzipped protobuf</li></ul>\
<p><code>go tool pprof -http : http://HOST:PORT/debug/pprof/profile?seconds=30</code></p></body></html>";

#[derive(Clone)]
struct Profiles {
    /// One at a time: there is one profiler in a process.
    turn: Arc<Semaphore>,
    stop: CancellationToken,
}

#[derive(Deserialize)]
struct Wanted {
    seconds: Option<String>,
}

/// The pages. A profile under way is broken off by `stop`.
pub(super) fn router(stop: CancellationToken) -> Router {
    let profiles = Profiles {
        turn: Arc::new(Semaphore::new(1)),
        stop,
    };
    Router::new()
        .route("/debug/pprof", get(async || Html(INDEX)))
        .route("/debug/pprof/", get(async || Html(INDEX)))
        .route("/debug/pprof/profile", get(profile))
        .with_state(profiles)
}

async fn profile(State(profiles): State<Profiles>, Query(wanted): Query<Wanted>) -> Response {
    let Some(seconds) = seconds(wanted.seconds.as_deref()) else {
        let text = format!("`seconds` is a number from 1 to {MOST_SECONDS}\n");
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    let Ok(_turn) = profiles.turn.try_acquire() else {
        let text = "another profile is being made; try again when it is done\n";
        return (StatusCode::TOO_MANY_REQUESTS, text).into_response();
    };
    tokio::select! {
        done = measure(Duration::from_secs(seconds)) => match done {
            Ok(bytes) => {
                let headers = [
                    (header::CONTENT_TYPE, "application/octet-stream"),
                    (header::CONTENT_DISPOSITION, "attachment; filename=\"profile.pb.gz\""),
                ];
                (headers, bytes).into_response()
            }
            Err(error) => {
                tracing::warn!(%error, "a CPU profile could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response()
            }
        },
        () = profiles.stop.cancelled() => {
            (StatusCode::SERVICE_UNAVAILABLE, "the node is stopping\n").into_response()
        }
    }
}

fn seconds(text: Option<&str>) -> Option<u64> {
    let Some(text) = text else {
        return Some(DEFAULT_SECONDS);
    };
    text.parse()
        .ok()
        .filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
}

/// Profiles for so long. Dropped, it stops profiling.
async fn measure(time: Duration) -> anyhow::Result<Vec<u8>> {
    let begin = || {
        ProfilerGuardBuilder::default()
            .frequency(FREQUENCY)
            .blocklist(&BLOCKED)
            .build()
    };
    let guard = spawn_blocking(begin)
        .await?
        .context("the profiler could not be started")?;
    tokio::time::sleep(time).await;
    // Names of functions are looked up in the program's file, which takes a while.
    spawn_blocking(move || report(&guard, time)).await?
}

fn report(guard: &ProfilerGuard<'_>, time: Duration) -> anyhow::Result<Vec<u8>> {
    let report = guard.report().build().context("the samples could not be read")?;
    let stacks = report.data.iter().map(|(frames, count)| Stack {
        thread: frames.thread_name_or_id(),
        frames: frames
            .frames
            .iter()
            .map(|frame| frame.iter().map(symbol).collect())
            .collect(),
        count: i64::try_from(*count).unwrap_or(i64::MAX),
    });
    let start = report.timing.start_time.duration_since(std::time::UNIX_EPOCH);
    let timing = Timing {
        start: start.unwrap_or_default(),
        duration: time,
        frequency: FREQUENCY,
    };
    Ok(encode(stacks, timing)?)
}

fn symbol(symbol: &pprof::Symbol) -> Symbol {
    Symbol {
        name: symbol.name(),
        system_name: symbol.sys_name().into_owned(),
        file: symbol
            .filename
            .as_ref()
            .map(|file| file.to_string_lossy().into_owned()),
        line: symbol.lineno(),
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_profile_has_a_time_within_bounds() {
        for (text, expected) in [
            (None, Some(30)),
            (Some("1"), Some(1)),
            (Some("120"), Some(120)),
            (Some("0"), None),
            (Some("121"), None),
            (Some("-1"), None),
            (Some("1.5"), None),
            (Some("x"), None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
