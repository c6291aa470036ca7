//! Owns the simulated Discord of a stack: many guilds in one world, one for each test.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use discord_sim::{ChannelId, GuildId, Limits, MemberSeed, RoleId, Sim, SimConfig, UserId, World};

use crate::time::now;

/// The person who is always an officer, and owns every guild.
pub const ROOT: UserId = UserId(200_000_000_000_000_001);
/// How many tests of one binary can have a guild. Each guild is known to the bot from its start.
const GUILDS: u64 = 64;
/// How far guilds' ids are apart: what belongs to one gets the ids in between.
const APART: u64 = 16;

/// One guild and its channels.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The guild.
    pub guild: GuildId,
    /// Where members use commands.
    pub hall: ChannelId,
    /// The officers' channel.
    pub officers: ChannelId,
    /// The channel for announcements.
    pub news: ChannelId,
}

/// A simulated Discord that hands out guilds.
pub struct Discord {
    sim: Sim,
    first: u64,
    taken: AtomicU64,
}

impl Discord {
    /// Starts it, without rate limits but for those that tests set.
    pub(crate) async fn start() -> Result<Self> {
        // Ids of this run alone: a message that an earlier run left somewhere can't be about its guilds.
        let age = u64::try_from(now().timestamp_millis() - discord_sim::DISCORD_EPOCH_MS)?;
        let first = (age - 86_400_000) << 22;
        let mut world = World::default();
        for index in 0..GUILDS {
            let Place { guild, hall, officers, news } = place(first, index);
            let one = World::builder()
                .guild(format!("Guild {index}"))
                .guild_id(guild)
                .bot_role(Some(RoleId(guild.0 + 4)), "Guildhall")
                .channel_with_id(hall, "hall")
                .channel_with_id(officers, "officers")
                .channel_with_id(news, "news")
                .member_seed(MemberSeed { id: Some(ROOT), name: "root".into(), roles: Vec::new() })
                .build();
            world.users.extend(one.users);
            world.guilds.extend(one.guilds);
            world.channels.extend(one.channels);
        }
        let sim = Sim::start(SimConfig { limits: Limits::unlimited(), ..SimConfig::new(world) }).await?;
        Ok(Self { sim, first, taken: AtomicU64::new(0) })
    }

    /// The simulator itself: faults, and everything people do.
    #[must_use]
    pub const fn sim(&self) -> &Sim {
        &self.sim
    }

    /// A guild that nobody has yet.
    pub(crate) fn take(&self) -> Result<Place> {
        let index = self.taken.fetch_add(1, Ordering::Relaxed);
        (index < GUILDS).then(|| place(self.first, index)).context("more tests than guilds: raise GUILDS")
    }
}

fn place(first: u64, index: u64) -> Place {
    let guild = first + index * APART;
    Place {
        guild: GuildId(guild),
        hall: ChannelId(guild + 1),
        officers: ChannelId(guild + 2),
        news: ChannelId(guild + 3),
    }
}
