//! What people do: use commands, type into options, click, choose, send off modals. Each deed is checked as Discord's
//! own client would (a person cannot use a command that is not registered), then delivered to the bot.

mod deliver;
mod options;
mod payload;

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use deliver::set_endpoint;

use crate::core::{Core, State};
use crate::ids::{ChannelId, GuildId, InteractionId, MessageId, UserId};
use crate::world::{Event, InteractionKind, Message, Opening, World, render::Resolved};

/// A person's deed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Uses a slash command.
    Command {
        /// Where.
        guild: GuildId,
        /// Who.
        user: UserId,
        /// In which channel.
        channel: ChannelId,
        /// Which, with group and subcommand: `season create`.
        command: String,
        /// Values by option name; users, roles and channels by id.
        #[serde(default)]
        options: Value,
    },
    /// Types into an option that completes.
    Autocomplete {
        /// Where.
        guild: GuildId,
        /// Who.
        user: UserId,
        /// In which channel.
        channel: ChannelId,
        /// Which command, with group and subcommand.
        command: String,
        /// What is filled in so far, the focused option included.
        #[serde(default)]
        options: Value,
        /// The option being typed into.
        focused: String,
    },
    /// Clicks a button.
    Click {
        /// Who.
        user: UserId,
        /// Where the message is.
        channel: ChannelId,
        /// The message with the button.
        message: MessageId,
        /// The button.
        custom_id: String,
    },
    /// Chooses from a select menu.
    Select {
        /// Who.
        user: UserId,
        /// Where the message is.
        channel: ChannelId,
        /// The message with the menu.
        message: MessageId,
        /// The menu.
        custom_id: String,
        /// What is chosen: option values, or ids for menus of users, roles and channels.
        values: Vec<String>,
    },
    /// Sends off the modal that an interaction opened.
    Submit {
        /// The interaction that opened the modal.
        interaction: InteractionId,
        /// Texts by the inputs' custom ids.
        values: Map<String, Value>,
    },
}

/// What a deed came to: what opens the interaction, and Discord's `data` and `message` for it.
struct Deed {
    opening: Opening,
    data: Value,
    message: Option<MessageId>,
}

/// Checks and performs a deed, and sends the interaction on its way.
pub(crate) fn perform(core: &Arc<Core>, act: &Act) -> Result<InteractionId> {
    let (id, post) = core.update(|state| -> Result<_> {
        let deed = check(state, core, act)?;
        let (user, channel) = (deed.opening.user, deed.opening.channel);
        let id = state.world.open_interaction(deed.opening);
        let mut payload = payload::interaction(&state.world, id, user, channel, deed.data)?;
        if let Some(message) = deed.message {
            payload["message"] = payload::source_message(&state.world, channel, message);
        }
        if let Some(url) = &state.endpoint {
            return Ok((id, Some((url.clone(), payload))));
        }
        let guild = state.world.channels.get(&channel).and_then(|channel| channel.guild);
        if !state.sessions.hears(guild) {
            state.world.note_delivery(id, "no gateway session was connected to hear of it");
        }
        state.world.events.push(Event { name: "INTERACTION_CREATE", guild, intents: 0, data: payload, redacted: None });
        Ok((id, None))
    })?;
    if let Some((url, payload)) = post {
        core.tasks.spawn(deliver::post(Arc::clone(core), id, url, payload));
    }
    Ok(id)
}

fn check(state: &State, core: &Core, act: &Act) -> Result<Deed> {
    let world = &state.world;
    match act {
        Act::Command { guild, user, channel, command, options } => {
            present(world, *guild, *user, *channel)?;
            let data = options::command_data(world, *guild, *user, command, options, None)?;
            Ok(Deed { opening: opening(InteractionKind::Command, command, *user, *channel), data, message: None })
        }
        Act::Autocomplete { guild, user, channel, command, options, focused } => {
            present(world, *guild, *user, *channel)?;
            let data = options::command_data(world, *guild, *user, command, options, Some(focused))?;
            let mut opening = opening(InteractionKind::Autocomplete, command, *user, *channel);
            opening.focused_kind = options::focused_kind(&data).unwrap_or_default();
            Ok(Deed { opening, data, message: None })
        }
        Act::Click { user, channel, message, custom_id } => {
            let component = component(world, *user, *channel, *message, custom_id)?;
            ensure!(component["type"] == 2, "`{custom_id}` is not a button");
            ensure!(component["style"] != 5, "the button is a link; a click on it never reaches the bot");
            let data = json!({ "custom_id": custom_id, "component_type": 2, "id": component["id"] });
            Ok(component_deed(*user, *channel, *message, custom_id, data))
        }
        Act::Select { user, channel, message, custom_id, values } => {
            let component = component(world, *user, *channel, *message, custom_id)?;
            let data = selection(world, *channel, component, custom_id, values)?;
            Ok(component_deed(*user, *channel, *message, custom_id, data))
        }
        Act::Submit { interaction, values } => {
            let opened = world.interactions.get(interaction).context("there is no such interaction")?;
            let modal = opened.modal.as_ref().with_context(|| {
                format!("the interaction opened no modal; it is {:?}", opened.state_at(core.clock.now(), &state.limits))
            })?;
            let data = payload::modal_data(modal, values)?;
            let name = modal["custom_id"].as_str().unwrap_or_default();
            let mut opening = opening(InteractionKind::Modal, name, opened.user, opened.channel);
            opening.source = opened.source;
            Ok(Deed { opening, data, message: opened.source })
        }
    }
}

