//! What people do in the guild by hand, and looking at it: members, roles, channels and messages.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Sim;
use crate::ids::{ChannelId, GuildId, MessageId, RoleId, UserId};
use crate::view::{
    ChannelPatch, ChannelView, GuildView, MemberView, MessageView, NewRole, RolePatch, RoleView, channel_view,
};
use crate::world::{Draft, Role, RoleChange};

impl Sim {
    /// All guilds.
    pub async fn guilds(&self) -> Result<Vec<GuildView>> {
        Ok(self.world(|world| world.guilds.values().map(|guild| world.guild_view(guild)).collect()))
    }

    /// One guild.
    pub async fn guild(&self, guild: GuildId) -> Result<GuildView> {
        Ok(self.world(|world| world.guild(guild).map(|guild| world.guild_view(guild)))?)
    }

    /// The members of a guild.
    pub async fn members(&self, guild: GuildId) -> Result<Vec<MemberView>> {
        Ok(self.world(|world| {
            let guild = world.guild(guild)?;
            Ok::<_, crate::error::DiscordError>(
                guild.members.values().map(|member| world.member_view(guild, member)).collect(),
            )
        })?)
    }

    /// One member.
    pub async fn member(&self, guild: GuildId, user: UserId) -> Result<MemberView> {
        self.world(|world| {
            let guild = world.guild(guild)?;
            let member = guild.members.get(&user).with_context(|| format!("{user} is not a member of {}", guild.id))?;
            Ok(world.member_view(guild, member))
        })
    }

    /// A person joins: a new one of this name, or `user` who left before.
    pub async fn join(&self, guild: GuildId, name: &str, user: Option<UserId>) -> Result<MemberView> {
        let user = user.unwrap_or_else(|| UserId(self.core.clock.snowflake()));
        self.core.update(|state| state.world.join(guild, user, name))?;
        self.member(guild, user).await
    }

    /// A member leaves.
    pub async fn leave(&self, guild: GuildId, user: UserId) -> Result<()> {
        Ok(self.core.update(|state| state.world.leave(guild, user))?)
    }

    /// Somebody gives a member a role by hand.
    pub async fn give_role(&self, guild: GuildId, user: UserId, role: RoleId) -> Result<()> {
        self.role_by_hand(guild, user, role, true)
    }

    /// Somebody takes a role from a member by hand.
    pub async fn take_role(&self, guild: GuildId, user: UserId, role: RoleId) -> Result<()> {
        self.role_by_hand(guild, user, role, false)
    }

    fn role_by_hand(&self, guild: GuildId, user: UserId, role: RoleId, given: bool) -> Result<()> {
        let at = self.core.clock.now();
        let change = RoleChange { guild, user, role, given, changed: false, by_bot: false, reason: None, at };
        Ok(self.core.update(|state| state.world.set_member_role(change))?)
    }

    /// Somebody creates a role by hand.
    pub async fn create_role(&self, guild: GuildId, role: NewRole) -> Result<RoleView> {
        let id = self.core.update(|state| {
            let fresh = Role {
                id: RoleId(0),
                name: role.name,
                position: 1,
                permissions: role.permissions,
                managed: false,
                color: role.color,
                hoist: false,
                mentionable: false,
            };
            let id = state.world.create_role(guild, fresh)?;
            match role.position {
                Some(position) => state.world.move_role(guild, id, position).map(|()| id),
                None => Ok(id),
            }
        })?;
        self.role(guild, id)
    }

    /// Somebody changes a role by hand, such as dragging it above the bot's.
    pub async fn patch_role(&self, guild: GuildId, role: RoleId, patch: RolePatch) -> Result<RoleView> {
        self.core.update(|state| {
            state.world.update_role(guild, role, |role| {
                role.name = patch.name.unwrap_or(std::mem::take(&mut role.name));
                role.permissions = patch.permissions.unwrap_or(role.permissions);
            })?;
            patch.position.map_or(Ok(()), |position| state.world.move_role(guild, role, position))
        })?;
        self.role(guild, role)
    }

