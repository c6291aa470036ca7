//! Interactions: their life from being sent to being answered or given up, by Discord's 3-second and 15-minute rules.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use super::{Draft, Edit, World, flags};
use crate::config::Limits;
use crate::error::DiscordError;
use crate::ids::{ApplicationId, ChannelId, InteractionId, MessageId, UserId};

/// For how long interactions are remembered; well beyond the life of their tokens.
const KEPT: TimeDelta = TimeDelta::minutes(60);

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionKind {
    /// Used a slash command.
    Command,
    /// Clicked a button or chose from a menu.
    Component,
    /// Typed into an option that completes.
    Autocomplete,
    /// Sent off a modal.
    Modal,
}

/// How far the answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionState {
    /// Nothing was heard yet.
    Waiting,
    /// The person sees "thinking…".
    Deferred,
    /// A click was acknowledged; the message may be edited later.
    DeferredUpdate,
    /// There is a visible message (or an update of the clicked one).
    Replied,
    /// A modal was opened.
    Modal,
    /// Autocomplete choices came.
    Choices,
    /// No first response came in time: "the application did not respond".
    Expired,
    /// The message was deleted again.
    Deleted,
}

#[derive(Debug, Clone)]
pub(crate) struct Interaction {
    pub(crate) id: InteractionId,
    pub(crate) token: String,
    pub(crate) kind: InteractionKind,
    /// The command path or the custom id.
    pub(crate) name: String,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) created_at: DateTime<Utc>,
    /// The message a component sits on.
    pub(crate) source: Option<MessageId>,
    /// The type of the option being completed.
    pub(crate) focused_kind: u64,
    pub(crate) state: InteractionState,
    pub(crate) original: Option<MessageId>,
    pub(crate) followups: Vec<MessageId>,
    pub(crate) modal: Option<Value>,
    pub(crate) choices: Vec<Value>,
    pub(crate) history: Vec<String>,
    pub(crate) first_response_ms: Option<i64>,
    pub(crate) revision: watch::Sender<u64>,
}

/// A checked first response.
#[derive(Debug, Clone)]
pub(crate) enum FirstResponse {
    Message(Draft),
    Defer { ephemeral: bool },
    DeferUpdate,
    Update(Edit),
    Choices(Vec<Value>),
    Modal(Value),
}

impl Interaction {
    pub(crate) fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        now - self.created_at
    }

    /// The state, with the first-response deadline taken into account.
    pub(crate) fn state_at(&self, now: DateTime<Utc>, limits: &Limits) -> InteractionState {
        let late = self.age(now).to_std().is_ok_and(|age| age > limits.first_response);
        if self.state == InteractionState::Waiting && late { InteractionState::Expired } else { self.state }
    }

    fn note(&mut self, now: DateTime<Utc>, what: impl std::fmt::Display) {
        self.history.push(format!("{what} after {} ms", self.age(now).num_milliseconds()));
        self.revision.send_modify(|revision| *revision += 1);
    }
}

/// What opens an interaction.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) kind: InteractionKind,
    pub(crate) name: String,
    pub(crate) user: UserId,
    pub(crate) channel: ChannelId,
    pub(crate) source: Option<MessageId>,
    pub(crate) focused_kind: u64,
}

impl World {
    /// Opens an interaction, and forgets those long past.
    pub(crate) fn open_interaction(&mut self, opening: Opening) -> InteractionId {
        let now = self.clock.now();
        self.forget_interactions(now);
        let id = InteractionId(self.clock.snowflake());
        let interaction = Interaction {
            id,
            // As Discord's own tokens do, it names the interaction besides its secret part.
            token: format!("sim.{id}.{}{}", uuid::Uuid::now_v7().simple(), uuid::Uuid::now_v7().simple()),
            kind: opening.kind,
            name: opening.name,
            user: opening.user,
            channel: opening.channel,
            created_at: now,
            source: opening.source,
            focused_kind: opening.focused_kind,
            state: InteractionState::Waiting,
            original: None,
            followups: Vec::new(),
            modal: None,
            choices: Vec::new(),
            history: Vec::new(),
            first_response_ms: None,
            revision: watch::Sender::new(0),
        };
        self.interactions.insert(id, interaction);
        id
    }