fn opening(kind: InteractionKind, name: &str, user: UserId, channel: ChannelId) -> Opening {
    Opening { kind, name: name.to_owned(), user, channel, source: None, focused_kind: 0 }
}

fn component_deed(user: UserId, channel: ChannelId, message: MessageId, custom_id: &str, data: Value) -> Deed {
    let mut opening = opening(InteractionKind::Component, custom_id, user, channel);
    opening.source = Some(message);
    Deed { opening, data, message: Some(message) }
}

fn present(world: &World, guild: GuildId, user: UserId, channel: ChannelId) -> Result<()> {
    let place = world.guilds.get(&guild).with_context(|| format!("there is no guild {guild}"))?;
    ensure!(place.members.contains_key(&user), "user {user} is not a member of guild {guild}");
    let channel = world.channels.get(&channel).with_context(|| format!("there is no channel {channel}"))?;
    ensure!(channel.guild == Some(guild), "channel {} is not in guild {guild}", channel.id);
    Ok(())
}

/// The message, if the person sees it.
fn seen_message(world: &World, user: UserId, channel: ChannelId, message: MessageId) -> Result<&Message> {
    let found =
        world.message(channel, message).with_context(|| format!("there is no message {message} in {channel}"))?;
    ensure!(found.visible_to.is_none_or(|only| only == user), "user {user} does not see message {message}");
    Ok(found)
}

fn component<'w>(
    world: &'w World,
    user: UserId,
    channel: ChannelId,
    message: MessageId,
    custom_id: &str,
) -> Result<&'w Value> {
    let message = seen_message(world, user, channel, message)?;
    ensure!(message.author == world.bot_id(), "the message is not the bot's");
    let rows = message.components.iter().filter_map(|row| row["components"].as_array()).flatten();
    let found = rows.clone().find(|component| component["custom_id"] == custom_id).with_context(|| {
        let there: Vec<&str> = rows.filter_map(|component| component["custom_id"].as_str()).collect();
        format!("the message has no component `{custom_id}`; it has {there:?}")
    })?;
    ensure!(found["disabled"] != true, "`{custom_id}` is disabled");
    Ok(found)
}

fn selection(
    world: &World,
    channel: ChannelId,
    component: &Value,
    custom_id: &str,
    values: &[String],
) -> Result<Value> {
    let kind = component["type"].as_u64().unwrap_or_default();
    let bound = |key: &str| component[key].as_u64().and_then(|bound| usize::try_from(bound).ok()).unwrap_or(1);
    let (min, max) = (bound("min_values"), bound("max_values"));
    ensure!((min..=max).contains(&values.len()), "`{custom_id}` takes {min} to {max} values, not {}", values.len());
    let guild = world.channels.get(&channel).and_then(|channel| channel.guild).and_then(|id| world.guilds.get(&id));
    let mut resolved = Resolved::default();
    for value in values {
        let id = value.parse::<u64>().unwrap_or_default();
        let known = match kind {
            3 => component["options"].as_array().into_iter().flatten().any(|option| option["value"] == value.as_str()),
            5 => resolved.add_user(world, guild, UserId(id)),
            6 => resolved.add_role(guild, crate::ids::RoleId(id)),
            7 => resolved.add_user(world, guild, UserId(id)) || resolved.add_role(guild, crate::ids::RoleId(id)),
            8 => world.channels.get(&ChannelId(id)).is_some_and(|place| {
                resolved.add_channel(world, place);
                true
            }),
            _ => bail!("`{custom_id}` is not a select menu"),
        };
        ensure!(known, "`{custom_id}` has no choice `{value}`");
    }
    let mut data = json!({ "custom_id": custom_id, "component_type": kind, "id": component["id"], "values": values });
    if let Some(resolved) = resolved.into_value() {
        data["resolved"] = resolved;
    }
    Ok(data)
}
