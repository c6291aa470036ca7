//! Messages: creating, editing and deleting them, and whom they ping.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{World, permissions, render};
use crate::error::DiscordError;
use crate::ids::{ChannelId, InteractionId, MessageId, RoleId, UserId};

/// Message flags.
pub(crate) mod flags {
    /// Only one person sees it.
    pub(crate) const EPHEMERAL: u64 = 1 << 6;
    /// "The application is thinking…".
    pub(crate) const LOADING: u64 = 1 << 7;
}

const INTENT_MESSAGES: u64 = 1 << 9;
const INTENT_DIRECT_MESSAGES: u64 = 1 << 12;

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The channel it is in.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// Its text.
    pub content: String,
    /// Its embeds, as sent.
    pub embeds: Vec<Value>,
    /// Its components, as sent.
    pub components: Vec<Value>,
    /// The sender's nonce.
    pub nonce: Option<Value>,
    /// Discord's message flags.
    pub flags: u64,
    /// The only person who sees it, for ephemeral messages.
    pub visible_to: Option<UserId>,
    /// The interaction it answers.
    pub interaction: Option<InteractionId>,
    /// Users it pings.
    pub mentions: BTreeSet<UserId>,
    /// Roles it pings.
    pub mention_roles: BTreeSet<RoleId>,
    /// Whether it pings everyone.
    pub mention_everyone: bool,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub edited_at: Option<DateTime<Utc>>,
    /// How often it was edited.
    pub edits: u32,
}

impl Message {
    /// Whether only one person sees it.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.flags & flags::EPHEMERAL != 0
    }

    /// Whether it still says "the application is thinking…".
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.flags & flags::LOADING != 0
    }
}

/// A message about to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) content: String,
    pub(crate) embeds: Vec<Value>,
    pub(crate) components: Vec<Value>,
    pub(crate) nonce: Option<Value>,
    pub(crate) enforce_nonce: bool,
    pub(crate) flags: u64,
    pub(crate) allowed_mentions: Option<Value>,
    pub(crate) visible_to: Option<UserId>,
    pub(crate) interaction: Option<InteractionId>,
}

/// A change to a message; absent fields stay.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edit {
    pub(crate) content: Option<String>,
    pub(crate) embeds: Option<Vec<Value>>,
    pub(crate) components: Option<Vec<Value>>,
    pub(crate) flags: Option<u64>,
    pub(crate) allowed_mentions: Option<Value>,
}

impl World {
    /// Writes a message; with `enforce_nonce`, an earlier one of the same author and nonce is returned instead.
    pub(crate) fn create_message(
        &mut self,
        channel: ChannelId,
        author: UserId,
        draft: Draft,
        nonce_memory: Duration,
    ) -> Result<MessageId, DiscordError> {
        let now = self.clock.now();
        let memory = TimeDelta::from_std(nonce_memory).unwrap_or(TimeDelta::zero());
        let place = self.channels.get(&channel).ok_or(DiscordError::UNKNOWN_CHANNEL)?;
        if draft.enforce_nonce && draft.nonce.is_some() {
            let repeats = |m: &&Message| m.author == author && m.nonce == draft.nonce && now - m.created_at < memory;
            if let Some(earlier) = place.messages.values().rev().find(repeats) {
                return Ok(earlier.id);
            }
        }
        let pings = self.pings(channel, author, &draft.content, draft.allowed_mentions.as_ref());
        let id = MessageId(self.clock.snowflake());
        let message = Message {
            id,
            channel,
            author,
            content: draft.content,
            embeds: draft.embeds,
            components: draft.components,
            nonce: draft.nonce,
            flags: draft.flags,
            visible_to: draft.visible_to,
            interaction: draft.interaction,
            mentions: pings.users,
            mention_roles: pings.roles,
            mention_everyone: pings.everyone,
            created_at: now,
            edited_at: None,
            edits: 0,
        };
        if let Some(place) = self.channels.get_mut(&channel) {
            if message.visible_to.is_none() {
                place.last_message = Some(id);
            }
            place.messages.insert(id, message);
        }
        self.tell_of_message("MESSAGE_CREATE", channel, id);
        Ok(id)
    }

    /// Changes a message. Ends its "thinking" state.
    pub(crate) fn edit_message(&mut self, channel: ChannelId, id: MessageId, edit: Edit) -> Result<(), DiscordError> {
        let now = self.clock.now();
        let message = self.message(channel, id).ok_or(DiscordError::UNKNOWN_MESSAGE)?;
        let author = message.author;
        let pings = edit.content.as_ref().map(|text| self.pings(channel, author, text, edit.allowed_mentions.as_ref()));
        let message = self
            .channels
            .get_mut(&channel)
            .and_then(|place| place.messages.get_mut(&id))
            .ok_or(DiscordError::UNKNOWN_MESSAGE)?;
        if let Some(content) = edit.content {
            message.content = content;
        }
        if let Some(embeds) = edit.embeds {
            message.embeds = embeds;
        }
        if let Some(components) = edit.components {
            message.components = components;
        }
        if let Some(pings) = pings {
            message.mentions = pings.users;
            message.mention_roles = pings.roles;
            message.mention_everyone = pings.everyone;
        }
        let kept = message.flags & flags::EPHEMERAL;
        message.flags = edit.flags.map_or(message.flags & !flags::LOADING, |new| new & !flags::LOADING) | kept;
        message.edited_at = Some(now);
        message.edits += 1;
        self.tell_of_message("MESSAGE_UPDATE", channel, id);
        Ok(())
    }

