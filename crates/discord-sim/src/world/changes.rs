//! Changes to guilds, members, roles and channels, each with the gateway event Discord sends for it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Channel, Guild, Member, Role, User, World, render};
use crate::error::DiscordError;
use crate::ids::{ApplicationId, ChannelId, GuildId, RoleId, UserId};

const INTENT_GUILDS: u64 = 1;
const INTENT_MEMBERS: u64 = 1 << 1;

/// One role given or taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleChange {
    /// Where.
    pub guild: GuildId,
    /// Whose.
    pub user: UserId,
    /// Which.
    pub role: RoleId,
    /// Given (`true`) or taken.
    pub given: bool,
    /// Whether the member's roles were changed by it (giving a role twice changes nothing).
    pub changed: bool,
    /// The bot over REST (`true`), or a person by hand.
    pub by_bot: bool,
    /// The audit-log reason, if one was given.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

impl World {
    /// Makes the world serve an application: the bot of a built world (user 0) becomes that application's bot user.
    pub(crate) fn adopt(&mut self, application: ApplicationId) {
        let (old, new) = (self.bot_id(), UserId(application.0));
        self.application_id = application;
        if let Some(mut user) = self.users.remove(&old) {
            user.id = new;
            self.users.insert(new, user);
        }
        for guild in self.guilds.values_mut() {
            if let Some(mut member) = guild.members.remove(&old) {
                member.user = new;
                guild.members.insert(new, member);
            }
        }
    }

    pub(crate) fn guild(&self, guild: GuildId) -> Result<&Guild, DiscordError> {
        self.guilds.get(&guild).ok_or(DiscordError::UNKNOWN_GUILD)
    }

    pub(crate) fn guild_mut(&mut self, guild: GuildId) -> Result<&mut Guild, DiscordError> {
        self.guilds.get_mut(&guild).ok_or(DiscordError::UNKNOWN_GUILD)
    }

    /// A user joins; a known user without the guild's membership joins anew.
    pub(crate) fn join(&mut self, guild: GuildId, user: UserId, name: &str) -> Result<(), DiscordError> {
        let joined_at = self.clock.now();
        let fresh = User { id: user, name: name.into(), bot: false, takes_dms: true };
        self.users.entry(user).or_insert(fresh);
        let member = Member { user, roles: BTreeSet::new(), nick: None, joined_at };
        self.guild_mut(guild)?.members.insert(user, member.clone());
        let mut data = render::member(self, &member);
        data["guild_id"] = json!(guild);
        self.emit("GUILD_MEMBER_ADD", Some(guild), INTENT_MEMBERS, data);
        Ok(())
    }

    /// A member leaves.
    pub(crate) fn leave(&mut self, guild: GuildId, user: UserId) -> Result<(), DiscordError> {
        self.guild_mut(guild)?.members.remove(&user).ok_or(DiscordError::UNKNOWN_MEMBER)?;
        let user = self.users.get(&user).map(render::user);
        self.emit("GUILD_MEMBER_REMOVE", Some(guild), INTENT_MEMBERS, json!({ "guild_id": guild, "user": user }));
        Ok(())
    }

    /// Gives or takes a role and records it. Rights are the caller's business.
    pub(crate) fn set_member_role(&mut self, change: RoleChange) -> Result<(), DiscordError> {
        let guild = self.guild_mut(change.guild)?;
        let member = guild.members.get_mut(&change.user).ok_or(DiscordError::UNKNOWN_MEMBER)?;
        if !guild.roles.contains_key(&change.role) {
            return Err(DiscordError::UNKNOWN_ROLE);
        }
        let changed = if change.given { member.roles.insert(change.role) } else { member.roles.remove(&change.role) };
        let (id, user) = (change.guild, change.user);
        self.role_changes.push(RoleChange { changed, ..change });
        if changed {
            self.tell_of_member(id, user);
        }
        Ok(())
    }

    /// Changes a member's name in the guild.
    pub(crate) fn set_nick(&mut self, guild: GuildId, user: UserId, nick: Option<String>) -> Result<(), DiscordError> {
        let member = self.guild_mut(guild)?.members.get_mut(&user).ok_or(DiscordError::UNKNOWN_MEMBER)?;
        member.nick = nick;
        self.tell_of_member(guild, user);
        Ok(())
    }

    fn tell_of_member(&mut self, guild: GuildId, user: UserId) {
        let Some(member) = self.guilds.get(&guild).and_then(|guild| guild.members.get(&user)) else { return };
        let mut data = render::member(self, member);
        data["guild_id"] = json!(guild);
        // A bot hears of changes to itself without the intent.
        let intents = if user == self.bot_id() { 0 } else { INTENT_MEMBERS };
        self.emit("GUILD_MEMBER_UPDATE", Some(guild), intents, data);
    }

    /// Creates a role right above @everyone.
    pub(crate) fn create_role(&mut self, guild: GuildId, mut role: Role) -> Result<RoleId, DiscordError> {
        let id = RoleId(self.clock.snowflake());
        role.id = id;
        let owner = self.guild_mut(guild)?;
        let everyone = RoleId(owner.id.0);
        for other in owner.roles.values_mut().filter(|other| other.id != everyone && other.position >= role.position) {
            other.position += 1;
        }
        owner.roles.insert(id, role);
        self.tell_of_role("GUILD_ROLE_CREATE", guild, id);
        Ok(id)
    }

