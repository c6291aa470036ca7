//! The interaction object, as gateway and endpoint receive it.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use crate::ids::{ChannelId, InteractionId, MessageId, UserId};
use crate::rest::wire_type;
use crate::world::{World, render};

/// The interaction around its `data`.
pub(super) fn interaction(
    world: &World,
    id: InteractionId,
    user: UserId,
    channel: ChannelId,
    data: Value,
) -> Result<Value> {
    let opened = world.interactions.get(&id).context("the interaction was not opened")?;
    let place = world.channels.get(&channel).context("there is no such channel")?;
    let person = world.users.get(&user).context("there is no such user")?;
    let mut value = json!({
        "id": id, "application_id": world.application_id, "type": wire_type(opened.kind), "data": data,
        "channel_id": channel, "channel": render::partial_channel(world, place), "token": opened.token, "version": 1,
        "app_permissions": world.bot_permissions_in(place).to_string(), "locale": "en-US", "entitlements": [],
        "attachment_size_limit": 10_485_760,
    });
    match place.guild.and_then(|guild| world.guilds.get(&guild)) {
        Some(guild) => {
            let member = guild.members.get(&user).context("the user is not a member")?;
            let mut shown = render::member(world, member);
            shown["permissions"] = json!(guild.permissions(member).to_string());
            value["member"] = shown;
            value["guild_id"] = json!(guild.id);
            value["guild"] = json!({ "id": guild.id, "locale": "en-US", "features": [] });
            value["guild_locale"] = json!("en-US");
            value["context"] = json!(0);
            value["authorizing_integration_owners"] = json!({ "0": guild.id });
        }
        None => {
            value["user"] = render::user(person);
            value["context"] = json!(1);
            value["authorizing_integration_owners"] = json!({ "0": "0" });
        }
    }
    Ok(value)
}

/// The message a component sits on.
pub(super) fn source_message(world: &World, channel: ChannelId, message: MessageId) -> Value {
    world.message(channel, message).map(|message| render::message(world, message)).unwrap_or_default()
}

/// The `data` of a modal that is sent off, checked as Discord's client checks it.
pub(super) fn modal_data(modal: &Value, values: &Map<String, Value>) -> Result<Value> {
    let rows = modal["components"].as_array().map_or(&[][..], Vec::as_slice);
    let mut known = Vec::new();
    let mut sent = Vec::new();
    for row in rows {
        let labelled = row["type"] == 18;
        let input = if labelled { &row["component"] } else { &row["components"][0] };
        let id = input["custom_id"].as_str().unwrap_or_default();
        known.push(id);
        let text = match values.get(id) {
            Some(text) => text.as_str().with_context(|| format!("`{id}` takes text"))?,
            None => input["value"].as_str().unwrap_or_default(),
        };
        let length = text.chars().count() as u64;
        let required = input.get("required").is_none_or(|required| required != false);
        ensure!(!required || length > 0, "the required input `{id}` is empty");
        let min = if length == 0 { 0 } else { input["min_length"].as_u64().unwrap_or(0) };
        let max = input["max_length"].as_u64().unwrap_or(4000);
        ensure!((min..=max).contains(&length), "`{id}` takes {min} to {max} characters, not {length}");
        let filled = json!({ "type": 4, "custom_id": id, "value": text });
        sent.push(if labelled {
            json!({ "type": 18, "component": filled })
        } else {
            json!({ "type": 1, "components": [filled] })
        });
    }
    for id in values.keys() {
        ensure!(known.contains(&id.as_str()), "the modal has no input `{id}`; it has {known:?}");
    }
    Ok(json!({ "custom_id": modal["custom_id"], "components": sent }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modal_is_checked_and_echoes_its_rows() {
        let modal = json!({"custom_id": "m", "title": "t", "components": [
            {"type": 1, "components": [{"type": 4, "custom_id": "why", "style": 1, "label": "Why", "max_length": 5}]},
            {"type": 18, "label": "Note", "component": {"type": 4, "custom_id": "note", "style": 2, "required": false}}]});
        let submit = |values: Value| modal_data(&modal, values.as_object().unwrap());
        assert_eq!(
            submit(json!({"why": "fun"})).unwrap()["components"],
            json!([
                {"type": 1, "components": [{"type": 4, "custom_id": "why", "value": "fun"}]},
                {"type": 18, "component": {"type": 4, "custom_id": "note", "value": ""}}])
        );
        for (values, want) in [
            (json!({}), "required"),
            (json!({"why": "too long"}), "characters"),
            (json!({"why": "ok", "other": "x"}), "no input"),
        ] {
            assert!(submit(values).unwrap_err().to_string().contains(want), "{want}");
        }
    }
}
