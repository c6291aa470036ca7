//! Message bodies: reading them strictly, with Discord's limits on text, embeds and components.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::DiscordError;
use crate::form::{Form, at};
use crate::world::{Draft, Edit};

const CREATE: &[&str] = &[
    "content",
    "nonce",
    "tts",
    "embeds",
    "allowed_mentions",
    "message_reference",
    "components",
    "sticker_ids",
    "attachments",
    "flags",
    "enforce_nonce",
    "poll",
];
/// What a message of a webhook or interaction may hold.
const ANSWER: &[&str] = &["content", "tts", "embeds", "allowed_mentions", "components", "attachments", "flags", "poll"];
const EDIT: &[&str] = &["content", "embeds", "allowed_mentions", "components", "attachments", "flags", "poll"];
const ALLOWED_MENTIONS: &[&str] = &["parse", "roles", "users", "replied_user"];
const EMBED: &[&str] = &[
    "title",
    "type",
    "description",
    "url",
    "timestamp",
    "color",
    "footer",
    "image",
    "thumbnail",
    "video",
    "provider",
    "author",
    "fields",
];
const BUTTON: &[&str] = &["type", "id", "style", "label", "emoji", "custom_id", "sku_id", "url", "disabled"];
const SELECT: &[&str] = &[
    "type",
    "id",
    "custom_id",
    "options",
    "channel_types",
    "placeholder",
    "default_values",
    "min_values",
    "max_values",
    "disabled",
    "required",
];
const TEXT_INPUT: &[&str] =
    &["type", "id", "custom_id", "style", "label", "min_length", "max_length", "required", "value", "placeholder"];

/// A message to a channel.
pub(super) fn create(form: &mut Form, body: &Value) -> Draft {
    let mut draft = draft(form, body, &[], CREATE);
    let Some(map) = body.as_object() else { return draft };
    draft.enforce_nonce = form.boolean(map, &[], "enforce_nonce");
    draft.nonce = map.get("nonce").filter(|nonce| !nonce.is_null()).cloned();
    let nonce = draft.nonce.as_ref().map(|nonce| nonce.as_str().map_or_else(|| nonce.to_string(), str::to_owned));
    if nonce.is_some_and(|nonce| nonce.chars().count() > 25) {
        form.refuse(&["nonce".into()], "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer characters long.");
    }
    draft
}

/// A message that answers an interaction, found at `path` in the body.
pub(super) fn answer(form: &mut Form, body: &Value, path: &[String]) -> Draft {
    draft(form, body, path, ANSWER)
}

fn draft(form: &mut Form, body: &Value, path: &[String], known: &[&str]) -> Draft {
    let Some(map) = form.object(body, path, known) else { return Draft::default() };
    form.boolean(map, path, "tts");
    let parts = parts(form, map, path);
    Draft {
        content: parts.content.unwrap_or_default(),
        embeds: parts.embeds.unwrap_or_default(),
        components: parts.components.unwrap_or_default(),
        flags: parts.flags.unwrap_or_default(),
        allowed_mentions: parts.allowed_mentions,
        ..Draft::default()
    }
}

/// A change of a message, found at `path` in the body. A field that is null is emptied.
pub(super) fn edit(form: &mut Form, body: &Value, path: &[String]) -> Edit {
    let Some(map) = form.object(body, path, EDIT) else { return Edit::default() };
    let mut edit = parts(form, map, path);
    if map.get("content").is_some_and(Value::is_null) {
        edit.content = Some(String::new());
    }
    for (key, list) in [("embeds", &mut edit.embeds), ("components", &mut edit.components)] {
        if map.get(key).is_some_and(Value::is_null) {
            *list = Some(Vec::new());
        }
    }
    edit
}

fn parts(form: &mut Form, map: &Map<String, Value>, path: &[String]) -> Edit {
    for key in ["attachments", "sticker_ids"] {
        if form.list(map, path, key, 10).is_some_and(|list| !list.is_empty()) {
            form.note(format!("`{key}` is not simulated"));
        }
    }
    for key in ["poll", "message_reference"] {
        if map.get(key).is_some_and(|value| !value.is_null()) {
            form.note(format!("`{key}` is not simulated"));
        }
    }
    if let Some(mentions) = map.get("allowed_mentions").filter(|value| !value.is_null()) {
        form.object(mentions, &at(path, "allowed_mentions"), ALLOWED_MENTIONS);
    }
    Edit {
        content: form.string(map, path, "content", 0..=2000).map(Into::into),
        embeds: form.list(map, path, "embeds", 10).cloned().inspect(|list| embeds(form, list, &at(path, "embeds"))),
        components: form
            .list(map, path, "components", 5)
            .cloned()
            .inspect(|list| components(form, list, &at(path, "components"))),
        flags: form.integer(map, path, "flags"),
        allowed_mentions: map.get("allowed_mentions").filter(|value| !value.is_null()).cloned(),
    }
}

