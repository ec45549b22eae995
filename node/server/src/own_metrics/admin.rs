//! `/admin/...` beside the node's own metrics: turns the circuits of databases by hand, for whoever has the
//! token.

use std::sync::{Arc, OnceLock};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ringwatch_config::Secret;
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tonic::{Code, Status};

use crate::circuits::Desk;
use crate::commands::{breaker_json, breakers_json};

/// What the admin may do, and who is one.
#[derive(Clone)]
pub(crate) struct Admin {
    token: Option<Secret>,
    desk: Arc<OnceLock<Desk>>,
}

impl Admin {
    /// Whoever has the token; nobody without one.
    pub(crate) fn new(token: Option<Secret>) -> Self {
        Self {
            token: token.filter(|token| !token.expose().is_empty()),
            desk: Arc::default(),
        }
    }

    /// From now on circuits can be turned.
    pub(crate) fn open(&self, desk: Desk) {
        // It is opened once.
        let _ = self.desk.set(desk);
    }

    /// The routes.
    pub(super) fn router(&self) -> Router {
        Router::new()
            .route("/admin/circuit/status", get(status))
            .route("/admin/circuit/reset", post(reset))
            // Only what is here: whoever mistypes `/metrics` is not asked for a token.
            .route_layer(from_fn_with_state(self.clone(), admit))
            .with_state(self.clone())
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let Some(token) = &self.token else {
            let text = "nobody may change this node over HTTP: set `admin.token` in its configuration";
            return Some(failure(StatusCode::FORBIDDEN, text));
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let given = given.and_then(bearer).unwrap_or_default();
        // Where it differs cannot be told from the time that this takes.
        if bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())) {
            return None;
        }
        let text = "send the token of `admin.token` as `Authorization: Bearer TOKEN`";
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        Some((challenge, failure(StatusCode::UNAUTHORIZED, text)).into_response())
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn admit(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    match admin.refusal(request.headers()) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    }
}

#[derive(Deserialize)]
struct Wanted {
    database: Option<String>,
}

async fn reset(State(admin): State<Admin>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let name = wanted.ok().and_then(|Query(wanted)| wanted.database);
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return failure(
            StatusCode::BAD_REQUEST,
            "say which circuit, and one only: `?database=NAME`",
        );
    };
    let Some(desk) = admin.desk.get() else {
        return starting();
    };
    match desk.reset(&name, false).await {
        Ok(breaker) => Json(json!(breaker_json(&breaker))).into_response(),
        Err(status) => failure(code_of(&status), status.message()),
    }
}

async fn status(State(admin): State<Admin>) -> Response {
    match admin.desk.get() {
        Some(desk) => Json(json!(breakers_json(&desk.list(false).await))).into_response(),
        None => starting(),
    }
}

fn starting() -> Response {
    failure(StatusCode::SERVICE_UNAVAILABLE, "the node is starting; try again")
}

fn failure(code: StatusCode, text: &str) -> Response {
    (code, Json(json!({ "error": text }))).into_response()
}

fn code_of(status: &Status) -> StatusCode {
    match status.code() {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(token: Option<&str>, given: Option<&str>) -> Option<u16> {
        let token: Option<Secret> = token.map(|token| serde_json::from_value(json!(token)).unwrap());
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(header::AUTHORIZATION, given.parse().unwrap());
        }
        Admin::new(token)
            .refusal(&headers)
            .map(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn only_who_has_the_token_is_admitted() {
        for (token, given, expected) in [
            (None, Some("Bearer s3cret"), Some(403)),
            (Some(""), Some("Bearer "), Some(403)),
            (Some("s3cret"), None, Some(401)),
            (Some("s3cret"), Some("s3cret"), Some(401)),
            (Some("s3cret"), Some("Basic s3cret"), Some(401)),
            (Some("s3cret"), Some("Bearer s3cre"), Some(401)),
            (Some("s3cret"), Some("Bearer s3cret1"), Some(401)),
            (Some("s3cret"), Some("Bearer s3cret"), None),
            (Some("s3cret"), Some("bearer s3cret"), None),
        ] {
            assert_eq!(answer(token, given), expected, "{token:?} {given:?}");
        }
    }
}