    /// Drops interactions long past, and what only their person saw of them.
    fn forget_interactions(&mut self, now: DateTime<Utc>) {
        while let Some(oldest) = self.interactions.first_entry().filter(|entry| entry.get().age(now) > KEPT) {
            let old = oldest.remove();
            let Some(place) = self.channels.get_mut(&old.channel) else { continue };
            for id in old.followups.into_iter().chain(old.original) {
                if place.messages.get(&id).is_some_and(|message| message.visible_to.is_some()) {
                    place.messages.remove(&id);
                }
            }
        }
    }

    /// The interaction a callback route names, if it may still get its first response.
    pub(crate) fn callback_target(
        &self,
        id: InteractionId,
        token: &str,
        limits: &Limits,
    ) -> Result<&Interaction, DiscordError> {
        let interaction = self
            .interactions
            .get(&id)
            .filter(|interaction| interaction.token == token)
            .ok_or(DiscordError::UNKNOWN_INTERACTION)?;
        match interaction.state_at(self.clock.now(), limits) {
            InteractionState::Waiting => Ok(interaction),
            InteractionState::Expired => Err(DiscordError::UNKNOWN_INTERACTION),
            _ => Err(DiscordError::ALREADY_ACKNOWLEDGED),
        }
    }

    /// The interaction a webhook route names, if its token is good and it has had its first response.
    pub(crate) fn webhook_target(
        &self,
        application: ApplicationId,
        token: &str,
        limits: &Limits,
    ) -> Result<&Interaction, DiscordError> {
        if application != self.application_id {
            return Err(DiscordError::UNKNOWN_WEBHOOK);
        }
        let now = self.clock.now();
        let named = token.split('.').nth(1).and_then(|id| id.parse().ok()).and_then(|id| self.interactions.get(&id));
        let interaction =
            named.filter(|interaction| interaction.token == token).ok_or(DiscordError::INVALID_WEBHOOK_TOKEN)?;
        if interaction.age(now).to_std().is_ok_and(|age| age > limits.interaction_token) {
            return Err(DiscordError::INVALID_WEBHOOK_TOKEN);
        }
        match interaction.state_at(now, limits) {
            InteractionState::Waiting | InteractionState::Expired => Err(DiscordError::UNKNOWN_WEBHOOK),
            _ => Ok(interaction),
        }
    }

    /// Applies a first response to an interaction that [`World::callback_target`] let through.
    pub(crate) fn respond(&mut self, id: InteractionId, response: FirstResponse) -> Result<(), DiscordError> {
        let now = self.clock.now();
        let (user, channel, source) = self
            .interactions
            .get(&id)
            .map(|interaction| (interaction.user, interaction.channel, interaction.source))
            .ok_or(DiscordError::UNKNOWN_INTERACTION)?;
        let mut original = None;
        let mut what = "answered".to_owned();
        let state = match response {
            FirstResponse::Message(draft) => {
                original = Some(self.answer(id, channel, user, draft)?);
                InteractionState::Replied
            }
            FirstResponse::Defer { ephemeral } => {
                let flags = flags::LOADING | if ephemeral { flags::EPHEMERAL } else { 0 };
                original = Some(self.answer(id, channel, user, Draft { flags, ..Draft::default() })?);
                what = if ephemeral { "deferred (ephemeral)" } else { "deferred" }.into();
                InteractionState::Deferred
            }
            FirstResponse::DeferUpdate => {
                original = source;
                what = "acknowledged".into();
                InteractionState::DeferredUpdate
            }
            FirstResponse::Update(edit) => {
                original = source;
                let message = source.ok_or(DiscordError::UNKNOWN_MESSAGE)?;
                self.edit_message(channel, message, edit)?;
                what = "updated the message".into();
                InteractionState::Replied
            }
            FirstResponse::Choices(choices) => {
                what = format!("offered {} choices", choices.len());
                if let Some(interaction) = self.interactions.get_mut(&id) {
                    interaction.choices = choices;
                }
                InteractionState::Choices
            }
            FirstResponse::Modal(modal) => {
                what = "opened a modal".into();
                if let Some(interaction) = self.interactions.get_mut(&id) {
                    interaction.modal = Some(modal);
                }
                InteractionState::Modal
            }
        };
        if let Some(interaction) = self.interactions.get_mut(&id) {
            interaction.state = state;
            interaction.original = original;
            interaction.first_response_ms = Some(interaction.age(now).num_milliseconds());
            interaction.note(now, what);
        }
        Ok(())
    }

