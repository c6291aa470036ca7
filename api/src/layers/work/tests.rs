//! What no route does on purpose: panicking, failing inside, and taking too long.

use std::time::Duration;

use axum::{Router, body::Body, middleware, routing::get};
use broker::Broker;
use domain::Clock;
use http_body_util::BodyExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use store::Store;
use tower::ServiceExt;

use super::{PATIENCE, work};
use crate::{
    config::{ApiConfig, Secret},
    error::ApiError,
    key::IdempotencyKey,
    state::ApiState,
};

async fn state(dir: &tempfile::TempDir) -> ApiState {
    let store = Store::sqlite(&dir.path().join("store.db")).await.unwrap();
    let broker = Broker::embedded(&dir.path().join("queue.db")).await.unwrap();
    let config = ApiConfig::new(Secret::new("k".repeat(16)), Secret::new("s".repeat(32)));
    let clock = Clock::new(chrono::DateTime::default);
    ApiState::new(store, broker, clock, config, PrometheusBuilder::new().build_recorder().handle()).unwrap()
}

async fn ask(app: &Router, path: &str) -> (u16, String) {
    let request = axum::http::Request::get(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn what_breaks_inside_tells_nobody_what() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(&dir).await;
    let app = Router::new()
        .route("/panics", get(async || -> &'static str { panic!("a planted secret") }))
        .route("/fails", get(async || ApiError::internal(anyhow::anyhow!("a planted secret"))))
        .layer(middleware::from_fn_with_state(state.clone(), work));
    for path in ["/panics", "/fails"] {
        let (status, body) = ask(&app, path).await;
        assert_eq!(status, 500, "{path}");
        assert!(body.contains("\"internal\"") && !body.contains("secret"), "{path}: {body}");
    }
    assert_eq!(state.slots.available_permits(), state.config.max_requests);
}

#[tokio::test]
async fn what_takes_too_long_is_answered_and_still_done() {
    let dir = tempfile::tempdir().unwrap();
    let state = state(&dir).await;
    // From here on, time passes as fast as nobody has anything to do.
    tokio::time::pause();
    let (done, mut is_done) = tokio::sync::watch::channel(false);
    let slow = async move || {
        tokio::time::sleep(PATIENCE + Duration::from_millis(200)).await;
        done.send_replace(true);
    };
    let app = Router::new().route("/slow", get(slow)).layer(middleware::from_fn_with_state(state.clone(), work));
    let (status, body) = ask(&app, "/slow").await;
    assert_eq!(status, 503);
    assert!(body.contains("timed_out"), "{body}");
    assert_eq!(state.slots.available_permits(), state.config.max_requests - 1, "its place is taken while it works");
    is_done.wait_for(|done| *done).await.unwrap();

    // A change is answered with the key to repeat it with.
    let key = IdempotencyKey::of(&axum::http::HeaderMap::new()).unwrap();
    let (status, body) = ask(&app.layer(axum::Extension(key.clone())), "/slow").await;
    assert_eq!(status, 503);
    assert!(body.contains("\"unknown\"") && body.contains(key.as_str()), "{body}");
}
