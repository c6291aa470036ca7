//! Gateway sessions: who identified for which shard and intents, what each was sent, and what a resume replays.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::config::Limits;
use crate::faults::GatewayFault;
use crate::ids::GuildId;
use crate::world::{Event, World, render};

const GUILDS: u64 = 1;
const MEMBERS: u64 = 1 << 1;
const PRIVILEGED: u64 = MEMBERS | 1 << 8 | MESSAGE_CONTENT;
const MESSAGE_CONTENT: u64 = 1 << 15;
const DOCUMENTED: u64 = 0x1_ffff | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25;
/// How many events a resume can reach back.
const REPLAYED: usize = 2_000;

/// What a session's connection is told to send or do.
#[derive(Debug, Clone)]
pub(crate) enum Out {
    Text(Arc<str>),
    /// Send a close frame and end.
    Close(u16),
    /// End without a close frame, as when a wire is cut.
    Cut,
}

/// A gateway session, as the control interface shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    /// The session id.
    pub id: String,
    /// Shard number and number of shards.
    pub shard: (u64, u64),
    /// The intents asked for.
    pub intents: u64,
    /// Whether a connection serves it now.
    pub connected: bool,
    /// The number of the last event.
    pub seq: u64,
    /// How often it was resumed.
    pub resumes: u32,
}

#[derive(Debug)]
struct Session {
    shard: (u64, u64),
    intents: u64,
    seq: u64,
    sent: VecDeque<(u64, Arc<str>)>,
    link: Option<Link>,
    dropped: Option<Instant>,
    resumes: u32,
}

#[derive(Debug)]
struct Link {
    connection: u64,
    out: UnboundedSender<Out>,
}

/// All sessions, and how many starts are left.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    map: BTreeMap<String, Session>,
    connections: u64,
    starts: u32,
    identified: HashMap<u64, Instant>,
}

/// An IDENTIFY, read.
#[derive(Debug)]
pub(crate) struct Identify {
    pub(crate) shard: (u64, u64),
    pub(crate) intents: u64,
}

/// Why a session cannot start or go on.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    Close(u16),
    Invalid,
}

impl Sessions {
    pub(crate) fn next_connection(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }

    /// The `session_start_limit` of `GET /gateway/bot`.
    pub(crate) fn start_limit(&self, limits: &Limits) -> Value {
        json!({
            "total": limits.session_starts, "remaining": limits.session_starts.saturating_sub(self.starts),
            "reset_after": 86_400_000, "max_concurrency": 1,
        })
    }

    /// Starts a session on a connection: READY, then a GUILD_CREATE for each guild of the shard.
    pub(crate) fn identify(
        &mut self,
        world: &World,
        limits: &Limits,
        privileged: u64,
        identify: &Identify,
        link: (u64, UnboundedSender<Out>, &str),
    ) -> Result<String, Refusal> {
        let (connection, out, url) = link;
        if identify.intents & !DOCUMENTED != 0 {
            return Err(Refusal::Close(4013));
        }
        if identify.intents & PRIVILEGED & !privileged != 0 {
            return Err(Refusal::Close(4014));
        }
        let (number, count) = identify.shard;
        if number >= count {
            return Err(Refusal::Close(4010));
        }
        let now = Instant::now();
        let soon = |last: &Instant| now.duration_since(*last) < limits.identify_interval;
        if self.starts >= limits.session_starts || self.identified.get(&number).is_some_and(soon) {
            return Err(Refusal::Invalid);
        }
        self.identified.insert(number, now);
        self.starts += 1;
        self.forget(limits.resume_window);
        let id = uuid::Uuid::now_v7().simple().to_string();
        let mut session = Session {
            shard: identify.shard,
            intents: identify.intents,
            seq: 0,
            sent: VecDeque::new(),
            link: Some(Link { connection, out }),
            dropped: None,
            resumes: 0,
        };
        let own = |guild: &&GuildId| session.owns(Some(**guild)) && world.bot_in(**guild).is_some();
        let guilds: Vec<GuildId> = world.guilds.keys().filter(own).copied().collect();
        let unavailable: Vec<Value> = guilds.iter().map(|guild| json!({ "id": guild, "unavailable": true })).collect();
        let ready = json!({
            "v": 10, "user": render::current_user(world), "guilds": unavailable, "session_id": id,
            "resume_gateway_url": url, "shard": [number, count], "session_type": "normal", "private_channels": [],
            "application": { "id": world.application_id, "flags": render::APPLICATION_FLAGS },
        });
        session.send("READY", &ready.to_string());
        if session.intents & GUILDS != 0 {
            for guild in guilds.into_iter().filter_map(|guild| render::guild_create(world, guild)) {
                session.send("GUILD_CREATE", &guild.to_string());
            }
        }
        self.map.insert(id.clone(), session);
        Ok(id)
    }

