//! What a simulator is started with.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ApplicationId;
use crate::world::World;

/// Everything a simulator needs to start. `SimConfig::new(world)` is complete; the fields are settings.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The bot's application id. The bot user has the same number, as with Discord's newer applications.
    pub application_id: ApplicationId,
    /// The bot token that REST and gateway accept.
    pub token: String,
    /// The guilds, members and channels to begin with (unless `state_file` holds a later state).
    pub world: World,
    /// TCP port of the REST server on 127.0.0.1; 0 takes any free one.
    pub rest_port: u16,
    /// TCP port of the gateway; 0 takes any free one.
    pub gateway_port: u16,
    /// TCP port of the control server and console; 0 takes any free one.
    pub control_port: u16,
    /// How generous the simulated Discord is.
    pub limits: Limits,
    /// How far the simulated clock starts ahead of real time, in milliseconds.
    pub clock_offset_ms: i64,
    /// Where the world is kept across restarts; without it the world ends with the simulator.
    pub state_file: Option<PathBuf>,
    /// Privileged gateway intents the application has been granted (`GUILD_MEMBERS` by default).
    pub privileged_intents: u64,
}

impl SimConfig {
    /// A simulator of `world` with Discord's documented limits, free ports and no state file.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self {
            application_id: ApplicationId(1_100_000_000_000_000_001),
            token: "MTEwMDAwMDAwMDAwMDAwMDAwMQ.simulated.guildhall-token".into(),
            world,
            rest_port: 0,
            gateway_port: 0,
            control_port: 0,
            limits: Limits::default(),
            clock_offset_ms: 0,
            state_file: None,
            privileged_intents: 1 << 1,
        }
    }

    /// The demo: [`World::demo`], kept in `state_file` if one is given.
    #[must_use]
    pub fn demo(state_file: Option<PathBuf>) -> Self {
        Self { state_file, ..Self::new(World::demo()) }
    }
}

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// Requests allowed in the window.
    pub limit: u32,
    /// Length of the window.
    pub window: Duration,
}

impl Quota {
    /// `limit` requests each `seconds`.
    #[must_use]
    pub const fn per_seconds(limit: u32, seconds: u64) -> Self {
        Self { limit, window: Duration::from_secs(seconds) }
    }
}

/// Rate limits and deadlines. The defaults are Discord's documented or observed ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// All authenticated requests together.
    pub global: Quota,
    /// Giving and taking member roles, per guild.
    pub member_roles: Quota,
    /// Creating messages, per channel.
    pub message_create: Quota,
    /// Everything else, per route and major parameter.
    pub other: Quota,
    /// How long an interaction waits for its first response.
    pub first_response: Duration,
    /// How long an interaction's token lives.
    pub interaction_token: Duration,
    /// For how long `enforce_nonce` finds an earlier message.
    pub nonce_memory: Duration,
    /// What HELLO asks for.
    pub heartbeat_interval: Duration,
    /// Pause between two IDENTIFYs of one shard bucket (`max_concurrency` is 1).
    pub identify_interval: Duration,
    /// Sessions a bot may start a day.
    pub session_starts: u32,
    /// For how long a dropped session can be resumed.
    pub resume_window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            global: Quota::per_seconds(50, 1),
            member_roles: Quota::per_seconds(10, 10),
            message_create: Quota::per_seconds(5, 5),
            other: Quota::per_seconds(50, 1),
            first_response: Duration::from_secs(3),
            interaction_token: Duration::from_secs(15 * 60),
            nonce_memory: Duration::from_secs(3 * 60),
            heartbeat_interval: Duration::from_millis(41_250),
            identify_interval: Duration::from_secs(5),
            session_starts: 1_000,
            resume_window: Duration::from_secs(120),
        }
    }
}

impl Limits {
    /// No rate limits at all, deadlines as documented: for measurements of the bot rather than of Discord.
    #[must_use]
    pub fn unlimited() -> Self {
        let free = Quota::per_seconds(u32::MAX, 1);
        Self {
            global: free,
            member_roles: free,
            message_create: free,
            other: free,
            identify_interval: Duration::ZERO,
            session_starts: u32::MAX,
            ..Self::default()
        }
    }
}
