//! The simulated Discord's state: users, guilds, roles, channels, messages, commands and interactions.
//! Plain data and the rules that change it; it knows no HTTP and no sockets. What changes is noted as gateway events,
//! which [`crate::core`] hands to the sessions.

mod builder;
mod changes;
pub(crate) mod commands;
mod demo;
mod interaction;
mod message;
pub mod permissions;
pub(crate) mod persist;
pub(crate) mod render;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use builder::{MemberSeed, RoleSeed, WorldBuilder};
pub use changes::RoleChange;
pub use commands::Command;
pub use demo::Demo;
pub(crate) use interaction::{FirstResponse, Interaction, Opening};
pub use interaction::{InteractionKind, InteractionState};
pub use message::Message;
pub(crate) use message::{Draft, Edit, flags};

use crate::clock::Clock;
use crate::ids::{ApplicationId, ChannelId, CommandId, GuildId, InteractionId, RoleId, UserId};

/// Everything the simulated Discord remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct World {
    /// The application (and bot user) the world serves; set when the simulator starts.
    pub application_id: ApplicationId,
    /// All users, bots included.
    pub users: BTreeMap<UserId, User>,
    /// All guilds.
    pub guilds: BTreeMap<GuildId, Guild>,
    /// All channels, with their messages.
    pub channels: BTreeMap<ChannelId, Channel>,
    /// Registered application commands.
    pub commands: BTreeMap<CommandId, Command>,
    /// Who gave and took which role, oldest first.
    #[serde(default)]
    pub role_changes: Vec<RoleChange>,
    #[serde(skip)]
    pub(crate) interactions: BTreeMap<InteractionId, Interaction>,
    #[serde(skip)]
    pub(crate) clock: Clock,
    #[serde(skip)]
    pub(crate) events: Vec<Event>,
}

/// A user account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name.
    pub name: String,
    /// Whether it is a bot.
    pub bot: bool,
    /// Whether it takes direct messages.
    pub takes_dms: bool,
}

/// A guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guild {
    /// Its id, which is also the id of its @everyone role.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// The user who owns it.
    pub owner: UserId,
    /// Its roles.
    pub roles: BTreeMap<RoleId, Role>,
    /// Its members.
    pub members: BTreeMap<UserId, Member>,
}

/// A role of a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Its place in the list; higher is mightier.
    pub position: i64,
    /// Its permission bits.
    pub permissions: u64,
    /// Whether an integration owns it (then nobody can give it).
    pub managed: bool,
    /// Its colour as 0xRRGGBB; 0 is none.
    pub color: u32,
    /// Whether its members are listed apart.
    #[serde(default)]
    pub hoist: bool,
    /// Whether anyone may mention it.
    #[serde(default)]
    pub mentionable: bool,
}

/// A user in a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The user.
    pub user: UserId,
    /// The roles held, @everyone not among them.
    pub roles: BTreeSet<RoleId>,
    /// The name in this guild, if another.
    pub nick: Option<String>,
    /// When the user joined.
    pub joined_at: DateTime<Utc>,
}

/// A text channel of a guild, or a direct-message channel with the bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// The guild it belongs to; none for direct messages.
    pub guild: Option<GuildId>,
    /// Its name, without the hash sign.
    pub name: String,
    /// The person at the other end, for direct messages.
    pub recipient: Option<UserId>,
    /// Whether the bot sees it.
    pub bot_may_view: bool,
    /// Whether the bot may write in it.
    pub bot_may_send: bool,
    /// The newest message that everybody sees, also if it was deleted since.
    pub last_message: Option<crate::ids::MessageId>,
    /// Its messages, oldest first.
    pub messages: BTreeMap<crate::ids::MessageId, Message>,
}

/// Something the gateway tells its sessions.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The dispatch name, such as `GUILD_MEMBER_ADD`.
    pub(crate) name: &'static str,
    /// The guild that decides the shard; none goes to shard 0.
    pub(crate) guild: Option<GuildId>,
    /// A session needs one of these intent bits; 0 asks for none.
    pub(crate) intents: u64,
    /// The payload.
    pub(crate) data: Value,
    /// What a session without the message-content intent gets instead.
    pub(crate) redacted: Option<Value>,
}

impl World {
    /// Describes a world with one guild.
    #[must_use]
    pub fn builder() -> WorldBuilder {
        WorldBuilder::default()
    }

    /// The bot user's id.
    #[must_use]
    pub fn bot_id(&self) -> UserId {
        UserId(self.application_id.0)
    }

    /// The bot's membership in a guild, if it is in it.
    #[must_use]
    pub fn bot_in(&self, guild: GuildId) -> Option<&Member> {
        self.guilds.get(&guild)?.members.get(&self.bot_id())
    }

    /// What the bot may do in a channel.
    #[must_use]
    pub fn bot_permissions_in(&self, channel: &Channel) -> u64 {
        let Some(guild) = channel.guild else { return permissions::ALL };
        let Some((guild, member)) = self.guilds.get(&guild).zip(self.bot_in(guild)) else { return 0 };
        let mut bits = guild.permissions(member);
        if bits & permissions::ADMINISTRATOR != 0 {
            return bits;
        }
        if !channel.bot_may_send {
            bits &= !permissions::SEND_MESSAGES;
        }
        if channel.bot_may_view { bits } else { 0 }
    }

    pub(crate) fn emit(&mut self, name: &'static str, guild: Option<GuildId>, intents: u64, data: Value) {
        self.events.push(Event { name, guild, intents, data, redacted: None });
    }
}
