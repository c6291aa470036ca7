//! Channels and their messages, and opening direct messages.

use serde_json::Value;

use super::{Answered, Call, messages as bodies, no_content, ok};
use crate::core::State;
use crate::error::DiscordError;
use crate::ids::{ChannelId, MessageId, UserId};
use crate::world::permissions::{MANAGE_MESSAGES, SEND_MESSAGES, VIEW_CHANNEL};
use crate::world::{Channel, Message, render};

/// The channel of a route, which the bot must see.
fn of_route<'s>(call: &Call<'_>, state: &'s State) -> Result<(&'s Channel, u64), DiscordError> {
    let channel = state.world.channels.get(&call.id(0)?).ok_or(DiscordError::UNKNOWN_CHANNEL)?;
    let permissions = state.world.bot_permissions_in(channel);
    if permissions & VIEW_CHANNEL == 0 {
        return Err(DiscordError::MISSING_ACCESS);
    }
    Ok((channel, permissions))
}

/// The message of a route. Ephemeral ones do not exist here.
fn message_of_route<'s>(call: &Call<'_>, state: &'s State) -> Result<(&'s Message, u64), DiscordError> {
    let (channel, permissions) = of_route(call, state)?;
    let id: MessageId = call.id(1)?;
    let message = channel.messages.get(&id).filter(|message| message.visible_to.is_none());
    Ok((message.ok_or(DiscordError::UNKNOWN_MESSAGE)?, permissions))
}

fn shown(state: &State, channel: ChannelId, id: MessageId) -> Result<Value, DiscordError> {
    state
        .world
        .message(channel, id)
        .map(|message| render::message(&state.world, message))
        .ok_or(DiscordError::UNKNOWN_MESSAGE)
}

pub(super) fn channel(call: &Call<'_>) -> Answered {
    ok(call.core.read(|state| of_route(call, state).map(|(channel, _)| render::channel(&state.world, channel)))?)
}

pub(super) fn messages(call: &Call<'_>) -> Answered {
    let limit = call.param("limit").unwrap_or(50_usize).clamp(1, 100);
    let id = |name| call.param::<MessageId>(name);
    let (before, after) = (id("before").unwrap_or(MessageId(u64::MAX)), id("after"));
    ok(call.core.read(|state| {
        let (channel, _) = of_route(call, state)?;
        let seen = channel.messages.values().filter(|message| message.visible_to.is_none() && message.id < before);
        let mut page: Vec<&Message> = match after {
            Some(after) => seen.filter(|message| message.id > after).take(limit).collect(),
            None => seen.rev().take(limit).collect(),
        };
        page.sort_by_key(|message| std::cmp::Reverse(message.id));
        Ok(page.into_iter().map(|message| render::message(&state.world, message)).collect())
    })?)
}

pub(super) fn message(call: &Call<'_>) -> Answered {
    ok(call
        .core
        .read(|state| message_of_route(call, state).map(|(message, _)| render::message(&state.world, message)))?)
}

pub(super) fn create_message(call: &Call<'_>) -> Answered {
    let draft = call.form(bodies::create)?;
    bodies::not_empty(&draft)?;
    ok(call.core.update(|state| {
        let (channel, permissions) = of_route(call, state)?;
        let id = channel.id;
        if permissions & SEND_MESSAGES == 0 {
            return Err(DiscordError::MISSING_PERMISSIONS);
        }
        let closed =
            channel.recipient.and_then(|user| state.world.users.get(&user)).is_some_and(|user| !user.takes_dms);
        if closed {
            return Err(DiscordError::CANNOT_MESSAGE_USER);
        }
        let (bot, memory) = (state.world.bot_id(), state.limits.nonce_memory);
        let message = state.world.create_message(id, bot, draft, memory)?;
        shown(state, id, message)
    })?)
}

pub(super) fn edit_message(call: &Call<'_>) -> Answered {
    let edit = call.form(|form, body| bodies::edit(form, body, &[]))?;
    ok(call.core.update(|state| {
        let (message, _) = message_of_route(call, state)?;
        if message.author != state.world.bot_id() {
            return Err(DiscordError::NOT_THE_AUTHOR);
        }
        let (channel, id) = (message.channel, message.id);
        state.world.edit_message(channel, id, edit)?;
        shown(state, channel, id)
    })?)
}

pub(super) fn delete_message(call: &Call<'_>) -> Answered {
    call.core.update(|state| {
        let (message, permissions) = message_of_route(call, state)?;
        if message.author != state.world.bot_id() && permissions & MANAGE_MESSAGES == 0 {
            return Err(DiscordError::MISSING_PERMISSIONS);
        }
        let (channel, id) = (message.channel, message.id);
        state.world.delete_message(channel, id)
    })?;
    no_content()
}

pub(super) fn open_dm(call: &Call<'_>) -> Answered {
    let recipient = call.form(|form, body| {
        let map = form.object(body, &[], &["recipient_id"])?;
        form.required(map, &[], "recipient_id");
        form.integer(map, &[], "recipient_id")
    })?;
    ok(call.core.update(|state| {
        let user = UserId(recipient.unwrap_or_default());
        if state.world.users.get(&user).is_some_and(|user| user.bot) {
            return Err(DiscordError::CANNOT_MESSAGE_USER);
        }
        let id = state.world.open_dm(user)?;
        let channel = state.world.channels.get(&id).ok_or(DiscordError::UNKNOWN_CHANNEL)?;
        Ok(render::channel(&state.world, channel))
    })?)
}
