//! The gateway against Discord's documentation, with a bare WebSocket client.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::config;
use discord_sim::{Demo, GatewayFault, Limits, Sim, SimConfig};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const GUILDS: u64 = 1;
const MEMBERS: u64 = 1 << 1;
const MESSAGES: u64 = 1 << 9;

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(sim: &Sim) -> Self {
        let (socket, _) = connect_async(format!("{}/?v=10&encoding=json", sim.gateway_url())).await.unwrap();
        let mut socket = Self(socket);
        assert_eq!(socket.next().await["op"], 10);
        socket
    }

    async fn identified(sim: &Sim, intents: u64) -> (Self, Value) {
        let mut socket = Self::open(sim).await;
        socket.send(identify(sim.token(), intents)).await;
        let ready = socket.event("READY").await;
        (socket, ready)
    }

    async fn send(&mut self, payload: Value) {
        self.0.send(Message::text(payload.to_string())).await.unwrap();
    }

    /// The next payload; a close frame is `{"close": code}`, a broken wire null.
    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(5), self.0.next()).await.expect("silence");
        match next {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Close(Some(frame)))) => json!({"close": u16::from(frame.code)}),
            _ => Value::Null,
        }
    }

    async fn event(&mut self, name: &str) -> Value {
        let payload = self.next().await;
        assert_eq!(payload["t"], name, "{payload}");
        payload
    }

    async fn silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(80), self.0.next()).await.is_err()
    }
}

fn identify(token: &str, intents: u64) -> Value {
    json!({"op": 2, "d": {"token": token, "intents": intents, "properties": {"os": "linux"}, "shard": [0, 1]}})
}

async fn sim_with(change: impl FnOnce(&mut Limits)) -> Sim {
    let mut config: SimConfig = config();
    change(&mut config.limits);
    Sim::start(config).await.unwrap()
}

