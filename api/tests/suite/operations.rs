//! What whoever runs the thing relies on: probes, figures, documentation, bounds, and an end with a deadline.

use std::{net::SocketAddr, time::Duration};

use axum::{body::Body, extract::ConnectInfo};
use broker::Queue;
use chrono::TimeDelta;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::world::{As, BOT_KEY, GUILD, MIRA, ROOT, World, here};

async fn talk(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

/// Waits until a command is in the queue: the request that brought it now waits for its outcome.
async fn taken(w: &World) {
    while w.broker.depth(Queue::Scoring).await.unwrap().ready == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

both_engines! {
    async fn readiness_asks_the_clock(w) {
        assert_eq!(w.get(As::Nobody, "/ready").await.expect(200), json!({"status": "ok"}));
        w.advance(TimeDelta::seconds(5));
        let late = w.get(As::Nobody, "/ready").await;
        assert!(late.body["detail"].as_str().unwrap().contains("clock"), "{}", late.text);
        late.refused(503, "not_ready");
        w.advance(TimeDelta::seconds(-10));
        w.get(As::Nobody, "/ready").await.refused(503, "not_ready");
    }

    async fn answers_carry_what_browsers_and_operators_need(w) {
        let answer = w.get(As::User(ROOT), &here("/seasons")).await;
        for (name, want) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(answer.headers[name], want);
        }
        assert_eq!(answer.headers["x-request-id"].len(), 32);
        let docs = w.get(As::Nobody, "/docs/").await;
        assert_eq!(docs.status, 200);
        assert!(docs.text.contains("swagger"), "{}", docs.text);
        // Everything the page loads comes from here.
        assert!(!docs.text.contains("https://"), "{}", docs.text);
        let document = w.get(As::Nobody, "/api/v1/openapi.json").await.expect(200);
        assert_eq!(document, serde_json::to_value(guildhall_api::openapi()).unwrap());
        assert_eq!(w.get(As::Nobody, "/metrics").await.status, 200);
        let zipped = World::request("GET", "/api/v1/openapi.json", &As::Nobody).header("Accept-Encoding", "gzip");
        assert_eq!(w.raw(zipped.body(Body::empty()).unwrap()).await.headers["content-encoding"], "gzip");
    }

    async fn a_server_ends_when_its_work_is_done(w) {
        w.people(GUILD).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let end = CancellationToken::new();
        let serving = tokio::spawn(guildhall_api::serve(listener, w.state.clone(), end.clone()));
        let health = talk(address, "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(health.starts_with("HTTP/1.1 200 OK"), "{health}");
        // A request that waits for its outcome is in hand when the end is asked for: it gets its answer.
        let body = json!({"item_id": uuid::Uuid::now_v7(), "quantity": 1}).to_string();
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nX-API-Key: {BOT_KEY}\r\nX-User-Discord-ID: {MIRA}\r\nPrefer: wait=1\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            here("/submissions"),
            body.len()
        );
        let waiting = tokio::spawn(async move { talk(address, &request).await });
        taken(&w).await;
        let idle = TcpStream::connect(address).await.unwrap();
        end.cancel();
        let answer = waiting.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 202 Accepted"), "{answer}");
        serving.await.unwrap().unwrap();
        drop(idle);
        assert!(TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_done_is_turned_away_at_once() {
    let mut w = World::embedded().await;
    w.people(GUILD).await;
    w.configured(|config| config.max_requests = 1);
    let body = json!({"item_id": uuid::Uuid::now_v7(), "quantity": 1}).to_string();
    let slow = World::request("POST", &here("/submissions"), &As::User(MIRA))
        .header("Content-Type", "application/json")
        .header("Prefer", "wait=1")
        .body(Body::from(body))
        .unwrap();
    let answers = async {
        taken(&w).await;
        // Probes are answered all the same.
        w.get(As::Nobody, "/health").await.expect(200);
        w.get(As::User(ROOT), &here("/seasons")).await
    };
    let (slow, turned_away) = tokio::join!(w.raw(slow), answers);
    slow.expect(202);
    assert_eq!(turned_away.headers["retry-after"], "1");
    turned_away.refused(503, "overloaded");
    w.get(As::User(ROOT), &here("/seasons")).await.expect(200);
}

#[tokio::test]
async fn the_demos_key_works_on_this_machine_only() {
    let mut w = World::embedded().await;
    w.configured(|config| config.demo_key_loopback_only = true);
    let ask = async |peer: Option<&str>, forwarded: bool| {
        let mut request = World::request("GET", &here("/seasons"), &As::User(ROOT));
        if forwarded {
            request = request.header("X-Forwarded-For", "127.0.0.1");
        }
        let mut request = request.body(Body::empty()).unwrap();
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer.parse().unwrap()));
        }
        w.raw(request).await.status.as_u16()
    };
    for (peer, forwarded, want) in [
        (Some("127.0.0.1:4000"), false, 200),
        (Some("[::1]:4000"), false, 200),
        (Some("[::ffff:127.0.0.1]:4000"), false, 200),
        (Some("127.0.0.1:4000"), true, 401),
        (Some("192.168.1.5:4000"), false, 401),
        (Some("[2001:db8::1]:4000"), false, 401),
        (None, false, 401),
    ] {
        assert_eq!(ask(peer, forwarded).await, want, "{peer:?} {forwarded}");
    }
}