    /// Changes a role in place.
    pub(crate) fn update_role(
        &mut self,
        guild: GuildId,
        role: RoleId,
        change: impl FnOnce(&mut Role),
    ) -> Result<(), DiscordError> {
        change(self.guild_mut(guild)?.roles.get_mut(&role).ok_or(DiscordError::UNKNOWN_ROLE)?);
        self.tell_of_role("GUILD_ROLE_UPDATE", guild, role);
        Ok(())
    }

    /// Drags a role to a position; the roles it passes make room, as in Discord's settings.
    pub(crate) fn move_role(&mut self, guild: GuildId, role: RoleId, position: i64) -> Result<(), DiscordError> {
        let owner = self.guild_mut(guild)?;
        if !owner.roles.contains_key(&role) {
            return Err(DiscordError::UNKNOWN_ROLE);
        }
        let everyone = RoleId(owner.id.0);
        let mut order: Vec<RoleId> = owner.roles.keys().copied().filter(|id| *id != everyone && *id != role).collect();
        order.sort_by_key(|id| owner.roles.get(id).map(|role| (role.position, std::cmp::Reverse(role.id.0))));
        let place = usize::try_from(position.max(1) - 1).unwrap_or(0).min(order.len());
        order.insert(place, role);
        let mut moved = Vec::new();
        for (position, id) in (1..).zip(order) {
            if let Some(role) = owner.roles.get_mut(&id).filter(|role| role.position != position) {
                role.position = position;
                moved.push(id);
            }
        }
        for id in moved {
            self.tell_of_role("GUILD_ROLE_UPDATE", guild, id);
        }
        Ok(())
    }

    /// Deletes a role and takes it from everybody.
    pub(crate) fn delete_role(&mut self, guild: GuildId, role: RoleId) -> Result<(), DiscordError> {
        let owner = self.guild_mut(guild)?;
        owner.roles.remove(&role).ok_or(DiscordError::UNKNOWN_ROLE)?;
        for member in owner.members.values_mut() {
            member.roles.remove(&role);
        }
        self.emit("GUILD_ROLE_DELETE", Some(guild), INTENT_GUILDS, json!({ "guild_id": guild, "role_id": role }));
        Ok(())
    }

    fn tell_of_role(&mut self, name: &'static str, guild: GuildId, role: RoleId) {
        let Some(role) = self.guilds.get(&guild).and_then(|guild| guild.roles.get(&role)).map(render::role) else {
            return;
        };
        self.emit(name, Some(guild), INTENT_GUILDS, json!({ "guild_id": guild, "role": role }));
    }

    /// Opens a text channel.
    pub(crate) fn create_channel(&mut self, guild: GuildId, name: &str) -> Result<ChannelId, DiscordError> {
        self.guild(guild)?;
        let id = ChannelId(self.clock.snowflake());
        let channel = Channel {
            id,
            guild: Some(guild),
            name: name.into(),
            recipient: None,
            bot_may_view: true,
            bot_may_send: true,
            last_message: None,
            messages: BTreeMap::new(),
        };
        let data = render::channel(self, &channel);
        self.channels.insert(id, channel);
        self.emit("CHANNEL_CREATE", Some(guild), INTENT_GUILDS, data);
        Ok(id)
    }

    /// Changes a channel in place.
    pub(crate) fn update_channel(
        &mut self,
        channel: ChannelId,
        change: impl FnOnce(&mut Channel),
    ) -> Result<(), DiscordError> {
        let place = self.channels.get_mut(&channel).ok_or(DiscordError::UNKNOWN_CHANNEL)?;
        change(place);
        let guild = place.guild;
        if let Some(place) = self.channels.get(&channel) {
            let data = render::channel(self, place);
            self.emit("CHANNEL_UPDATE", guild, INTENT_GUILDS, data);
        }
        Ok(())
    }

    /// Deletes a channel and what was written in it.
    pub(crate) fn delete_channel(&mut self, channel: ChannelId) -> Result<(), DiscordError> {
        let gone = self.channels.remove(&channel).ok_or(DiscordError::UNKNOWN_CHANNEL)?;
        let data = render::channel(self, &gone);
        self.emit("CHANNEL_DELETE", gone.guild, INTENT_GUILDS, data);
        Ok(())
    }

    /// The bot's direct-message channel with a user, opened if there is none.
    pub(crate) fn open_dm(&mut self, user: UserId) -> Result<ChannelId, DiscordError> {
        if !self.users.contains_key(&user) {
            return Err(DiscordError::UNKNOWN_USER);
        }
        if let Some(channel) = self.channels.values().find(|channel| channel.recipient == Some(user)) {
            return Ok(channel.id);
        }
        let id = ChannelId(self.clock.snowflake());
        let channel = Channel {
            id,
            guild: None,
            name: String::new(),
            recipient: Some(user),
            bot_may_view: true,
            bot_may_send: true,
            last_message: None,
            messages: BTreeMap::new(),
        };
        self.channels.insert(id, channel);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Demo;

    #[test]
    fn a_role_dragged_above_the_bot_is_out_of_its_reach_and_the_others_make_room() {
        let mut world = World::demo();
        world.adopt(ApplicationId(9));
        world.move_role(Demo::GUILD, Demo::ROOKIE, 4).unwrap();
        let guild = &world.guilds[&Demo::GUILD];
        let positions =
            [Demo::ROOKIE, Demo::BOT_ROLE, Demo::CHAMPION, Demo::VETERAN].map(|role| guild.roles[&role].position);
        assert_eq!(positions, [4, 3, 2, 1]);
        assert!(!guild.is_below(&guild.roles[&Demo::ROOKIE], world.bot_id()));
        assert!(guild.is_below(&guild.roles[&Demo::VETERAN], world.bot_id()));
    }
}