#[tokio::test]
async fn wrong_beginnings_are_closed_with_their_code() {
    let sim = common::sim().await;
    for (payload, want) in [
        (identify("wrong", GUILDS), 4004),
        (identify(sim.token(), 1 << 8), 4014),
        (identify(sim.token(), 1 << 40), 4013),
        (json!({"op": 2, "d": {"token": sim.token(), "intents": 1, "properties": {}, "shard": [3, 2]}}), 4010),
        (json!({"op": 3, "d": {}}), 4003),
        (json!({"op": 99}), 4001),
        (json!({"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}), 4004),
    ] {
        let mut socket = Socket::open(&sim).await;
        socket.send(payload.clone()).await;
        assert_eq!(socket.next().await["close"], want, "{payload}");
    }
    let mut socket = Socket::open(&sim).await;
    socket.0.send(Message::text("not json")).await.unwrap();
    assert_eq!(socket.next().await["close"], 4002);
    let (mut socket, _) = Socket::identified(&sim, 0).await;
    socket.send(identify(sim.token(), 0)).await;
    assert_eq!(socket.next().await["close"], 4005);
    sim.shutdown().await;
}

#[tokio::test]
async fn ready_guild_create_and_events_by_intent() {
    let sim = common::sim().await;
    let (mut all, ready) = Socket::identified(&sim, GUILDS | MEMBERS | MESSAGES).await;
    assert_eq!(ready["d"]["guilds"], json!([{"id": Demo::GUILD, "unavailable": true}]));
    assert_eq!(ready["s"], 1);
    let guild = all.event("GUILD_CREATE").await;
    assert_eq!(guild["d"]["members"].as_array().unwrap().len(), 1, "the bot alone, without the presence intent");
    let (mut few, _) = Socket::identified(&sim, GUILDS).await;
    few.event("GUILD_CREATE").await;

    let fern = sim.join(Demo::GUILD, "fern", None).await.unwrap();
    assert_eq!(all.event("GUILD_MEMBER_ADD").await["d"]["user"]["username"], "fern");
    sim.give_role(Demo::GUILD, fern.id, Demo::ROOKIE).await.unwrap();
    assert_eq!(all.event("GUILD_MEMBER_UPDATE").await["d"]["roles"], json!([Demo::ROOKIE]));
    sim.leave(Demo::GUILD, fern.id).await.unwrap();
    all.event("GUILD_MEMBER_REMOVE").await;
    sim.say(Demo::HALL, Demo::BRAM, "a secret").await.unwrap();
    let message = all.event("MESSAGE_CREATE").await;
    assert_eq!((&message["d"]["content"], &message["d"]["author"]["username"]), (&json!(""), &json!("bram")));
    assert!(few.silent().await, "none of this without the intents");

    sim.delete_role(Demo::GUILD, Demo::VETERAN).await.unwrap();
    let channel = sim.create_channel(Demo::GUILD, "new").await.unwrap();
    sim.delete_channel(channel.id).await.unwrap();
    for socket in [&mut all, &mut few] {
        for name in ["GUILD_ROLE_DELETE", "CHANNEL_CREATE", "CHANNEL_DELETE"] {
            socket.event(name).await;
        }
    }
    all.send(json!({"op": 8, "d": {"guild_id": Demo::GUILD, "query": "", "limit": 0}})).await;
    assert_eq!(all.event("GUILD_MEMBERS_CHUNK").await["d"]["members"].as_array().unwrap().len(), 6);
    sim.shutdown().await;
}

#[tokio::test]
async fn heartbeats_are_answered_and_their_absence_noticed() {
    let sim = sim_with(|limits| limits.heartbeat_interval = Duration::from_millis(100)).await;
    let (mut socket, _) = Socket::identified(&sim, 0).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        socket.send(json!({"op": 1, "d": 1})).await;
        assert_eq!(socket.next().await["op"], 11);
    }
    assert_eq!(socket.next().await["close"], 4009);
    sim.gateway_fault(GatewayFault::WithholdAcks).await.unwrap();
    let (mut socket, _) = Socket::identified(&sim, 0).await;
    socket.send(json!({"op": 1, "d": 1})).await;
    assert!(socket.silent().await);
    sim.shutdown().await;
}

#[tokio::test]
async fn a_session_is_resumed_with_what_it_missed() {
    let sim = common::sim().await;
    let (mut socket, ready) = Socket::identified(&sim, MEMBERS).await;
    let session = ready["d"]["session_id"].clone();
    let resume = |seq: u64| json!({"op": 6, "d": {"token": sim.token(), "session_id": session, "seq": seq}});
    sim.gateway_fault(GatewayFault::Drop).await.unwrap();
    assert_eq!(socket.next().await, Value::Null);
    sim.until("the drop to be noticed", Duration::from_secs(5), async || {
        Ok((!sim.bot().await?.is_connected()).then_some(()))
    })
    .await
    .unwrap();
    sim.join(Demo::GUILD, "fern", None).await.unwrap();
    let mut socket = Socket::open(&sim).await;
    socket.send(resume(1)).await;
    assert_eq!(socket.event("GUILD_MEMBER_ADD").await["s"], 2);
    assert_eq!(socket.event("RESUMED").await["s"], 3);

    let mut future = Socket::open(&sim).await;
    future.send(resume(99)).await;
    assert_eq!(future.next().await["close"], 4007);
    let mut stranger = Socket::open(&sim).await;
    stranger.send(json!({"op": 6, "d": {"token": sim.token(), "session_id": "x", "seq": 1}})).await;
    assert_eq!(stranger.next().await, json!({"op": 9, "d": false}));

    sim.gateway_fault(GatewayFault::Reconnect).await.unwrap();
    assert_eq!(socket.next().await["op"], 7);
    sim.gateway_fault(GatewayFault::InvalidSession { resumable: false }).await.unwrap();
    assert_eq!(socket.next().await, json!({"op": 9, "d": false}));
    let mut late = Socket::open(&sim).await;
    late.send(resume(3)).await;
    assert_eq!(late.next().await, json!({"op": 9, "d": false}), "an invalid session is gone");
    sim.shutdown().await;
}

#[tokio::test]
async fn a_goodbye_ends_the_session_and_identifies_are_counted() {
    let sim = sim_with(|limits| {
        limits.identify_interval = Duration::from_millis(300);
        limits.session_starts = 2;
    })
    .await;
    let (mut socket, ready) = Socket::identified(&sim, 0).await;
    socket.0.close(None).await.unwrap();
    sim.until("the session to end", Duration::from_secs(5), async || {
        Ok(sim.bot().await?.sessions.is_empty().then_some(()))
    })
    .await
    .unwrap();
    let mut socket = Socket::open(&sim).await;
    socket.send(json!({"op": 6, "d": {"token": sim.token(), "session_id": ready["d"]["session_id"], "seq": 1}})).await;
    assert_eq!(socket.next().await["op"], 9);
    socket.send(identify(sim.token(), 0)).await;
    assert_eq!(socket.next().await["op"], 9, "too soon after the last one");
    tokio::time::sleep(Duration::from_millis(320)).await;
    socket.send(identify(sim.token(), 0)).await;
    socket.event("READY").await;
    tokio::time::sleep(Duration::from_millis(320)).await;
    let mut third = Socket::open(&sim).await;
    third.send(identify(sim.token(), 0)).await;
    assert_eq!(third.next().await["op"], 9, "no starts are left");
    sim.shutdown().await;
}

#[tokio::test]
async fn refused_connections_and_shutdown() {
    let sim = common::sim().await;
    let (mut socket, _) = Socket::identified(&sim, 0).await;
    sim.gateway_fault(GatewayFault::RefuseConnections).await.unwrap();
    assert!(connect_async(sim.gateway_url()).await.is_err());
    sim.gateway_fault(GatewayFault::AcceptConnections).await.unwrap();
    Socket::open(&sim).await;
    let started = tokio::time::Instant::now();
    sim.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(2), "nothing lingers");
    assert_ne!(socket.next().await["op"], 0);
    assert!(connect_async(sim.gateway_url()).await.is_err());
}
