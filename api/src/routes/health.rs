//! Owns `/health`, `/ready` and `/metrics`: for whoever runs the thing, without credentials.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use store::clock;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{error::ApiError, state::ApiState};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready)).routes(routes!(metrics))
}

/// How it is.
#[derive(Serialize, ToSchema)]
struct Condition {
    /// `ok`.
    status: &'static str,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/health", tag = "operations", responses((status = 200, body = Condition)))]
async fn health() -> Json<Condition> {
    Json(Condition { status: "ok" })
}

/// Whether everything that is needed works: store, schema, broker and clock.
#[utoipa::path(get, path = "/ready", tag = "operations", responses((status = 200, body = Condition)))]
async fn ready(State(state): State<ApiState>) -> Result<Json<Condition>, ApiError> {
    let (store, broker) = tokio::join!(clock::ready(&state.store, &state.clock), state.broker.health());
    let faults: Vec<String> = [store.err().map(|error| error.to_string()), broker.err().map(|error| error.to_string())]
        .into_iter()
        .flatten()
        .collect();
    if faults.is_empty() {
        return Ok(Json(Condition { status: "ok" }));
    }
    let detail = format!("Not ready: {}.", faults.join("; "));
    Err(ApiError::Unavailable(("not_ready", detail.into()), None))
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(State(state): State<ApiState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render()).into_response()
}
