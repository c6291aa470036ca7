//! Guilds, their roles, channels and members, and giving and taking roles by Discord's hierarchy.

use serde_json::{Value, json};

use super::{Answered, Call, no_content, ok};
use crate::core::State;
use crate::error::DiscordError;
use crate::form::{Form, at};
use crate::ids::{GuildId, RoleId, UserId};
use crate::world::permissions::MANAGE_ROLES;
use crate::world::{Guild, Role, RoleChange, render};

const GUILD_MEMBERS: u64 = 1 << 1;

/// The guild of a route, which the bot must be in.
fn of_route<'s>(call: &Call<'_>, state: &'s State) -> Result<&'s Guild, DiscordError> {
    let guild = state.world.guild(call.id(0)?)?;
    if state.world.bot_in(guild.id).is_none() {
        return Err(DiscordError::MISSING_ACCESS);
    }
    Ok(guild)
}

/// The guild of a route, in which the bot must have MANAGE_ROLES.
fn managed<'s>(call: &Call<'_>, state: &'s State) -> Result<&'s Guild, DiscordError> {
    let guild = of_route(call, state)?;
    let bot = state.world.bot_in(guild.id).ok_or(DiscordError::MISSING_ACCESS)?;
    if guild.permissions(bot) & MANAGE_ROLES == 0 {
        return Err(DiscordError::MISSING_PERMISSIONS);
    }
    Ok(guild)
}

pub(super) fn guild(call: &Call<'_>) -> Answered {
    ok(call.core.read(|state| {
        let guild = of_route(call, state)?;
        let mut value = render::guild(guild);
        if call.param::<bool>("with_counts") == Some(true) {
            value["approximate_member_count"] = json!(guild.members.len());
            value["approximate_presence_count"] = json!(guild.members.len());
        }
        Ok(value)
    })?)
}

pub(super) fn roles(call: &Call<'_>) -> Answered {
    ok(call.core.read(|state| of_route(call, state).map(render::roles))?)
}

pub(super) fn role(call: &Call<'_>) -> Answered {
    let id: RoleId = call.id(1)?;
    ok(call
        .core
        .read(|state| of_route(call, state)?.roles.get(&id).map(render::role).ok_or(DiscordError::UNKNOWN_ROLE))?)
}

pub(super) fn channels(call: &Call<'_>) -> Answered {
    ok(call.core.read(|state| {
        let guild = of_route(call, state)?.id;
        let places = state.world.channels.values().filter(|place| place.guild == Some(guild) && place.bot_may_view);
        Ok(places.map(|place| render::channel(&state.world, place)).collect())
    })?)
}

pub(super) fn member(call: &Call<'_>) -> Answered {
    let user: UserId = call.id(1)?;
    ok(call.core.read(|state| {
        let guild = of_route(call, state)?;
        let member = guild.members.get(&user).ok_or(unknown_member(state, user))?;
        Ok(render::member(&state.world, member))
    })?)
}

fn unknown_member(state: &State, user: UserId) -> DiscordError {
    if state.world.users.contains_key(&user) { DiscordError::UNKNOWN_MEMBER } else { DiscordError::UNKNOWN_USER }
}

pub(super) fn members(call: &Call<'_>) -> Answered {
    if call.core.privileged_intents & GUILD_MEMBERS == 0 {
        return Err(DiscordError::MISSING_ACCESS);
    }
    let limit = call.param("limit").unwrap_or(1_usize);
    if !(1..=1000).contains(&limit) {
        return call
            .check(|form| {
                form.refuse(&["limit".into()], "NUMBER_TYPE_MAX", "int value should be between 1 and 1000.");
            })
            .and_then(|()| no_content());
    }
    let after = UserId(call.param("after").unwrap_or(0));
    ok(call.core.read(|state| {
        let page = of_route(call, state)?.members.values().filter(|member| member.user > after).take(limit);
        Ok(page.map(|member| render::member(&state.world, member)).collect())
    })?)
}

pub(super) fn add_member_role(call: &Call<'_>) -> Answered {
    set_member_role(call, true)
}

pub(super) fn remove_member_role(call: &Call<'_>) -> Answered {
    set_member_role(call, false)
}

fn set_member_role(call: &Call<'_>, given: bool) -> Answered {
    let (user, role): (UserId, RoleId) = (call.id(1)?, call.id(2)?);
    call.core.update(|state| {
        let guild = managed(call, state)?;
        if !guild.members.contains_key(&user) {
            return Err(unknown_member(state, user));
        }
        let wanted = guild.roles.get(&role).ok_or(DiscordError::UNKNOWN_ROLE)?;
        if wanted.id.0 == guild.id.0 {
            return Err(DiscordError::INVALID_ROLE);
        }
        if wanted.managed || !guild.is_below(wanted, state.world.bot_id()) {
            return Err(DiscordError::MISSING_PERMISSIONS);
        }
        let change = RoleChange {
            guild: guild.id,
            user,
            role,
            given,
            changed: false,
            by_bot: true,
            reason: call.reason.clone(),
            at: state.world.clock.now(),
        };
        state.world.set_member_role(change)
    })?;
    no_content()
}

