//! What logs and figures tell. A program of its own: in one with others, tracing decides from the first thread it meets
//! whether anybody listens.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets the unexpected fails")]

#[macro_use]
#[path = "../suite/world.rs"]
#[allow(dead_code, unused_macros, reason = "made for the suite; this needs little of it")]
mod world;

use std::sync::{Arc, Mutex};

use axum::body::Body;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use world::{As, BOT_KEY, GUILD, JWT_SECRET, MIRA, World, here};

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_and_figures_tell_the_way_of_a_request_and_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _log = tracing::subscriber::set_default(subscriber);
    let recorder = PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    let _figures = metrics::set_default_local_recorder(&recorder);
    let w = World::embedded().await;
    w.people(GUILD).await;
    let token = w.post(As::User(MIRA), &here(&format!("/members/{MIRA}/tokens")), json!({})).await.expect(201);
    let token = token["token"].as_str().unwrap().to_owned();
    w.get(As::Token(token.clone()), &here("/seasons?limit=7")).await.expect(200);
    w.get(As::Token(format!("{token}x")), &here("/seasons")).await.refused(401, "invalid_token");
    let body = json!({"item_id": uuid::Uuid::now_v7(), "quantity": 1, "note": "a planted note"});
    let request = World::request("POST", &here("/submissions"), &As::User(MIRA))
        .header("Content-Type", "application/json")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    w.raw(request.body(Body::from(body.to_string())).unwrap()).await.expect(202);
    w.broker.close().await;
    w.post(As::User(MIRA), &here("/submissions"), body).await.refused(503, "not_taken");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let figures = figures.render();
    for secret in [BOT_KEY, JWT_SECRET, token.as_str(), "a planted note"] {
        assert!(!log.contains(secret) && !figures.contains(secret), "{secret}");
    }
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered = lines
        .iter()
        .find(|line| line["fields"]["message"] == "answered a request" && line["fields"]["status"] == 202)
        .unwrap();
    assert_eq!(answered["span"]["trace.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(answered["span"]["route"], "/api/v1/guilds/{guild_id}/submissions");
    assert!(answered["fields"]["latency_ms"].is_u64());
    let took = lines.iter().find(|line| line["fields"]["message"] == "took a command").unwrap();
    assert_eq!(took["span"]["trace.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let counted = r#"route="/api/v1/guilds/{guild_id}/submissions",status="202""#;
    assert!(figures.contains(counted), "{figures}");
}
