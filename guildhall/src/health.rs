//! Owns the health of parts: what `worker` and `bot` answer, and `guildhall health`, which asks.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;

/// Says whether a part is ready, or what is missing.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

#[derive(Clone)]
struct Health {
    ready: Check,
    metrics: PrometheusHandle,
}

/// Answers `/health`, `/ready` and `/metrics` until `shutdown`.
///
/// # Errors
/// When the address is taken.
pub async fn serve(
    listen: SocketAddr,
    ready: Check,
    metrics: PrometheusHandle,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("GUILDHALL_HEALTH_LISTEN: {listen} can't be used"))?;
    tracing::info!(address = %listener.local_addr()?, "health, readiness and metrics are served");
    let router = Router::new()
        .route("/health", get(async || Json(json!({"status": "ok"}))))
        .route("/ready", get(answer))
        .route("/metrics", get(async |State(health): State<Health>| health.metrics.render()))
        .with_state(Health { ready, metrics });
    // Whoever keeps a connection open does not keep the process from ending.
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        served = served => Ok(served?),
        () = async { shutdown.cancelled().await; tokio::time::sleep(Duration::from_secs(2)).await } => Ok(()),
    }
}

async fn answer(State(health): State<Health>) -> impl IntoResponse {
    match (health.ready)().await {
        Ok(()) => (StatusCode::OK, Json(json!({"status": "ready"}))),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not ready", "missing": missing}))),
    }
}

/// How a process on this machine reaches what listens on `address`.
#[must_use]
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

/// Asks the part that listens where the configuration says.
///
/// # Errors
/// When it isn't ready, or doesn't answer.
pub async fn ask(settings: &Settings) -> anyhow::Result<()> {
    let address = reachable(settings.health_listen);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(3)).build()?;
    let answer = client.get(format!("http://{address}/ready")).send().await?;
    let (status, body) = (answer.status(), answer.text().await?);
    println!("{body}");
    if !status.is_success() {
        bail!("{address} is not ready");
    }
    Ok(())
}
