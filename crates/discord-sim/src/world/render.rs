//! The world as Discord's API objects (JSON), field for field as documented for API v10.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{Channel, Command, Guild, Member, Message, Role, User, World, permissions};
use crate::ids::{GuildId, RoleId, UserId};

pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

pub(crate) fn user(user: &User) -> Value {
    json!({
        "id": user.id, "username": user.name, "discriminator": "0", "global_name": null, "avatar": null,
        "bot": user.bot, "system": false, "flags": 0, "public_flags": 0,
    })
}

/// The bot, as `GET /users/@me` and READY show it.
pub(crate) fn current_user(world: &World) -> Value {
    let mut me = world.users.get(&world.bot_id()).map(user).unwrap_or_default();
    me["verified"] = json!(true);
    me["mfa_enabled"] = json!(true);
    me["email"] = Value::Null;
    me
}

pub(crate) fn member_without_user(member: &Member) -> Value {
    json!({
        "nick": member.nick, "avatar": null, "banner": null, "roles": member.roles, "flags": 0, "pending": false,
        "joined_at": timestamp(member.joined_at), "premium_since": null, "deaf": false, "mute": false,
        "communication_disabled_until": null,
    })
}

pub(crate) fn member(world: &World, member: &Member) -> Value {
    let mut value = member_without_user(member);
    value["user"] = world.users.get(&member.user).map(user).unwrap_or_default();
    value
}

pub(crate) fn role(role: &Role) -> Value {
    json!({
        "id": role.id, "name": role.name, "color": role.color, "hoist": role.hoist, "icon": null, "unicode_emoji": null,
        "colors": { "primary_color": role.color, "secondary_color": null, "tertiary_color": null },
        "position": role.position, "permissions": role.permissions.to_string(), "managed": role.managed,
        "mentionable": role.mentionable, "flags": 0,
    })
}

pub(crate) fn roles(guild: &Guild) -> Value {
    guild.roles.values().map(role).collect()
}

pub(crate) fn channel(world: &World, channel: &Channel) -> Value {
    let last = channel.last_message;
    if let Some(recipient) = channel.recipient {
        let recipient = world.users.get(&recipient).map(user);
        return json!({ "id": channel.id, "type": 1, "last_message_id": last, "recipients": [recipient], "flags": 0 });
    }
    let siblings = world.channels.values().filter(|other| other.guild == channel.guild && other.id < channel.id);
    json!({
        "id": channel.id, "guild_id": channel.guild, "type": 0, "name": channel.name, "position": siblings.count(),
        "topic": null, "parent_id": null, "nsfw": false, "rate_limit_per_user": 0, "last_message_id": last, "flags": 0,
        "permission_overwrites": overwrites(world, channel),
    })
}

/// What the bot is denied in a channel, as the overwrite that would deny it.
fn overwrites(world: &World, channel: &Channel) -> Value {
    let mut deny = 0;
    if !channel.bot_may_view {
        deny |= permissions::VIEW_CHANNEL;
    }
    if !channel.bot_may_send {
        deny |= permissions::SEND_MESSAGES;
    }
    if deny == 0 {
        return json!([]);
    }
    json!([{ "id": world.bot_id(), "type": 1, "allow": "0", "deny": deny.to_string() }])
}

/// The guild object of `GET /guilds/{id}`.
pub(crate) fn guild(guild: &Guild) -> Value {
    json!({
        "id": guild.id, "name": guild.name, "icon": null, "splash": null, "discovery_splash": null,
        "owner_id": guild.owner, "afk_channel_id": null, "afk_timeout": 300, "widget_enabled": false,
        "widget_channel_id": null, "verification_level": 0, "default_message_notifications": 0,
        "explicit_content_filter": 0, "roles": roles(guild), "emojis": [], "features": [], "mfa_level": 0,
        "application_id": null, "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null,
        "max_presences": null, "max_members": 500_000, "vanity_url_code": null, "description": null, "banner": null,
        "premium_tier": 0, "premium_subscription_count": 0, "preferred_locale": "en-US",
        "public_updates_channel_id": null, "max_video_channel_users": 25, "max_stage_video_channel_users": 50,
        "nsfw_level": 0, "nsfw": false, "stickers": [], "premium_progress_bar_enabled": false,
        "safety_alerts_channel_id": null, "incidents_data": null,
    })
}

/// GUILD_CREATE: the guild with its channels and, as without the presence intent, no member but the bot.
pub(crate) fn guild_create(world: &World, id: GuildId) -> Option<Value> {
    let owner = world.guilds.get(&id)?;
    let bot = owner.members.get(&world.bot_id())?;
    let mut value = guild(owner);
    let channels: Vec<Value> = world
        .channels
        .values()
        .filter(|place| place.guild == Some(id) && place.bot_may_view)
        .map(|place| channel(world, place))
        .collect();
    let extra = json!({
        "joined_at": timestamp(bot.joined_at), "large": owner.members.len() > 250, "unavailable": false,
        "member_count": owner.members.len(), "voice_states": [], "members": [member(world, bot)], "channels": channels,
        "threads": [], "presences": [], "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
    });
    if let (Some(value), Value::Object(extra)) = (value.as_object_mut(), extra) {
        value.extend(extra);
    }
    Some(value)
}

