//! Owns the reading of interactions: serenity's types in, our own out. From here on everything is ours, so that the
//! gateway and HTTP interactions share one handler, and decisions are tested without Discord.

use std::{collections::BTreeMap, fmt};

use chrono::TimeDelta;
use domain::{ChannelId, GuildId, RoleId, Timestamp, UserId, ids::InteractionId};
use messages::command::ReplyTo;
use serenity::all::{
    ActionRowComponent, CommandDataOption, CommandDataOptionValue, CommandInteraction, Interaction, Permissions,
};

/// How long an interaction's token takes edits. Source: Discord documentation, "Receiving and Responding".
const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(15);

/// An interaction's token: with it anybody can answer, so it's never logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Something a person did in Discord.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) id: InteractionId,
    pub(crate) application: u64,
    pub(crate) token: Token,
    /// `None` in direct messages.
    pub(crate) guild: Option<GuildId>,
    pub(crate) user: UserId,
    pub(crate) locale: String,
    /// Whether the bot has Manage Roles where this happened; `None` when Discord didn't say.
    pub(crate) may_manage_roles: Option<bool>,
    pub(crate) what: What,
}

/// What the person did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// Used a command.
    Command { path: String, options: Options },
    /// Types into an option that completes.
    Autocomplete { path: String, options: Options, option: String, typed: String },
    /// Clicked a button.
    Button { custom_id: String },
    /// Sent off a form.
    Form { custom_id: String, fields: BTreeMap<String, String> },
}

/// An option's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given {
    Text(String),
    Integer(i64),
    Flag(bool),
    User(UserId),
    Channel(ChannelId),
    Role(RoleId),
}

/// A command's options, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options(pub(crate) BTreeMap<String, Given>);

impl Options {
    /// A text with something in it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Given::Text(text)) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Given::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Given::Flag(true)))
    }

    pub(crate) fn user(&self, name: &str) -> Option<UserId> {
        match self.0.get(name) {
            Some(Given::User(user)) => Some(*user),
            _ => None,
        }
    }

    pub(crate) fn channel(&self, name: &str) -> Option<ChannelId> {
        match self.0.get(name) {
            Some(Given::Channel(channel)) => Some(*channel),
            _ => None,
        }
    }

    pub(crate) fn role(&self, name: &str) -> Option<RoleId> {
        match self.0.get(name) {
            Some(Given::Role(role)) => Some(*role),
            _ => None,
        }
    }
}

impl Invocation {
    /// Reads an interaction; `None` for pings and for ids no column could hold.
    pub(crate) fn read(interaction: Interaction) -> Option<Self> {
        match interaction {
            Interaction::Command(command) => {
                let (path, options) = path_and_options(&command);
                Self::of_command(command, What::Command { path, options })
            }
            Interaction::Autocomplete(command) => {
                let (path, options) = path_and_options(&command);
                let focused = command.data.autocomplete()?;
                let (option, typed) = (focused.name.to_owned(), focused.value.to_owned());
                Self::of_command(command, What::Autocomplete { path, options, option, typed })
            }
            Interaction::Component(click) => Some(Self {
                id: InteractionId::new(click.id.get()).ok()?,
                application: click.application_id.get(),
                token: Token(click.token),
                guild: click.guild_id.and_then(|guild| GuildId::new(guild.get()).ok()),
                user: UserId::new(click.user.id.get()).ok()?,
                locale: click.locale,
                may_manage_roles: click.app_permissions.map(manages_roles),
                what: What::Button { custom_id: click.data.custom_id },
            }),
            Interaction::Modal(form) => Some(Self {
                id: InteractionId::new(form.id.get()).ok()?,
                application: form.application_id.get(),
                token: Token(form.token),
                guild: form.guild_id.and_then(|guild| GuildId::new(guild.get()).ok()),
                user: UserId::new(form.user.id.get()).ok()?,
                locale: form.locale,
                may_manage_roles: form.app_permissions.map(manages_roles),
                what: What::Form {
                    custom_id: form.data.custom_id,
                    fields: form
                        .data
                        .components
                        .into_iter()
                        .flat_map(|row| row.components)
                        .filter_map(|component| match component {
                            ActionRowComponent::InputText(input) => {
                                Some((input.custom_id, input.value.unwrap_or_default()))
                            }
                            _ => None,
                        })
                        .collect(),
                },
            }),
            _ => None,
        }
    }

    fn of_command(command: CommandInteraction, what: What) -> Option<Self> {
        Some(Self {
            id: InteractionId::new(command.id.get()).ok()?,
            application: command.application_id.get(),
            token: Token(command.token),
            guild: command.guild_id.and_then(|guild| GuildId::new(guild.get()).ok()),
            user: UserId::new(command.user.id.get()).ok()?,
            locale: command.locale,
            may_manage_roles: command.app_permissions.map(manages_roles),
            what,
        })
    }

    /// When it was done, by Discord's clock.
    pub(crate) fn at(&self) -> Timestamp {
        self.id.created_at()
    }