    /// Goes on with a session on another connection: what it missed, then RESUMED.
    pub(crate) fn resume(
        &mut self,
        id: &str,
        seq: u64,
        window: Duration,
        connection: u64,
        out: UnboundedSender<Out>,
    ) -> Result<(), Refusal> {
        self.forget(window);
        let session = self.map.get_mut(id).ok_or(Refusal::Invalid)?;
        if seq > session.seq {
            return Err(Refusal::Close(4007));
        }
        if session.sent.front().is_some_and(|(first, _)| *first > seq + 1) {
            return Err(Refusal::Invalid);
        }
        if let Some(old) = session.link.replace(Link { connection, out }) {
            _ = old.out.send(Out::Cut);
        }
        session.dropped = None;
        session.resumes += 1;
        if let Some(link) = &session.link {
            for (_, text) in session.sent.iter().filter(|(sent, _)| *sent > seq) {
                // A connection that just ended is noticed by its own task.
                _ = link.out.send(Out::Text(Arc::clone(text)));
            }
        }
        session.send("RESUMED", "{}");
        Ok(())
    }

    /// A connection ended. After a proper goodbye (1000, 1001) the session is over, otherwise it can be resumed.
    pub(crate) fn disconnected(&mut self, connection: u64, goodbye: bool) {
        let served = |session: &Session| session.link.as_ref().is_some_and(|link| link.connection == connection);
        if goodbye {
            self.map.retain(|_, session| !served(session));
        }
        for session in self.map.values_mut().filter(|session| served(session)) {
            session.link = None;
            session.dropped = Some(Instant::now());
        }
    }

    fn forget(&mut self, window: Duration) {
        self.map.retain(|_, session| session.dropped.is_none_or(|dropped| dropped.elapsed() < window));
    }

    /// Tells every session that should hear of it. Two sessions of one shard both do.
    pub(crate) fn dispatch(&mut self, event: &Event) {
        let full = event.data.to_string();
        let redacted = event.redacted.as_ref().map(Value::to_string);
        for session in self.map.values_mut() {
            let wanted = event.intents == 0 || session.intents & event.intents != 0;
            if wanted && session.owns(event.guild) {
                let blank = redacted.as_ref().filter(|_| session.intents & MESSAGE_CONTENT == 0);
                session.send(event.name, blank.unwrap_or(&full));
            }
        }
    }

    /// Sends something to one session alone.
    pub(crate) fn tell(&mut self, id: &str, name: &str, data: &Value) {
        if let Some(session) = self.map.get_mut(id) {
            session.send(name, &data.to_string());
        }
    }

    /// The intents of a session.
    pub(crate) fn intents(&self, id: &str) -> u64 {
        self.map.get(id).map_or(0, |session| session.intents)
    }

    /// Whether some connected session would receive an interaction of this guild.
    pub(crate) fn hears(&self, guild: Option<GuildId>) -> bool {
        self.map.values().any(|session| session.link.is_some() && session.owns(guild))
    }

    /// Does a fault to every session.
    pub(crate) fn fault(&mut self, fault: GatewayFault) {
        let text = match fault {
            GatewayFault::Drop => None,
            GatewayFault::Reconnect => Some(json!({ "op": 7, "d": null })),
            GatewayFault::InvalidSession { resumable } => Some(json!({ "op": 9, "d": resumable })),
            _ => return,
        };
        for link in self.map.values().filter_map(|session| session.link.as_ref()) {
            let out = text.as_ref().map_or(Out::Cut, |text| Out::Text(text.to_string().into()));
            // A connection that just ended is noticed by its own task.
            _ = link.out.send(out);
        }
        if fault == (GatewayFault::InvalidSession { resumable: false }) {
            self.map.clear();
        }
    }

    pub(crate) fn views(&self) -> Vec<SessionView> {
        self.map
            .iter()
            .map(|(id, session)| SessionView {
                id: id.clone(),
                shard: session.shard,
                intents: session.intents,
                connected: session.link.is_some(),
                seq: session.seq,
                resumes: session.resumes,
            })
            .collect()
    }
}

impl Session {
    /// Whether the session's shard serves a guild. Direct messages go to shard 0.
    fn owns(&self, guild: Option<GuildId>) -> bool {
        guild.map_or(0, |guild| (guild.0 >> 22) % self.shard.1) == self.shard.0
    }

    fn send(&mut self, name: &str, data: &str) {
        self.seq += 1;
        let text: Arc<str> = format!(r#"{{"op":0,"t":"{name}","s":{},"d":{data}}}"#, self.seq).into();
        if self.sent.len() >= REPLAYED {
            self.sent.pop_front();
        }
        self.sent.push_back((self.seq, Arc::clone(&text)));
        if let Some(link) = &self.link {
            // A connection that just ended is noticed by its own task.
            _ = link.out.send(Out::Text(text));
        }
    }
}
