//! Owns what the bot answers, as our own types, and how that is written for Discord.

use domain::UserId;
use serde_json::{Value, json};

use crate::text::clip;

/// Discord's limits. Source: Discord documentation, "Message" and "Embed Limits".
const MAX_CONTENT: usize = 2_000;
const MAX_TITLE: usize = 256;
const MAX_DESCRIPTION: usize = 4_096;
/// The flag of a message that only one person sees.
const EPHEMERAL: u64 = 1 << 6;

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) content: String,
    pub(crate) embed: Option<Embed>,
    /// At most five.
    pub(crate) buttons: Vec<Button>,
    /// Who is really pinged; nobody else, whatever the text says.
    pub(crate) mentions: Vec<UserId>,
    /// Whether only the caller may see it, even where the answer was announced publicly.
    pub(crate) private: bool,
}

/// A box with a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Embed {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) footer: Option<String>,
}

/// Something to click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Button {
    pub(crate) custom_id: String,
    pub(crate) label: &'static str,
    pub(crate) style: Style,
    pub(crate) disabled: bool,
}

/// A button's looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain = 2,
    Good = 3,
    Bad = 4,
}

/// The first response to an interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum First {
    /// The answer at once.
    Reply(Reply),
    /// "Thinking…": the answer follows as an edit.
    Defer { private: bool },
    /// A click is taken; the message it was on may be edited.
    Acknowledge,
    /// A form with one text to fill in.
    Form(Form),
    /// What an option could be: name and value.
    Choices(Vec<(String, String)>),
}

/// A form with one text to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) custom_id: String,
    pub(crate) title: &'static str,
    pub(crate) field: &'static str,
    pub(crate) label: &'static str,
    pub(crate) max_length: usize,
}

impl Reply {
    /// A message that only the caller sees.
    pub(crate) fn private(content: impl Into<String>) -> Self {
        Self { content: content.into(), private: true, ..Self::default() }
    }

    /// The message as Discord takes it for an edit or in a channel.
    pub(crate) fn to_json(&self) -> Value {
        let embeds: Vec<Value> = self.embed.iter().map(Embed::to_json).collect();
        let buttons: Vec<Value> = self.buttons.iter().map(Button::to_json).collect();
        let rows = if buttons.is_empty() { json!([]) } else { json!([{ "type": 1, "components": buttons }]) };
        let users: Vec<String> = self.mentions.iter().map(UserId::to_string).collect();
        json!({
            "content": clip(&self.content, MAX_CONTENT),
            "embeds": embeds,
            "components": rows,
            "allowed_mentions": { "parse": [], "users": users },
        })
    }

    /// The message as Discord takes it for a new answer to an interaction.
    pub(crate) fn to_new_json(&self) -> Value {
        let mut message = self.to_json();
        if self.private {
            message["flags"] = json!(EPHEMERAL);
        }
        message
    }
}

impl Embed {
    fn to_json(&self) -> Value {
        let mut embed = json!({
            "title": clip(&self.title, MAX_TITLE),
            "description": clip(&self.description, MAX_DESCRIPTION),
        });
        if let Some(footer) = &self.footer {
            embed["footer"] = json!({ "text": clip(footer, MAX_TITLE) });
        }
        embed
    }
}

impl Button {
    fn to_json(&self) -> Value {
        json!({
            "type": 2, "style": self.style as u8, "label": self.label, "custom_id": self.custom_id,
            "disabled": self.disabled,
        })
    }
}

impl First {
    /// The response as Discord's callback route takes it.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Reply(reply) => json!({ "type": 4, "data": reply.to_new_json() }),
            Self::Defer { private: true } => json!({ "type": 5, "data": { "flags": EPHEMERAL } }),
            Self::Defer { private: false } => json!({ "type": 5 }),
            Self::Acknowledge => json!({ "type": 6 }),
            Self::Form(form) => json!({ "type": 9, "data": form.to_json() }),
            Self::Choices(choices) => {
                let choices: Vec<Value> = choices
                    .iter()
                    .take(25)
                    .map(|(name, value)| json!({ "name": clip(name, 100), "value": value }))
                    .collect();
                json!({ "type": 8, "data": { "choices": choices } })
            }
        }
    }
}

impl Form {
    fn to_json(&self) -> Value {
        json!({
            "custom_id": self.custom_id,
            "title": self.title,
            // An action row, not the newer label: serenity 0.12.5 would lose what is typed into that.
            "components": [{ "type": 1, "components": [{
                "type": 4, "custom_id": self.field, "style": 2, "label": self.label,
                "min_length": 1, "max_length": self.max_length, "required": true,
            }]}],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_pinged_who_is_not_named() {
        let reply = Reply { mentions: vec![UserId::new(7).unwrap()], ..Reply::private("@everyone <@9>") };
        let message = reply.to_new_json();
        assert_eq!(message["allowed_mentions"], json!({ "parse": [], "users": ["7"] }));
        assert_eq!(message["flags"], 64);
        assert_eq!(reply.to_json().get("flags"), None);
    }

    #[test]
    fn what_is_too_long_is_clipped() {
        let long = "ä".repeat(5_000);
        let embed = Embed { title: long.clone(), description: long.clone(), footer: Some(long.clone()) };
        let message = Reply { content: long.clone(), embed: Some(embed), ..Reply::default() }.to_json();
        let length = |value: &Value| value.as_str().map(|text| text.chars().count());
        assert_eq!(length(&message["content"]), Some(2_000));
        assert_eq!(length(&message["embeds"][0]["title"]), Some(256));
        assert_eq!(length(&message["embeds"][0]["description"]), Some(4_096));
        let choices = First::Choices(vec![(long, "v".into()); 30]).to_json();
        assert_eq!(choices["data"]["choices"].as_array().map(Vec::len), Some(25));
        assert_eq!(length(&choices["data"]["choices"][0]["name"]), Some(100));
    }
}