/// Refuses a message without anything in it.
pub(super) fn not_empty(draft: &Draft) -> Result<(), DiscordError> {
    let empty = draft.content.trim().is_empty() && draft.embeds.is_empty() && draft.components.is_empty();
    if empty { Err(DiscordError::EMPTY_MESSAGE) } else { Ok(()) }
}

fn embeds(form: &mut Form, embeds: &[Value], path: &[String]) {
    let mut total = 0;
    for (index, embed) in embeds.iter().enumerate() {
        let path = at(path, index);
        let Some(map) = form.object(embed, &path, EMBED) else { continue };
        let mut count = |text: Option<&str>| total += text.map_or(0, |text| text.chars().count());
        count(form.string(map, &path, "title", 0..=256));
        count(form.string(map, &path, "description", 0..=4096));
        for (key, known, inner, max) in [
            ("footer", &["text", "icon_url", "proxy_icon_url"][..], "text", 2048),
            ("author", &["name", "url", "icon_url", "proxy_icon_url"][..], "name", 256),
        ] {
            let path = at(&path, key);
            let Some(part) = map.get(key).filter(|part| !part.is_null()) else { continue };
            if let Some(part) = form.object(part, &path, known) {
                count(form.required_string(part, &path, inner, 0..=max));
            }
        }
        let fields = form.list(map, &path, "fields", 25).map_or(&[][..], Vec::as_slice);
        let path = at(&path, "fields");
        for (index, field) in fields.iter().enumerate() {
            let path = at(&path, index);
            let Some(field) = form.object(field, &path, &["name", "value", "inline"]) else { continue };
            count(form.required_string(field, &path, "name", 1..=256));
            count(form.required_string(field, &path, "value", 1..=1024));
            form.boolean(field, &path, "inline");
        }
    }
    if total > 6000 {
        form.refuse(path, "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000");
    }
}

