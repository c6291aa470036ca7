//! First responses to interactions, over the callback route or as the body of an HTTP interaction's answer.

use serde_json::{Value, json};

use super::{Answered, Call, messages, no_content, ok};
use crate::error::DiscordError;
use crate::form::{Form, at};
use crate::ids::InteractionId;
use crate::world::{FirstResponse, Interaction, InteractionKind, commands, flags, render};

pub(super) fn callback(call: &Call<'_>) -> Answered {
    let id: InteractionId = call.id(0).map_err(|_| DiscordError::UNKNOWN_INTERACTION)?;
    let token = call.arg(1);
    let interaction = call.core.read(|state| state.world.callback_target(id, token, &state.limits).cloned())?;
    let body = call.json()?;
    let kind = body["type"].as_u64();
    let response = call.check(|form| first_response(form, &interaction, &body))?.ok_or(DiscordError::INVALID_FORM)?;
    if let FirstResponse::Message(draft) = &response {
        messages::not_empty(draft)?;
    }
    let resource = call.core.update(|state| {
        // Another response may have come meanwhile.
        state.world.callback_target(id, token, &state.limits)?;
        state.world.respond(id, response)?;
        let interaction = state.world.interactions.get(&id).ok_or(DiscordError::UNKNOWN_INTERACTION)?;
        let message = interaction.original.and_then(|message| state.world.message(interaction.channel, message));
        let mut shown =
            json!({ "interaction": { "id": id, "type": wire_type(interaction.kind) }, "resource": { "type": kind } });
        if let Some(message) = message {
            shown["interaction"]["response_message_id"] = json!(message.id);
            shown["interaction"]["response_message_loading"] = json!(message.is_loading());
            shown["interaction"]["response_message_ephemeral"] = json!(message.is_ephemeral());
            if matches!(kind, Some(4 | 7)) {
                shown["resource"]["message"] = render::message(&state.world, message);
            }
        }
        Ok(shown)
    })?;
    if call.param::<bool>("with_response") == Some(true) { ok(resource) } else { no_content() }
}

/// The interaction type on the wire.
pub(crate) fn wire_type(kind: InteractionKind) -> u8 {
    match kind {
        InteractionKind::Command => 2,
        InteractionKind::Component => 3,
        InteractionKind::Autocomplete => 4,
        InteractionKind::Modal => 5,
    }
}

/// Reads a first response: its type must suit the interaction, its data the type.
pub(crate) fn first_response(form: &mut Form, interaction: &Interaction, body: &Value) -> Option<FirstResponse> {
    let map = form.object(body, &[], &["type", "data"])?;
    let kind = form.required(map, &[], "type").and_then(Value::as_u64)?;
    let path = at(&[], "data");
    let data = map.get("data").filter(|data| !data.is_null());
    let (completing, from_component) =
        (interaction.kind == InteractionKind::Autocomplete, interaction.source.is_some());
    let suits = match kind {
        4 | 5 => !completing,
        6 | 7 => from_component && !completing,
        8 => completing,
        9 => !completing && interaction.kind != InteractionKind::Modal,
        _ => false,
    };
    if !suits {
        let message = format!("Callback type {kind} does not suit this interaction.");
        form.refuse(&["type".into()], "INTERACTION_CALLBACK_TYPE_INVALID", message);
        return None;
    }
    let needed = || data.cloned().unwrap_or_else(|| json!({}));
    match kind {
        4 => {
            form.required(map, &[], "data")?;
            Some(FirstResponse::Message(messages::answer(form, &needed(), &path)))
        }
        5 => {
            let draft = messages::answer(form, &needed(), &path);
            Some(FirstResponse::Defer { ephemeral: draft.flags & flags::EPHEMERAL != 0 })
        }
        6 => Some(FirstResponse::DeferUpdate),
        7 => {
            let mut data = needed();
            // The flag for "text to speech" may come along; an update has no use for it.
            if let Some(fields) = data.as_object_mut() {
                fields.remove("tts");
            }
            Some(FirstResponse::Update(messages::edit(form, &data, &path)))
        }
        8 => {
            let data = needed();
            let map = form.object(&data, &path, &["choices"])?;
            let choices = form.list(map, &path, "choices", 25).cloned().unwrap_or_default();
            let path = at(&path, "choices");
            for (index, choice) in choices.iter().enumerate() {
                commands::check_choice(form, choice, &at(&path, index), interaction.focused_kind);
            }
            Some(FirstResponse::Choices(choices))
        }
        _ => {
            let data = needed();
            messages::modal(form, &data, &path);
            Some(FirstResponse::Modal(data))
        }
    }
}
