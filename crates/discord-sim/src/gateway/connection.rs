//! One gateway connection: HELLO, IDENTIFY or RESUME, heartbeats, and passing on what its session is sent.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::Out;
use super::sessions::{Identify, Refusal};
use crate::core::Core;
use crate::ids::{GuildId, UserId};
use crate::world::render;

/// What a client may send a minute.
const SENDS_PER_MINUTE: u32 = 120;
const GUILD_MEMBERS: u64 = 1 << 1;

struct Connection {
    core: Arc<Core>,
    number: u64,
    out: UnboundedSender<Out>,
    session: Option<String>,
    minute: (Instant, u32),
    alive_until: Instant,
    patience: Duration,
}

/// Serves a connection until it ends.
pub(super) async fn run(core: Arc<Core>, mut socket: WebSocket) {
    let (out, inbox) = unbounded_channel();
    let (number, interval) = core.keep(|state| (state.sessions.next_connection(), state.limits.heartbeat_interval));
    let hello = json!({ "op": 10, "s": null, "t": null, "d": { "heartbeat_interval": interval.as_millis() as u64 } });
    if socket.send(Message::text(hello.to_string())).await.is_err() {
        return;
    }
    let now = Instant::now();
    // A client that misses one heartbeat and is late with the next is taken for dead.
    let patience = interval.saturating_mul(2);
    let connection =
        Connection { core, number, out, session: None, minute: (now, 0), alive_until: now + patience, patience };
    let core = Arc::clone(&connection.core);
    let goodbye = serve(connection, &mut socket, inbox).await;
    core.update(|state| state.sessions.disconnected(number, goodbye));
}