    /// Writes a message that answers an interaction; ephemeral ones are for the person alone.
    fn answer(
        &mut self,
        id: InteractionId,
        channel: ChannelId,
        user: UserId,
        mut draft: Draft,
    ) -> Result<MessageId, DiscordError> {
        draft.interaction = Some(id);
        draft.visible_to = (draft.flags & flags::EPHEMERAL != 0).then_some(user);
        self.create_message(channel, self.bot_id(), draft, std::time::Duration::ZERO)
    }

    /// Adds a follow-up. Right after a deferral it fills in the "thinking" message instead, as documented.
    pub(crate) fn follow_up(&mut self, id: InteractionId, draft: Draft) -> Result<MessageId, DiscordError> {
        let interaction = self.interactions.get(&id).ok_or(DiscordError::UNKNOWN_INTERACTION)?;
        let (user, channel) = (interaction.user, interaction.channel);
        if let (InteractionState::Deferred, Some(original)) = (interaction.state, interaction.original) {
            let Draft { content, embeds, components, allowed_mentions, .. } = draft;
            let edit = Edit {
                content: Some(content),
                embeds: Some(embeds),
                components: Some(components),
                flags: None,
                allowed_mentions,
            };
            self.edit_answer(id, original, edit)?;
            return Ok(original);
        }
        let message = self.answer(id, channel, user, draft)?;
        let now = self.clock.now();
        if let Some(interaction) = self.interactions.get_mut(&id) {
            interaction.followups.push(message);
            interaction.note(now, "followed up");
        }
        Ok(message)
    }

    /// The message that `@original` or a follow-up's id names.
    pub(crate) fn answer_message(&self, id: InteractionId, which: &str) -> Result<MessageId, DiscordError> {
        let interaction = self.interactions.get(&id).ok_or(DiscordError::UNKNOWN_INTERACTION)?;
        let message = match which {
            "@original" => interaction.original,
            text => {
                let wanted = text.parse::<MessageId>().ok();
                let mut own = interaction.followups.iter().copied().chain(interaction.original);
                own.find(|message| Some(*message) == wanted)
            }
        };
        message
            .filter(|message| self.message(interaction.channel, *message).is_some())
            .ok_or(DiscordError::UNKNOWN_MESSAGE)
    }

    /// Edits the first response or a follow-up.
    pub(crate) fn edit_answer(
        &mut self,
        id: InteractionId,
        message: MessageId,
        edit: Edit,
    ) -> Result<(), DiscordError> {
        let channel = self.interactions.get(&id).ok_or(DiscordError::UNKNOWN_INTERACTION)?.channel;
        self.edit_message(channel, message, edit)?;
        let now = self.clock.now();
        if let Some(interaction) = self.interactions.get_mut(&id) {
            if interaction.original == Some(message) {
                interaction.state = InteractionState::Replied;
            }
            interaction.note(now, "edited");
        }
        Ok(())
    }

    /// Deletes the first response or a follow-up.
    pub(crate) fn delete_answer(&mut self, id: InteractionId, message: MessageId) -> Result<(), DiscordError> {
        let channel = self.interactions.get(&id).ok_or(DiscordError::UNKNOWN_INTERACTION)?.channel;
        self.delete_message(channel, message)?;
        let now = self.clock.now();
        if let Some(interaction) = self.interactions.get_mut(&id) {
            if interaction.original == Some(message) {
                interaction.state = InteractionState::Deleted;
            }
            interaction.note(now, "deleted");
        }
        Ok(())
    }

    /// Notes something that happened on the way to the bot, such as an endpoint that answered nonsense.
    pub(crate) fn note_delivery(&mut self, id: InteractionId, what: &str) {
        let now = self.clock.now();
        if let Some(interaction) = self.interactions.get_mut(&id) {
            interaction.note(now, what);
        }
    }
}