    /// Removes a message.
    pub(crate) fn delete_message(&mut self, channel: ChannelId, id: MessageId) -> Result<(), DiscordError> {
        let place = self.channels.get_mut(&channel).ok_or(DiscordError::UNKNOWN_CHANNEL)?;
        let guild = place.guild;
        let gone = place.messages.remove(&id).ok_or(DiscordError::UNKNOWN_MESSAGE)?;
        if gone.visible_to.is_none() {
            let intents = if guild.is_some() { INTENT_MESSAGES } else { INTENT_DIRECT_MESSAGES };
            self.emit("MESSAGE_DELETE", guild, intents, json!({ "id": id, "channel_id": channel, "guild_id": guild }));
        }
        Ok(())
    }

    /// A message by its place.
    #[must_use]
    pub fn message(&self, channel: ChannelId, id: MessageId) -> Option<&Message> {
        self.channels.get(&channel)?.messages.get(&id)
    }

    fn tell_of_message(&mut self, name: &'static str, channel: ChannelId, id: MessageId) {
        let Some(message) = self.message(channel, id).filter(|message| message.visible_to.is_none()) else { return };
        let Some(place) = self.channels.get(&channel) else { return };
        let guild = place.guild;
        let mut data = render::message(self, message);
        if let Some(guild) = guild {
            data["guild_id"] = json!(guild);
            if let Some(member) = self.guilds.get(&guild).and_then(|g| g.members.get(&message.author)) {
                data["member"] = render::member_without_user(member);
            }
        }
        // Discord blanks what others wrote unless the bot wrote it, is mentioned, or it is a direct message.
        let bot = self.bot_id();
        let private = guild.is_some() && message.author != bot && !message.mentions.contains(&bot);
        let redacted = private.then(|| {
            let mut blank = data.clone();
            blank["content"] = json!("");
            for key in ["embeds", "components", "attachments"] {
                blank[key] = json!([]);
            }
            blank
        });
        let intents = if guild.is_some() { INTENT_MESSAGES } else { INTENT_DIRECT_MESSAGES };
        self.emit(name, guild, intents, data);
        if let Some(event) = self.events.last_mut() {
            event.redacted = redacted;
        }
    }

    /// Whom a text pings: mentions in the text, as far as `allowed_mentions` lets them through.
    fn pings(&self, channel: ChannelId, author: UserId, text: &str, allowed: Option<&Value>) -> Pings {
        let listed = |key: &str| {
            let list = allowed.and_then(|a| a[key].as_array()).into_iter().flatten();
            list.filter_map(|id| id.as_str().and_then(|id| id.parse::<u64>().ok()).or_else(|| id.as_u64()))
                .collect::<BTreeSet<_>>()
        };
        let parses = |what: &str| {
            allowed.is_none_or(|a| a["parse"].as_array().is_some_and(|list| list.iter().any(|entry| entry == what)))
        };
        let guild = self.channels.get(&channel).and_then(|c| c.guild).and_then(|id| self.guilds.get(&id));
        let may_ping_all = guild
            .and_then(|guild| guild.members.get(&author).map(|member| guild.permissions(member)))
            .is_some_and(|bits| bits & permissions::MENTION_EVERYONE != 0);
        let mut pings = Pings {
            everyone: may_ping_all && parses("everyone") && (text.contains("@everyone") || text.contains("@here")),
            ..Pings::default()
        };
        let (users, roles) = (listed("users"), listed("roles"));
        for mention in text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(inside, _)| inside) {
            if let Some(id) = mention.strip_prefix("@&").and_then(|id| id.parse().ok()) {
                let known = guild.and_then(|guild| guild.roles.get(&RoleId(id)));
                let open = known.is_some_and(|role| role.mentionable || may_ping_all);
                if open && (parses("roles") || roles.contains(&id)) {
                    pings.roles.insert(RoleId(id));
                }
            } else if let Some(id) = mention.strip_prefix('@').and_then(|id| id.trim_start_matches('!').parse().ok())
                && self.users.contains_key(&UserId(id))
                && (parses("users") || users.contains(&id))
            {
                pings.users.insert(UserId(id));
            }
        }
        pings
    }
}

#[derive(Default)]
struct Pings {
    users: BTreeSet<UserId>,
    roles: BTreeSet<RoleId>,
    everyone: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Demo;

    #[test]
    fn allowed_mentions_decide_who_is_pinged() {
        let mut world = World::demo();
        world.adopt(crate::ids::ApplicationId(9));
        let bram = Demo::BRAM;
        for (allowed, users, why) in [
            (None, 1, "without allowed_mentions all are parsed"),
            (Some(json!({"parse": []})), 0, "an empty parse list silences"),
            (Some(json!({"parse": ["users"]})), 1, "users are parsed"),
            (Some(json!({"parse": [], "users": [bram]})), 1, "a listed user is pinged"),
            (Some(json!({"parse": [], "users": ["1"]})), 0, "another listed user is not"),
        ] {
            let text = format!("well done <@{bram}> @everyone");
            let draft = Draft { content: text, allowed_mentions: allowed, ..Draft::default() };
            let bot = world.bot_id();
            let id = world.create_message(Demo::HALL, bot, draft, Duration::ZERO).unwrap();
            let message = world.message(Demo::HALL, id).unwrap();
            assert_eq!(message.mentions.len(), users, "{why}");
            assert!(!message.mention_everyone, "the bot lacks MENTION_EVERYONE");
        }
    }
}