    fn role(&self, guild: GuildId, role: RoleId) -> Result<RoleView> {
        self.world(|world| {
            world.role_view(world.guild(guild)?, role).with_context(|| format!("there is no role {role}"))
        })
    }

    /// Somebody deletes a role by hand.
    pub async fn delete_role(&self, guild: GuildId, role: RoleId) -> Result<()> {
        Ok(self.core.update(|state| state.world.delete_role(guild, role))?)
    }

    /// Somebody opens a text channel.
    pub async fn create_channel(&self, guild: GuildId, name: &str) -> Result<ChannelView> {
        let id = self.core.update(|state| state.world.create_channel(guild, name))?;
        self.channel(id)
    }

    /// Somebody changes a channel, or what the bot may do in it.
    pub async fn patch_channel(&self, channel: ChannelId, patch: ChannelPatch) -> Result<ChannelView> {
        self.core.update(|state| {
            state.world.update_channel(channel, |channel| {
                channel.name = patch.name.unwrap_or(std::mem::take(&mut channel.name));
                channel.bot_may_view = patch.bot_may_view.unwrap_or(channel.bot_may_view);
                channel.bot_may_send = patch.bot_may_send.unwrap_or(channel.bot_may_send);
            })
        })?;
        self.channel(channel)
    }

    fn channel(&self, channel: ChannelId) -> Result<ChannelView> {
        self.world(|world| world.channels.get(&channel).map(channel_view))
            .with_context(|| format!("there is no channel {channel}"))
    }

    /// Somebody deletes a channel.
    pub async fn delete_channel(&self, channel: ChannelId) -> Result<()> {
        Ok(self.core.update(|state| state.world.delete_channel(channel))?)
    }

    /// The messages of a channel, oldest first: those everybody sees, and with `seen_by` that person's ephemeral ones.
    pub async fn messages(&self, channel: ChannelId, seen_by: Option<UserId>) -> Result<Vec<MessageView>> {
        self.world(|world| {
            let place = world.channels.get(&channel).with_context(|| format!("there is no channel {channel}"))?;
            let seen =
                place.messages.values().filter(|message| message.visible_to.is_none_or(|only| Some(only) == seen_by));
            Ok(seen.map(|message| world.message_view(message)).collect())
        })
    }

    /// The bot's direct messages to a user, oldest first.
    pub async fn direct_messages(&self, user: UserId) -> Result<Vec<MessageView>> {
        let channel = self.world(|world| {
            world.channels.values().find(|channel| channel.recipient == Some(user)).map(|channel| channel.id)
        });
        match channel {
            Some(channel) => self.messages(channel, Some(user)).await,
            None => Ok(Vec::new()),
        }
    }

    /// A member writes in a channel.
    pub async fn say(&self, channel: ChannelId, user: UserId, content: &str) -> Result<MessageView> {
        self.core.update(|state| {
            let draft = Draft { content: content.into(), ..Draft::default() };
            let id = state.world.create_message(channel, user, draft, Duration::ZERO)?;
            let message = state.world.message(channel, id).context("the message vanished")?;
            Ok(state.world.message_view(message))
        })
    }

    /// Somebody deletes a message by hand.
    pub async fn delete_message(&self, channel: ChannelId, message: MessageId) -> Result<()> {
        Ok(self.core.update(|state| state.world.delete_message(channel, message))?)
    }

    /// A person opens or closes direct messages.
    pub async fn set_takes_dms(&self, user: UserId, takes: bool) -> Result<()> {
        self.core.update(|state| {
            let user = state.world.users.get_mut(&user).with_context(|| format!("there is no user {user}"))?;
            user.takes_dms = takes;
            Ok(())
        })
    }

    /// A member takes a name in the guild.
    pub async fn set_nick(&self, guild: GuildId, user: UserId, nick: Option<String>) -> Result<()> {
        Ok(self.core.update(|state| state.world.set_nick(guild, user, nick))?)
    }
}
