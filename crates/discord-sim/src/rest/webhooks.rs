//! What an interaction's token opens after the first response: the original message and follow-ups.

use serde_json::Value;

use super::{Answered, Call, messages, no_content, ok};
use crate::core::State;
use crate::error::DiscordError;
use crate::ids::{InteractionId, MessageId};
use crate::world::render;

/// The interaction whose token is in the path.
fn target(call: &Call<'_>, state: &State) -> Result<InteractionId, DiscordError> {
    let application = call.id(0).map_err(|_| DiscordError::UNKNOWN_WEBHOOK)?;
    Ok(state.world.webhook_target(application, call.arg(1), &state.limits)?.id)
}

/// The interaction and its message that the path names.
fn named(call: &Call<'_>, state: &State) -> Result<(InteractionId, MessageId), DiscordError> {
    let id = target(call, state)?;
    Ok((id, state.world.answer_message(id, call.arg(2))?))
}

fn shown(state: &State, id: InteractionId, message: MessageId) -> Result<Value, DiscordError> {
    let channel = state.world.interactions.get(&id).ok_or(DiscordError::UNKNOWN_WEBHOOK)?.channel;
    let message = state.world.message(channel, message).ok_or(DiscordError::UNKNOWN_MESSAGE)?;
    Ok(render::message(&state.world, message))
}

pub(super) fn message(call: &Call<'_>) -> Answered {
    ok(call.core.read(|state| {
        let (id, message) = named(call, state)?;
        shown(state, id, message)
    })?)
}

pub(super) fn edit(call: &Call<'_>) -> Answered {
    call.core.read(|state| named(call, state))?;
    let edit = call.form(|form, body| messages::edit(form, body, &[]))?;
    ok(call.core.update(|state| {
        let (id, message) = named(call, state)?;
        state.world.edit_answer(id, message, edit)?;
        shown(state, id, message)
    })?)
}

pub(super) fn delete(call: &Call<'_>) -> Answered {
    call.core.update(|state| {
        let (id, message) = named(call, state)?;
        state.world.delete_answer(id, message)
    })?;
    no_content()
}

pub(super) fn follow_up(call: &Call<'_>) -> Answered {
    call.core.read(|state| target(call, state))?;
    let draft = call.form(|form, body| messages::answer(form, body, &[]))?;
    messages::not_empty(&draft)?;
    ok(call.core.update(|state| {
        let id = target(call, state)?;
        let message = state.world.follow_up(id, draft)?;
        shown(state, id, message)
    })?)
}
