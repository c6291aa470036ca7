//! The world as tests and the console see it: names beside ids, one shape for in-process and HTTP callers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Clock;
use crate::config::Limits;
use crate::gateway::SessionView;
use crate::ids::{ApplicationId, ChannelId, GuildId, InteractionId, MessageId, RoleId, UserId};
use crate::world::{Channel, Guild, Interaction, InteractionKind, InteractionState, Member, Message, World, render};

/// A guild with its roles (highest first) and channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildView {
    /// Its id.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: UserId,
    /// Its roles, highest first, @everyone last.
    pub roles: Vec<RoleView>,
    /// Its channels.
    pub channels: Vec<ChannelView>,
}

impl GuildView {
    /// The role of this name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&RoleView> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// The channel of this name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&ChannelView> {
        self.channels.iter().find(|channel| channel.name == name)
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleView {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Its place; higher is mightier.
    pub position: i64,
    /// Its permission bits.
    pub permissions: u64,
    /// Whether an integration owns it.
    pub managed: bool,
    /// Its colour as 0xRRGGBB.
    pub color: u32,
    /// Whether the bot may give and take it.
    pub below_bot: bool,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelView {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: String,
    /// Whether the bot sees it.
    pub bot_may_view: bool,
    /// Whether the bot may write in it.
    pub bot_may_send: bool,
}

/// A member with its roles, highest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberView {
    /// The user's id.
    pub id: UserId,
    /// The user's name.
    pub name: String,
    /// The name in the guild, if another.
    pub nick: Option<String>,
    /// Whether it is a bot.
    pub bot: bool,
    /// Whether it owns the guild.
    pub owner: bool,
    /// When it joined.
    pub joined_at: DateTime<Utc>,
    /// Roles held, highest first, @everyone not among them.
    pub roles: Vec<RoleView>,
}

impl MemberView {
    /// The names of the roles held, highest first.
    #[must_use]
    pub fn role_names(&self) -> Vec<&str> {
        self.roles.iter().map(|role| role.name.as_str()).collect()
    }

    /// Whether the role is held.
    #[must_use]
    pub fn has(&self, role: RoleId) -> bool {
        self.roles.iter().any(|held| held.id == role)
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// Where it is.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// The author's name.
    pub author_name: String,
    /// Whether a bot wrote it.
    pub author_is_bot: bool,
    /// Its text.
    pub content: String,
    /// Its embeds, as Discord's objects.
    pub embeds: Vec<Value>,
    /// Its components, as Discord's objects.
    pub components: Vec<Value>,
    /// Whether one person alone sees it.
    pub ephemeral: bool,
    /// Whether it still says "thinking…".
    pub loading: bool,
    /// How often it was edited.
    pub edits: u32,
    /// The interaction it answers.
    pub interaction: Option<InteractionId>,
    /// The users it pings.
    pub mentions: Vec<UserId>,
    /// The roles it pings.
    pub mention_roles: Vec<RoleId>,
    /// Whether it pings everyone.
    pub mention_everyone: bool,
    /// The sender's nonce.
    pub nonce: Option<Value>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl MessageView {
    /// Content, and titles, descriptions and fields of embeds: all a person reads, line by line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![self.content.clone()];
        for embed in &self.embeds {
            let texts = [&embed["author"]["name"], &embed["title"], &embed["description"]];
            lines.extend(texts.into_iter().filter_map(Value::as_str).map(str::to_owned));
            for field in embed["fields"].as_array().into_iter().flatten() {
                let text = |key: &str| field[key].as_str().unwrap_or_default().to_owned();
                lines.push(format!("{}: {}", text("name"), text("value")));
            }
            lines.extend(embed["footer"]["text"].as_str().map(str::to_owned));
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    /// The custom ids of its buttons and menus.
    #[must_use]
    pub fn custom_ids(&self) -> Vec<&str> {
        let rows = self.components.iter().filter_map(|row| row["components"].as_array()).flatten();
        rows.filter_map(|component| component["custom_id"].as_str()).collect()
    }
}

/// One autocomplete choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// What the person reads.
    pub name: String,
    /// What the option gets.
    pub value: Value,
}

/// An interaction and how far its answer has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InteractionView {
    /// Its id; it carries the time of the deed.
    pub id: InteractionId,
    /// What the person did.
    pub kind: InteractionKind,
    /// The command path or custom id.
    pub name: String,
    /// Who did it.
    pub user: UserId,
    /// How far the answer has come.
    pub state: InteractionState,
    /// Counts the changes of the answer.
    pub revision: u64,
    /// Milliseconds until the first response.
    pub first_response_ms: Option<i64>,
    /// The original response (or the updated message), also while it is "thinking".
    pub reply: Option<MessageView>,
    /// Follow-ups that exist.
    pub followups: Vec<MessageView>,
    /// The modal that was opened, as Discord's object.
    pub modal: Option<Value>,
    /// The choices that were offered.
    pub choices: Vec<Choice>,
    /// What happened, in order.
    pub history: Vec<String>,
}

/// What the simulator knows of the bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BotView {
    /// The application's id.
    pub application_id: ApplicationId,
    /// The bot user's id.
    pub user: UserId,
    /// Its gateway sessions.
    pub sessions: Vec<SessionView>,
    /// Its registered commands, as Discord's objects.
    pub commands: Vec<Value>,
    /// Where its interactions are posted, if not to the gateway.
    pub interactions_endpoint: Option<String>,
}

impl BotView {
    /// Whether a gateway session is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.sessions.iter().any(|session| session.connected)
    }
}