/// Action rows with buttons and select menus.
fn components(form: &mut Form, rows: &[Value], path: &[String]) {
    let mut ids = BTreeSet::new();
    for (index, row) in rows.iter().enumerate() {
        let path = at(path, index);
        let Some(map) = form.object(row, &path, &["type", "id", "components"]) else { continue };
        if row["type"] != 1 {
            form.refuse(&at(&path, "type"), "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,).");
            continue;
        }
        let children = form.list(map, &path, "components", 5).map_or(&[][..], Vec::as_slice);
        if children.is_empty() {
            form.refuse(&at(&path, "components"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.");
        }
        let selects = children.iter().filter(|child| child["type"] != 2).count();
        if selects > 0 && children.len() > 1 {
            form.refuse(&path, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width");
        }
        let path = at(&path, "components");
        for (index, child) in children.iter().enumerate() {
            let path = at(&path, index);
            component(form, child, &path);
            if child["custom_id"].as_str().is_some_and(|id| !ids.insert(id)) {
                let message = "Component custom id cannot be duplicated";
                form.refuse(&at(&path, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
            }
        }
    }
}

fn component(form: &mut Form, child: &Value, path: &[String]) {
    match child["type"].as_u64() {
        Some(2) => {
            let Some(map) = form.object(child, path, BUTTON) else { return };
            form.string(map, path, "label", 0..=80);
            match form.required(map, path, "style").and_then(Value::as_u64) {
                Some(5) => _ = form.required_string(map, path, "url", 1..=512),
                Some(1..=4) => _ = form.required_string(map, path, "custom_id", 1..=100),
                _ => form.refuse(&at(path, "style"), "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}."),
            }
        }
        Some(kind @ (3 | 5..=8)) => {
            let Some(map) = form.object(child, path, SELECT) else { return };
            form.required_string(map, path, "custom_id", 1..=100);
            form.string(map, path, "placeholder", 0..=150);
            let options = form.list(map, path, "options", 25).map_or(&[][..], Vec::as_slice);
            if kind == 3 && options.is_empty() {
                form.refuse(&at(path, "options"), "BASE_TYPE_REQUIRED", "This field is required");
            }
            let path = at(path, "options");
            for (index, option) in options.iter().enumerate() {
                let path = at(&path, index);
                let Some(option) = form.object(option, &path, &["label", "value", "description", "emoji", "default"])
                else {
                    continue;
                };
                form.required_string(option, &path, "label", 1..=100);
                form.required_string(option, &path, "value", 1..=100);
                form.string(option, &path, "description", 0..=100);
            }
        }
        _ => form.refuse(
            &at(path, "type"),
            "UNION_TYPE_CHOICES",
            "Value of field \"type\" must be one of (2, 3, 5, 6, 7, 8).",
        ),
    }
}

/// A modal: a title and one to five text inputs, in action rows or labels.
pub(super) fn modal(form: &mut Form, body: &Value, path: &[String]) {
    let Some(map) = form.object(body, path, &["custom_id", "title", "components"]) else { return };
    form.required_string(map, path, "custom_id", 1..=100);
    form.required_string(map, path, "title", 1..=45);
    let rows = form.list(map, path, "components", 5).map_or(&[][..], Vec::as_slice);
    let path = at(path, "components");
    if rows.is_empty() {
        form.refuse(&path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.");
    }
    for (index, row) in rows.iter().enumerate() {
        let path = at(&path, index);
        let input = match row["type"].as_u64() {
            Some(1) => &row["components"][0],
            Some(18) => &row["component"],
            _ => {
                form.refuse(
                    &at(&path, "type"),
                    "UNION_TYPE_CHOICES",
                    "Value of field \"type\" must be one of (1, 18).",
                );
                continue;
            }
        };
        let labelled = row["type"] == 18;
        let Some(input) = form.object(input, &path, TEXT_INPUT) else { continue };
        form.required_string(input, &path, "custom_id", 1..=100);
        form.required(input, &path, "style");
        if !labelled {
            form.required_string(input, &path, "label", 1..=45);
        }
        form.string(input, &path, "placeholder", 0..=100);
        form.string(input, &path, "value", 0..=4000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_and_unknown_fields() {
        let text = |n: usize| "x".repeat(n);
        let fields = |n: usize| (0..n).map(|_| json!({"name": "n", "value": "v"})).collect::<Vec<_>>();
        let big = json!([{"description": text(4000)}, {"description": text(2001)}]);
        for (body, error, violations) in [
            (json!({"content": text(2000)}), None, 0),
            (json!({"content": text(2001)}), Some("BASE_TYPE_MAX_LENGTH"), 0),
            (json!({"content": 5}), Some("STRING_TYPE_CONVERT"), 1),
            (json!({"contents": "hi"}), None, 1),
            (json!({"embeds": [{"title": text(257)}]}), Some("BASE_TYPE_MAX_LENGTH"), 0),
            (json!({"embeds": [{"description": text(4097)}]}), Some("BASE_TYPE_MAX_LENGTH"), 0),
            (json!({"embeds": [{"fields": fields(25)}]}), None, 0),
            (json!({"embeds": [{"fields": fields(26)}]}), Some("BASE_TYPE_MAX_LENGTH"), 0),
            (json!({"embeds": big}), Some("MAX_EMBED_SIZE_EXCEEDED"), 0),
            (json!({"embeds": [{"colour": 5}]}), None, 1),
            (json!({"content": "x", "nonce": text(26)}), Some("NONCE_TYPE_TOO_LONG"), 0),
            (json!({"components": [{"type": 1, "components": []}]}), Some("BASE_TYPE_BAD_LENGTH"), 0),
            (
                json!({"components": [{"type": 1, "components": [{"type": 2, "style": 1}]}]}),
                Some("BASE_TYPE_REQUIRED"),
                1,
            ),
        ] {
            let mut form = Form::default();
            create(&mut form, &body);
            let (verdict, noted) = form.finish();
            let got = verdict.err().map(|error| error.body().to_string());
            match error {
                None => assert_eq!(got, None, "{body}"),
                Some(code) => assert!(got.as_deref().is_some_and(|got| got.contains(code)), "{code}: {got:?}"),
            }
            assert_eq!(noted.len(), violations, "{noted:?}");
        }
    }
}