/// Returns whether the client said goodbye for good.
async fn serve(mut connection: Connection, socket: &mut WebSocket, mut inbox: UnboundedReceiver<Out>) -> bool {
    let cancel = connection.core.cancel.clone();
    loop {
        let out = tokio::select! {
            () = cancel.cancelled() => Some(Out::Close(1001)),
            () = tokio::time::sleep_until(connection.alive_until) => Some(Out::Close(4009)),
            out = inbox.recv() => out,
            received = socket.recv() => match received {
                Some(Ok(Message::Text(text))) => match connection.receive(text.as_str()) {
                    Ok(()) => None,
                    Err(code) => Some(Out::Close(code)),
                },
                Some(Ok(Message::Binary(_))) => Some(Out::Close(4002)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
                Some(Ok(Message::Close(frame))) => {
                    return frame.is_none_or(|frame| matches!(frame.code, 1000 | 1001));
                }
                Some(Err(_)) | None => return false,
            },
        };
        match out {
            None => {}
            Some(Out::Text(text)) if socket.send(Message::text(&*text)).await.is_ok() => {}
            Some(Out::Text(_)) => return false,
            Some(Out::Close(code)) => {
                let frame = CloseFrame { code, reason: reason(code).into() };
                // The client may be gone already.
                _ = socket.send(Message::Close(Some(frame))).await;
                return matches!(code, 4003..=4005 | 4010..=4014);
            }
            Some(Out::Cut) => return false,
        }
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        1001 => "Going away.",
        4001 => "Unknown opcode.",
        4002 => "Error while decoding payload.",
        4003 => "Not authenticated.",
        4004 => "Authentication failed.",
        4005 => "Already authenticated.",
        4007 => "Invalid seq.",
        4008 => "Rate limited.",
        4009 => "Session timed out.",
        4010 => "Invalid shard.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        _ => "Unknown error.",
    }
}

impl Connection {
    /// Takes a payload; `Err` is the code to close with.
    fn receive(&mut self, text: &str) -> Result<(), u16> {
        let now = Instant::now();
        if now.duration_since(self.minute.0) >= Duration::from_secs(60) {
            self.minute = (now, 0);
        }
        self.minute.1 += 1;
        if self.minute.1 > SENDS_PER_MINUTE {
            return Err(4008);
        }
        let payload: Value = serde_json::from_str(text).map_err(|_| 4002_u16)?;
        let data = &payload["d"];
        match payload["op"].as_u64() {
            Some(1) => {
                self.alive_until = now + self.patience;
                if !self.core.read(|state| state.faults.withhold_acks) {
                    self.send(&json!({ "op": 11 }));
                }
                Ok(())
            }
            Some(2) if self.session.is_some() => Err(4005),
            Some(2) => self.identify(data),
            Some(6) if self.session.is_some() => Err(4005),
            Some(6) => self.resume(data),
            Some(3 | 4 | 8 | 31) if self.session.is_none() => Err(4003),
            // Presence, voice and soundboard have no part in this world.
            Some(3 | 4 | 31) => Ok(()),
            Some(8) => {
                self.request_members(data);
                Ok(())
            }
            _ => Err(4001),
        }
    }

    fn send(&self, payload: &Value) {
        // The receiver is this connection's own loop.
        _ = self.out.send(Out::Text(payload.to_string().into()));
    }

    fn check_token(&self, data: &Value) -> Result<(), u16> {
        let token = data["token"].as_str().unwrap_or_default();
        if token.strip_prefix("Bot ").unwrap_or(token) == self.core.token { Ok(()) } else { Err(4004) }
    }

    fn refused(&self, refusal: Refusal) -> Result<(), u16> {
        match refusal {
            Refusal::Close(code) => Err(code),
            Refusal::Invalid => {
                self.send(&json!({ "op": 9, "d": false }));
                Ok(())
            }
        }
    }

    fn identify(&mut self, data: &Value) -> Result<(), u16> {
        self.check_token(data)?;
        for key in ["intents", "properties"] {
            if data.get(key).is_none() {
                self.core.violation("gateway", format!("IDENTIFY lacks `{key}`"));
                return Err(4002);
            }
        }
        let shard = &data["shard"];
        let identify = Identify {
            shard: (shard[0].as_u64().unwrap_or(0), shard[1].as_u64().unwrap_or(1)),
            intents: data["intents"].as_u64().ok_or(4013_u16)?,
        };
        let url = self.core.gateway_url();
        let started = self.core.update(|state| {
            let link = (self.number, self.out.clone(), url.as_str());
            state.sessions.identify(&state.world, &state.limits, self.core.privileged_intents, &identify, link)
        });
        match started {
            Ok(id) => {
                self.session = Some(id);
                Ok(())
            }
            Err(refusal) => self.refused(refusal),
        }
    }

    fn resume(&mut self, data: &Value) -> Result<(), u16> {
        self.check_token(data)?;
        let id = data["session_id"].as_str().unwrap_or_default();
        let seq = data["seq"].as_u64().unwrap_or(0);
        let resumed = self
            .core
            .update(|state| state.sessions.resume(id, seq, state.limits.resume_window, self.number, self.out.clone()));
        match resumed {
            Ok(()) => {
                self.session = Some(id.to_owned());
                Ok(())
            }
            Err(refusal) => self.refused(refusal),
        }
    }

    fn request_members(&self, data: &Value) {
        let Some(session) = &self.session else { return };
        self.core.update(|state| {
            let guild = data["guild_id"].as_str().and_then(|id| id.parse::<GuildId>().ok()).unwrap_or_default();
            let may_list = state.sessions.intents(session) & GUILD_MEMBERS != 0;
            let Some(owner) = state.world.guilds.get(&guild) else { return };
            let asked: Option<Vec<UserId>> = match &data["user_ids"] {
                Value::Null => None,
                Value::Array(ids) => Some(ids.iter().filter_map(|id| id.as_str()?.parse().ok()).collect()),
                one => Some(one.as_str().and_then(|id| id.parse().ok()).into_iter().collect()),
            };
            let prefix = data["query"].as_str().unwrap_or_default();
            let limit = data["limit"].as_u64().filter(|limit| *limit > 0).unwrap_or(u64::MAX);
            let named = |user: &UserId| state.world.users.get(user).is_some_and(|user| user.name.starts_with(prefix));
            let chosen: Vec<Value> = owner
                .members
                .values()
                .filter(|member| match &asked {
                    Some(ids) => ids.contains(&member.user),
                    None => may_list && named(&member.user),
                })
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .map(|member| render::member(&state.world, member))
                .collect();
            let missing = asked.unwrap_or_default().into_iter().filter(|id| !owner.members.contains_key(id));
            let not_found: Vec<UserId> = missing.collect();
            let chunks: Vec<&[Value]> = if chosen.is_empty() { vec![&[]] } else { chosen.chunks(1000).collect() };
            for (index, members) in chunks.iter().enumerate() {
                let chunk = json!({
                    "guild_id": guild, "members": members, "chunk_index": index, "chunk_count": chunks.len(),
                    "not_found": not_found, "nonce": data["nonce"],
                });
                state.sessions.tell(session, "GUILD_MEMBERS_CHUNK", &chunk);
            }
        });
    }
}