pub(crate) fn message(world: &World, message: &Message) -> Value {
    let people = |ids: &std::collections::BTreeSet<UserId>| {
        ids.iter().filter_map(|id| world.users.get(id)).map(user).collect::<Vec<_>>()
    };
    let mut value = json!({
        "id": message.id, "channel_id": message.channel, "type": if message.interaction.is_some() { 20 } else { 0 },
        "author": world.users.get(&message.author).map(user), "content": message.content,
        "timestamp": timestamp(message.created_at), "edited_timestamp": message.edited_at.map(timestamp), "tts": false,
        "mention_everyone": message.mention_everyone, "mentions": people(&message.mentions),
        "mention_roles": message.mention_roles, "attachments": [], "embeds": message.embeds,
        "components": with_component_ids(&message.components), "pinned": false, "flags": message.flags,
    });
    if let Some(nonce) = &message.nonce {
        value["nonce"] = nonce.clone();
    }
    if message.interaction.is_some() {
        value["application_id"] = json!(world.application_id);
        value["webhook_id"] = json!(world.application_id);
    }
    value
}

/// Discord numbers components; a bot sees the number in `id`.
fn with_component_ids(components: &[Value]) -> Value {
    fn number(value: &Value, next: &mut u32) -> Value {
        let mut value = value.clone();
        if let Some(component) = value.as_object_mut() {
            *next += 1;
            component.entry("id").or_insert(json!(*next));
            if let Some(children) = component.get("components").and_then(Value::as_array) {
                let children: Vec<Value> = children.iter().map(|child| number(child, next)).collect();
                component.insert("components".into(), Value::Array(children));
            }
        }
        value
    }
    let mut next = 0;
    components.iter().map(|component| number(component, &mut next)).collect()
}

pub(crate) fn command(world: &World, command: &Command) -> Value {
    let mut value = command.body.clone();
    value["id"] = json!(command.id);
    value["application_id"] = json!(world.application_id);
    value["version"] = json!(command.version.to_string());
    if let Some(guild) = command.guild {
        value["guild_id"] = json!(guild);
    }
    value
}

pub(crate) fn application(world: &World, public_key: &str, endpoint: Option<&str>) -> Value {
    let bot = world.users.get(&world.bot_id());
    let owner = world.guilds.values().next().and_then(|guild| world.users.get(&guild.owner)).map(user);
    json!({
        "id": world.application_id, "name": bot.map(|bot| bot.name.as_str()), "icon": null, "description": "",
        "bot_public": true, "bot_require_code_grant": false, "verify_key": public_key, "team": null, "owner": owner,
        "bot": bot.map(user), "flags": APPLICATION_FLAGS, "summary": "", "rpc_origins": [], "redirect_uris": [],
        "interactions_endpoint_url": endpoint, "role_connections_verification_url": null,
        "approximate_guild_count": world.guilds.len(), "approximate_user_install_count": 0,
        "integration_types_config": { "0": {} },
    })
}

/// GATEWAY_GUILD_MEMBERS_LIMITED: the members intent, for a bot in few guilds.
pub(crate) const APPLICATION_FLAGS: u64 = 1 << 15;

/// The `resolved` object for entities that a person chose.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    users: Map<String, Value>,
    members: Map<String, Value>,
    roles: Map<String, Value>,
    channels: Map<String, Value>,
}

impl Resolved {
    pub(crate) fn add_user(&mut self, world: &World, guild: Option<&Guild>, id: UserId) -> bool {
        let Some(person) = world.users.get(&id) else { return false };
        self.users.insert(id.to_string(), user(person));
        if let Some((guild, holder)) = guild.and_then(|guild| Some((guild, guild.members.get(&id)?))) {
            let mut value = member_without_user(holder);
            if let Some(fields) = value.as_object_mut() {
                fields.remove("deaf");
                fields.remove("mute");
                fields.insert("permissions".into(), json!(guild.permissions(holder).to_string()));
            }
            self.members.insert(id.to_string(), value);
        }
        true
    }

    pub(crate) fn add_role(&mut self, guild: Option<&Guild>, id: RoleId) -> bool {
        let Some(found) = guild.and_then(|guild| guild.roles.get(&id)) else { return false };
        self.roles.insert(id.to_string(), role(found));
        true
    }

    pub(crate) fn add_channel(&mut self, world: &World, place: &Channel) {
        self.channels.insert(place.id.to_string(), partial_channel(world, place));
    }

    pub(crate) fn into_value(self) -> Option<Value> {
        let maps =
            [("users", self.users), ("members", self.members), ("roles", self.roles), ("channels", self.channels)];
        let filled: Map<String, Value> =
            maps.into_iter().filter(|(_, map)| !map.is_empty()).map(|(key, map)| (key.into(), map.into())).collect();
        (!filled.is_empty()).then_some(Value::Object(filled))
    }
}

pub(crate) fn partial_channel(world: &World, place: &Channel) -> Value {
    let mut value = channel(world, place);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("permission_overwrites");
    }
    value["permissions"] = json!(permissions::ALL.to_string());
    value
}
