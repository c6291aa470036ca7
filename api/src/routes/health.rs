//! Owns `/health`, `/ready` and `/metrics`: for whoever runs the thing, without credentials.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use serde::Serialize;
use store::clock;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{error::ApiError, state::ApiState};

/// By how much this machine's clock may differ from the database's: it decides to which season something belongs.
const MAX_SKEW: TimeDelta = TimeDelta::seconds(2);

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
    let (store, broker) = tokio::join!(store(&state), state.broker.health());
    let faults: Vec<String> =
        [store.err(), broker.err().map(|error| error.to_string())].into_iter().flatten().collect();
    if faults.is_empty() {
        return Ok(Json(Condition { status: "ok" }));
    }
    let detail = format!("Not ready: {}.", faults.join("; "));
    Err(ApiError::Unavailable(("not_ready", detail.into()), None))
}

async fn store(state: &ApiState) -> Result<(), String> {
    state.store.check().await.map_err(|error| error.to_string())?;
    let mut tx = state.store.read().await.map_err(|error| error.to_string())?;
    let before = state.clock.now();
    let database = clock::now(&mut tx).await.map_err(|error| error.to_string())?;
    let after = state.clock.now();
    // The database answered at some moment between the two.
    if database < before - MAX_SKEW || database > after + MAX_SKEW {
        return Err("the clock differs by more than 2 s from the database's".to_owned());
    }
    Ok(())
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(State(state): State<ApiState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render()).into_response()
}
