//! Extension `zpages`: what the node does at this moment, as small pages on `/debug/...`.

mod html;
mod layer;
mod pipelines;
mod spans;
mod traces;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tokio::time::Instant;

use self::html::{escape, page, table};
pub(crate) use self::pipelines::Pipe;
pub(crate) use self::spans::SpanTable;
use self::traces::Wanted;

/// What the pages show.
#[derive(Clone)]
pub(crate) struct ZpagesParts {
    /// The spans, where they are recorded.
    spans: Option<SpanTable>,
    /// The pipelines.
    pipes: Arc<[Pipe]>,
    /// The node's name.
    node: String,
    /// When the node started.
    started: Instant,
}

impl ZpagesParts {
    /// What the pages of the node `node`, which started at `started`, show.
    pub(crate) fn new(spans: Option<SpanTable>, pipes: Arc<[Pipe]>, node: &str, started: Instant) -> Self {
        Self {
            spans,
            pipes,
            node: node.to_owned(),
            started,
        }
    }
}

/// The pages.
pub(super) fn router(parts: &ZpagesParts) -> Router {
    let index = get(async || Redirect::temporary("/debug/servicez"));
    Router::new()
        .route("/", index.clone())
        .route("/debug", index.clone())
        .route("/debug/", index)
        .route("/debug/tracez", get(tracez))
        .route("/debug/pipelinez", get(pipelinez))
        .route("/debug/servicez", get(servicez))
        .with_state(Arc::new(parts.clone()))
}

async fn tracez(State(parts): State<Arc<ZpagesParts>>, Query(wanted): Query<Wanted>) -> Response {
    let body = parts
        .spans
        .as_ref()
        .and_then(|spans| traces::body(spans, &wanted));
    match body {
        Some(body) => page("tracez", &body),
        None => (StatusCode::NOT_FOUND, "there are no such spans\n").into_response(),
    }
}

async fn pipelinez(State(parts): State<Arc<ZpagesParts>>) -> Response {
    page("pipelinez", &pipelines::body(&parts.pipes))
}

async fn servicez(State(parts): State<Arc<ZpagesParts>>) -> Response {
    let up = parts.started.elapsed().as_secs();
    let (hours, minutes, seconds) = (up / 3600, up / 60 % 60, up % 60);
    let rows = [
        ("node", escape(&parts.node)),
        ("version", escape(env!("CARGO_PKG_VERSION"))),
        ("up for", format!("{hours} h {minutes} min {seconds} s")),
        ("process", std::process::id().to_string()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    page("servicez", &table(&["what", "value"], rows))
}
