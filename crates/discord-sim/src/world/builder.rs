//! Describing a world to begin with: one guild, its roles, channels and members.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;

use super::permissions::{EVERYONE, MANAGE_ROLES};
use super::{Channel, Guild, Member, Role, User, World};
use crate::ids::{ChannelId, GuildId, RoleId, UserId};

/// A role to begin with. Roles are listed from the top down; the builder gives the positions.
#[derive(Debug, Clone)]
pub struct RoleSeed {
    /// A fixed id, or none to take the next free one.
    pub id: Option<RoleId>,
    /// Its name.
    pub name: String,
    /// Its permission bits.
    pub permissions: u64,
    /// Its colour.
    pub color: u32,
}

/// A member to begin with.
#[derive(Debug, Clone)]
pub struct MemberSeed {
    /// A fixed id, or none to take the next free one.
    pub id: Option<UserId>,
    /// The user's name.
    pub name: String,
    /// Names of roles the member holds.
    pub roles: Vec<String>,
}

/// Collects a guild to begin with; [`World::builder`] starts one. The first member is the owner.
/// The bot is always a member, holding a managed role whose place in the list is where [`WorldBuilder::bot_role`] was called.
#[derive(Debug, Clone, Default)]
pub struct WorldBuilder {
    guild_id: Option<GuildId>,
    guild_name: Option<String>,
    roles: Vec<RoleSeed>,
    bot_role: Option<usize>,
    channels: Vec<(Option<ChannelId>, String)>,
    members: Vec<MemberSeed>,
}

/// Fixed ids that nobody chose begin here (a moment in 2024, in Discord's time).
const FIRST_ID: u64 = 1_200_000_000_000_000_000;

impl WorldBuilder {
    /// Names the guild.
    #[must_use]
    pub fn guild(mut self, name: impl Into<String>) -> Self {
        self.guild_name = Some(name.into());
        self
    }

    /// Fixes the guild's id.
    #[must_use]
    pub fn guild_id(mut self, id: GuildId) -> Self {
        self.guild_id = Some(id);
        self
    }

    /// Adds a role without permissions, below those added before.
    #[must_use]
    pub fn role(self, name: impl Into<String>) -> Self {
        self.role_seed(RoleSeed { id: None, name: name.into(), permissions: 0, color: 0 })
    }

    /// Adds a role, below those added before.
    #[must_use]
    pub fn role_seed(mut self, role: RoleSeed) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds the bot's own managed role here, with `MANAGE_ROLES`. Without this call it stands above all others.
    #[must_use]
    pub fn bot_role(mut self, id: Option<RoleId>, name: impl Into<String>) -> Self {
        self.bot_role = Some(self.roles.len());
        self.role_seed(RoleSeed { id, name: name.into(), permissions: MANAGE_ROLES, color: 0x58_65_f2 })
    }

    /// Adds a text channel that the bot may write in.
    #[must_use]
    pub fn channel(self, name: impl Into<String>) -> Self {
        self.channel_with_id(None, name)
    }

    /// Adds a text channel with a fixed id.
    #[must_use]
    pub fn channel_with_id(mut self, id: impl Into<Option<ChannelId>>, name: impl Into<String>) -> Self {
        self.channels.push((id.into(), name.into()));
        self
    }

    /// Adds a member without roles. The first one owns the guild.
    #[must_use]
    pub fn member(self, name: impl Into<String>) -> Self {
        self.member_seed(MemberSeed { id: None, name: name.into(), roles: Vec::new() })
    }

    /// Adds a member.
    #[must_use]
    pub fn member_seed(mut self, member: MemberSeed) -> Self {
        self.members.push(member);
        self
    }

    /// Builds the world. The ids nobody fixed ascend from a constant, so the same description gives the same world.
    #[must_use]
    pub fn build(mut self) -> World {
        let mut next = FIRST_ID;
        let mut fresh = || {
            next += 1;
            next
        };
        if self.bot_role.is_none() {
            self.bot_role = Some(0);
            let role = RoleSeed { id: None, name: "Bot".into(), permissions: MANAGE_ROLES, color: 0x58_65_f2 };
            self.roles.insert(0, role);
        }
        let id = self.guild_id.unwrap_or_else(|| GuildId(fresh()));
        let mut guild = Guild {
            id,
            name: self.guild_name.unwrap_or_else(|| "Test Guild".into()),
            owner: UserId::default(),
            roles: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        let role = |id, name: &str, position, permissions, managed, color| Role {
            id,
            name: name.into(),
            position,
            permissions,
            managed,
            color,
            hoist: false,
            mentionable: false,
        };
        guild.roles.insert(RoleId(id.0), role(RoleId(id.0), "@everyone", 0, EVERYONE, false, 0));
        let mut position = i64::try_from(self.roles.len()).unwrap_or(0);
        let mut bot_roles = BTreeSet::new();
        for (index, seed) in self.roles.iter().enumerate() {
            let role_id = seed.id.unwrap_or_else(|| RoleId(fresh()));
            let managed = self.bot_role == Some(index);
            if managed {
                bot_roles.insert(role_id);
            }
            guild.roles.insert(role_id, role(role_id, &seed.name, position, seed.permissions, managed, seed.color));
            position -= 1;
        }
        let mut world = World::default();
        // The bot's id becomes known when the simulator starts; until then it is user 0.
        let joined_at = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(19_723);
        let bot = User { id: world.bot_id(), name: "Guildhall".into(), bot: true, takes_dms: false };
        guild.members.insert(bot.id, Member { user: bot.id, roles: bot_roles, nick: None, joined_at });
        world.users.insert(bot.id, bot);
        if self.members.is_empty() {
            self.members.push(MemberSeed { id: None, name: "owner".into(), roles: Vec::new() });
        }
        for (index, seed) in self.members.into_iter().enumerate() {
            let user = seed.id.unwrap_or_else(|| UserId(fresh()));
            if index == 0 {
                guild.owner = user;
            }
            let holds = |role: &&Role| seed.roles.contains(&role.name);
            let roles = guild.roles.values().filter(holds).map(|role| role.id).collect();
            guild.members.insert(user, Member { user, roles, nick: None, joined_at });
            world.users.insert(user, User { id: user, name: seed.name, bot: false, takes_dms: true });
        }
        if self.channels.is_empty() {
            self.channels.push((None, "hall".into()));
        }
        for (channel, name) in self.channels {
            let channel = channel.unwrap_or_else(|| ChannelId(fresh()));
            world.channels.insert(
                channel,
                Channel {
                    id: channel,
                    guild: Some(id),
                    name,
                    recipient: None,
                    bot_may_view: true,
                    bot_may_send: true,
                    last_message: None,
                    messages: BTreeMap::new(),
                },
            );
        }
        world.guilds.insert(id, guild);
        world
    }
}