const ROLE_FIELDS: &[&str] =
    &["name", "permissions", "color", "colors", "hoist", "icon", "unicode_emoji", "mentionable"];

/// What a role body sets; the position only moves through the list.
fn role_fields(form: &mut Form, body: &Value, role: &mut Role) {
    let mut known = ROLE_FIELDS.to_vec();
    // serenity sends the position along with the other fields.
    known.push("position");
    let Some(map) = form.object(body, &[], &known) else { return };
    if let Some(name) = form.string(map, &[], "name", 1..=100) {
        role.name = name.into();
    }
    if let Some(permissions) = form.integer(map, &[], "permissions") {
        role.permissions = permissions;
    }
    if let Some(color) = form.integer(map, &[], "color") {
        match u32::try_from(color).ok().filter(|color| *color <= 0x00ff_ffff) {
            Some(color) => role.color = color,
            None => {
                form.refuse(&["color".into()], "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
            }
        }
    }
    if map.contains_key("hoist") {
        role.hoist = form.boolean(map, &[], "hoist");
    }
    if map.contains_key("mentionable") {
        role.mentionable = form.boolean(map, &[], "mentionable");
    }
}

pub(super) fn create_role(call: &Call<'_>) -> Answered {
    let mut role = Role {
        id: RoleId(0),
        name: "new role".into(),
        position: 1,
        permissions: 0,
        managed: false,
        color: 0,
        hoist: false,
        mentionable: false,
    };
    call.form(|form, body| role_fields(form, body, &mut role))?;
    ok(call.core.update(|state| {
        let guild = managed(call, state)?;
        let (id, own) = (guild.id, state.world.bot_in(guild.id).map_or(0, |bot| guild.permissions(bot)));
        if role.permissions & !own != 0 {
            return Err(DiscordError::MISSING_PERMISSIONS);
        }
        let role = state.world.create_role(id, role)?;
        Ok(render::role(&state.world.guild(id)?.roles[&role]))
    })?)
}

/// A role of the guild that the bot may change, as it is now.
fn changeable(call: &Call<'_>, state: &State, id: RoleId) -> Result<(GuildId, Role), DiscordError> {
    let guild = managed(call, state)?;
    let role = guild.roles.get(&id).ok_or(DiscordError::UNKNOWN_ROLE)?;
    if !guild.is_below(role, state.world.bot_id()) {
        return Err(DiscordError::MISSING_PERMISSIONS);
    }
    Ok((guild.id, role.clone()))
}

pub(super) fn edit_role(call: &Call<'_>) -> Answered {
    let id: RoleId = call.id(1)?;
    let (guild, mut changed) = call.core.read(|state| changeable(call, state, id))?;
    call.form(|form, body| role_fields(form, body, &mut changed))?;
    ok(call.core.update(|state| {
        state.world.update_role(guild, id, |role| *role = changed)?;
        Ok(render::role(&state.world.guild(guild)?.roles[&id]))
    })?)
}

pub(super) fn delete_role(call: &Call<'_>) -> Answered {
    let id: RoleId = call.id(1)?;
    call.core.update(|state| {
        let (guild, role) = changeable(call, state, id)?;
        if role.managed || id.0 == guild.0 {
            return Err(DiscordError::INVALID_ROLE);
        }
        state.world.delete_role(guild, id)
    })?;
    no_content()
}

pub(super) fn move_roles(call: &Call<'_>) -> Answered {
    let body = call.json()?;
    let moves = call.check(|form| {
        let mut moves = Vec::new();
        for (index, entry) in body.as_array().map_or(&[][..], Vec::as_slice).iter().enumerate() {
            let path = [index.to_string()];
            let Some(map) = form.object(entry, &path, &["id", "position"]) else { continue };
            form.required(map, &path, "id");
            if let (Some(id), Some(position)) = (form.integer(map, &path, "id"), form.integer(map, &path, "position")) {
                moves.push((RoleId(id), i64::try_from(position).unwrap_or(i64::MAX)));
            }
        }
        if !body.is_array() {
            form.refuse(&at(&[], "roles"), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
        }
        moves
    })?;
    ok(call.core.update(|state| {
        let guild = managed(call, state)?.id;
        for (id, position) in moves {
            changeable(call, state, id)?;
            let top = state.world.bot_in(guild).and_then(|bot| state.world.guild(guild).ok()?.highest_role(bot));
            if top.is_some_and(|top| position >= top.position) {
                return Err(DiscordError::MISSING_PERMISSIONS);
            }
            state.world.move_role(guild, id, position)?;
        }
        Ok(render::roles(state.world.guild(guild)?))
    })?)
}