    /// When Discord stops taking edits.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.at() + TOKEN_LIFE
    }

    /// Where an outcome is to be shown.
    pub(crate) fn reply_to(&self) -> ReplyTo {
        ReplyTo {
            application_id: self.application.to_string(),
            token: self.token.0.clone(),
            locale: self.locale.clone(),
            expires_at: self.expires_at(),
        }
    }

    /// The command's path or the kind of click, for logs and metrics: few values, none of them hostile.
    pub(crate) fn label(&self) -> &'static str {
        match &self.what {
            What::Command { path, .. } => crate::commands::known(path),
            What::Autocomplete { .. } => "autocomplete",
            What::Button { .. } => "button",
            What::Form { .. } => "form",
        }
    }
}

fn manages_roles(permissions: Permissions) -> bool {
    permissions.intersects(Permissions::MANAGE_ROLES | Permissions::ADMINISTRATOR)
}

/// The command with its subcommands, separated by spaces, and the options at the end of that path.
fn path_and_options(command: &CommandInteraction) -> (String, Options) {
    let mut path = command.data.name.clone();
    let mut options = &command.data.options;
    while let [
        CommandDataOption {
            name,
            value: CommandDataOptionValue::SubCommand(inner) | CommandDataOptionValue::SubCommandGroup(inner),
            ..
        },
    ] = &options[..]
    {
        path = format!("{path} {name}");
        options = inner;
    }
    let given = options.iter().filter_map(|option| {
        let value = match &option.value {
            CommandDataOptionValue::String(text) | CommandDataOptionValue::Autocomplete { value: text, .. } => {
                Given::Text(text.clone())
            }
            CommandDataOptionValue::Integer(number) => Given::Integer(*number),
            CommandDataOptionValue::Boolean(flag) => Given::Flag(*flag),
            CommandDataOptionValue::User(user) => Given::User(UserId::new(user.get()).ok()?),
            CommandDataOptionValue::Channel(channel) => Given::Channel(ChannelId::new(channel.get()).ok()?),
            CommandDataOptionValue::Role(role) => Given::Role(RoleId::new(role.get()).ok()?),
            _ => return None,
        };
        Some((option.name.clone(), value))
    });
    (path, Options(given.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn interaction(kind: u8, data: serde_json::Value) -> Interaction {
        serde_json::from_value(json!({
            "id": "1210000000000000999", "application_id": "5", "type": kind, "token": "secret", "version": 1,
            "guild_id": "10", "channel_id": "11", "locale": "en-GB", "entitlements": [],
            "authorizing_integration_owners": {}, "attachment_size_limit": 1, "app_permissions": "268435456",
            "member": {
                "user": {"id": "20", "username": "mira", "discriminator": "0", "avatar": null}, "roles": [],
                "joined_at": "2026-01-01T00:00:00Z", "deaf": false, "mute": false, "flags": 0,
                "permissions": "0", "nick": null, "premium_since": null, "pending": false
            },
            "data": data
        }))
        .unwrap()
    }

    #[test]
    fn a_subcommand_is_read_with_its_options() {
        let data = json!({"id": "1", "name": "season", "type": 1, "options": [
            {"type": 1, "name": "create", "options": [
                {"type": 3, "name": "name", "value": " Autumn "}, {"type": 5, "name": "review", "value": true},
                {"type": 4, "name": "number", "value": 3}, {"type": 6, "name": "who", "value": "30"}]}]});
        let read = Invocation::read(interaction(2, data)).unwrap();
        assert_eq!(read.guild, GuildId::new(10).ok());
        assert_eq!(read.may_manage_roles, Some(true));
        assert_eq!(read.expires_at() - read.at(), TimeDelta::minutes(15));
        assert_eq!(read.label(), "season create");
        let What::Command { path, options } = read.what else { panic!("{read:?}") };
        assert_eq!(path, "season create");
        assert_eq!(options.text("name"), Some("Autumn"));
        assert_eq!((options.integer("number"), options.flag("review")), (Some(3), true));
        assert_eq!(options.user("who"), UserId::new(30).ok());
        assert_eq!(options.text("number"), None);
    }

    #[test]
    fn what_is_being_typed_is_read() {
        let data = json!({"id": "1", "name": "submit", "type": 1, "options": [
            {"type": 3, "name": "item", "value": "iro", "focused": true}]});
        let read = Invocation::read(interaction(4, data)).unwrap();
        assert!(!format!("{read:?}").contains("secret"));
        let What::Autocomplete { path, option, typed, .. } = read.what else { panic!("{read:?}") };
        assert_eq!((path.as_str(), option.as_str(), typed.as_str()), ("submit", "item", "iro"));
    }

    #[test]
    fn a_form_is_read_with_its_fields() {
        let data = json!({"custom_id": "review:refuse:x:1", "components": [
            {"type": 1, "components": [{"type": 4, "custom_id": "reason", "value": "blurry"}]}]});
        let read = Invocation::read(interaction(5, data)).unwrap();
        let What::Form { custom_id, fields } = read.what else { panic!("{read:?}") };
        assert_eq!(custom_id, "review:refuse:x:1");
        assert_eq!(fields["reason"], "blurry");
    }
}