/// A role to create by hand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// Its permission bits.
    pub permissions: u64,
    /// Its colour.
    pub color: u32,
    /// Its place; none is the lowest.
    pub position: Option<i64>,
}

/// A change of a role by hand; absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RolePatch {
    /// A new name.
    pub name: Option<String>,
    /// A new place, such as above the bot.
    pub position: Option<i64>,
    /// New permission bits.
    pub permissions: Option<u64>,
}

/// A change of a channel by hand; absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelPatch {
    /// A new name.
    pub name: Option<String>,
    /// Whether the bot sees it.
    pub bot_may_view: Option<bool>,
    /// Whether the bot may write in it.
    pub bot_may_send: Option<bool>,
}

impl World {
    pub(crate) fn guild_view(&self, guild: &Guild) -> GuildView {
        let mut roles: Vec<RoleView> = guild.roles.keys().filter_map(|role| self.role_view(guild, *role)).collect();
        roles.sort_by_key(|role| (std::cmp::Reverse(role.position), role.id));
        let channels =
            self.channels.values().filter(|channel| channel.guild == Some(guild.id)).map(channel_view).collect();
        GuildView { id: guild.id, name: guild.name.clone(), owner: guild.owner, roles, channels }
    }

    pub(crate) fn role_view(&self, guild: &Guild, role: RoleId) -> Option<RoleView> {
        let role = guild.roles.get(&role)?;
        Some(RoleView {
            id: role.id,
            name: role.name.clone(),
            position: role.position,
            permissions: role.permissions,
            managed: role.managed,
            color: role.color,
            below_bot: guild.is_below(role, self.bot_id()),
        })
    }

    pub(crate) fn member_view(&self, guild: &Guild, member: &Member) -> MemberView {
        let user = self.users.get(&member.user);
        let mut roles: Vec<RoleView> = member.roles.iter().filter_map(|role| self.role_view(guild, *role)).collect();
        roles.sort_by_key(|role| (std::cmp::Reverse(role.position), role.id));
        MemberView {
            id: member.user,
            name: user.map(|user| user.name.clone()).unwrap_or_default(),
            nick: member.nick.clone(),
            bot: user.is_some_and(|user| user.bot),
            owner: guild.owner == member.user,
            joined_at: member.joined_at,
            roles,
        }
    }

    pub(crate) fn message_view(&self, message: &Message) -> MessageView {
        let author = self.users.get(&message.author);
        MessageView {
            id: message.id,
            channel: message.channel,
            author: message.author,
            author_name: author.map(|user| user.name.clone()).unwrap_or_default(),
            author_is_bot: author.is_some_and(|user| user.bot),
            content: message.content.clone(),
            embeds: message.embeds.clone(),
            components: message.components.clone(),
            ephemeral: message.is_ephemeral(),
            loading: message.is_loading(),
            edits: message.edits,
            interaction: message.interaction,
            mentions: message.mentions.iter().copied().collect(),
            mention_roles: message.mention_roles.iter().copied().collect(),
            mention_everyone: message.mention_everyone,
            nonce: message.nonce.clone(),
            created_at: message.created_at,
        }
    }

    pub(crate) fn interaction_view(
        &self,
        interaction: &Interaction,
        clock: &Clock,
        limits: &Limits,
    ) -> InteractionView {
        let find = |id: MessageId| self.message(interaction.channel, id).map(|message| self.message_view(message));
        let choice = |choice: &Value| Choice {
            name: choice["name"].as_str().unwrap_or_default().into(),
            value: choice["value"].clone(),
        };
        InteractionView {
            id: interaction.id,
            kind: interaction.kind,
            name: interaction.name.clone(),
            user: interaction.user,
            state: interaction.state_at(clock.now(), limits),
            revision: *interaction.revision.borrow(),
            first_response_ms: interaction.first_response_ms,
            reply: interaction.original.and_then(find),
            followups: interaction.followups.iter().copied().filter_map(find).collect(),
            modal: interaction.modal.clone(),
            choices: interaction.choices.iter().map(choice).collect(),
            history: interaction.history.clone(),
        }
    }

    /// All registered commands, as Discord's objects.
    pub(crate) fn command_views(&self) -> Vec<Value> {
        self.commands.values().map(|command| render::command(self, command)).collect()
    }
}

pub(crate) fn channel_view(channel: &Channel) -> ChannelView {
    ChannelView {
        id: channel.id,
        name: channel.name.clone(),
        bot_may_view: channel.bot_may_view,
        bot_may_send: channel.bot_may_send,
    }
}
