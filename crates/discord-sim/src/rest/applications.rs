//! The application, its bot user, the gateway's address, and the registered commands.

use serde_json::json;

use super::{Answered, Call, created, no_content, ok};
use crate::error::DiscordError;
use crate::ids::{ApplicationId, CommandId, GuildId, UserId};
use crate::world::{commands, render};

pub(super) fn gateway(call: &Call<'_>) -> Answered {
    ok(json!({ "url": call.core.gateway_url() }))
}

pub(super) fn gateway_bot(call: &Call<'_>) -> Answered {
    let limit = call.core.read(|state| state.sessions.start_limit(&state.limits));
    ok(json!({ "url": call.core.gateway_url(), "shards": 1, "session_start_limit": limit }))
}

pub(super) fn me(call: &Call<'_>) -> Answered {
    ok(call.core.read(|state| render::current_user(&state.world)))
}

pub(super) fn user(call: &Call<'_>) -> Answered {
    let id: UserId = call.id(0)?;
    ok(call.core.read(|state| state.world.users.get(&id).map(render::user)).ok_or(DiscordError::UNKNOWN_USER)?)
}

pub(super) fn application(call: &Call<'_>) -> Answered {
    let key = call.core.public_key();
    ok(call.core.read(|state| render::application(&state.world, &key, state.endpoint.as_deref())))
}

/// Where commands are registered: a guild the bot is in, or everywhere.
fn place(call: &Call<'_>) -> Result<Option<GuildId>, DiscordError> {
    if call.id::<ApplicationId>(0)? != call.core.application_id {
        return Err(DiscordError::UNKNOWN_APPLICATION);
    }
    if !call.route.pattern.contains("/guilds/") {
        return Ok(None);
    }
    let guild = call.id(1)?;
    call.core.read(|state| state.world.bot_in(guild).map(|_| Some(guild))).ok_or(DiscordError::MISSING_ACCESS)
}

/// The command a route names, in its place.
fn named(call: &Call<'_>) -> Result<(Option<GuildId>, CommandId), DiscordError> {
    let place = place(call)?;
    let id = call.id(if place.is_some() { 2 } else { 1 })?;
    let known = call.core.read(|state| state.world.commands.get(&id).is_some_and(|command| command.guild == place));
    if known { Ok((place, id)) } else { Err(DiscordError::UNKNOWN_COMMAND) }
}

pub(super) fn list_commands(call: &Call<'_>) -> Answered {
    let place = place(call)?;
    ok(call
        .core
        .read(|state| state.world.commands_in(place).map(|command| render::command(&state.world, command)).collect()))
}

pub(super) fn create_command(call: &Call<'_>) -> Answered {
    let place = place(call)?;
    let body = call.form(|form, body| commands::check(form, body, &[]))?.unwrap_or_default();
    let (command, new) = call.core.update(|state| state.world.upsert_command(place, body))?;
    if new { created(command) } else { ok(command) }
}

pub(super) fn overwrite_commands(call: &Call<'_>) -> Answered {
    let place = place(call)?;
    let body = call.json()?;
    let Some(bodies) = body.as_array() else {
        call.note("the body is not a list of commands");
        return Err(DiscordError::INVALID_FORM);
    };
    let checked = call.check(|form| commands::check_all(form, bodies))?;
    ok(call.core.update(|state| state.world.overwrite_commands(place, checked))?)
}

pub(super) fn command(call: &Call<'_>) -> Answered {
    let (_, id) = named(call)?;
    ok(call
        .core
        .read(|state| state.world.commands.get(&id).map(|command| render::command(&state.world, command)))
        .ok_or(DiscordError::UNKNOWN_COMMAND)?)
}

pub(super) fn edit_command(call: &Call<'_>) -> Answered {
    let (_, id) = named(call)?;
    let change = call.json()?;
    let mut merged = call
        .core
        .read(|state| state.world.commands.get(&id).map(|command| command.body.clone()))
        .ok_or(DiscordError::UNKNOWN_COMMAND)?;
    if let (Some(merged), Some(change)) = (merged.as_object_mut(), change.as_object()) {
        merged.extend(change.clone());
    }
    let body = call.check(|form| commands::check(form, &merged, &[]))?.unwrap_or_default();
    let shown = call.core.update(|state| {
        let version = state.world.clock.snowflake();
        let command = state.world.commands.get_mut(&id)?;
        command.body = body;
        command.version = version;
        let command = command.clone();
        Some(render::command(&state.world, &command))
    });
    ok(shown.ok_or(DiscordError::UNKNOWN_COMMAND)?)
}

pub(super) fn delete_command(call: &Call<'_>) -> Answered {
    let (_, id) = named(call)?;
    call.core.update(|state| state.world.commands.remove(&id));
    no_content()
}
