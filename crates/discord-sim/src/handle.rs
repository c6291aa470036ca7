//! Following an interaction: waiting (on signals, never by sleeping) for what the person sees.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::control::Client;
use crate::ids::InteractionId;
use crate::people::Act;
use crate::sim::Sim;
use crate::view::{Choice, InteractionView, MessageView};
use crate::world::InteractionState;

/// An interaction on its way; made by the verbs of [`Sim`] and [`Client`].
#[derive(Clone)]
pub struct InteractionHandle {
    id: InteractionId,
    via: Via,
    patience: Duration,
}

#[derive(Clone)]
pub(crate) enum Via {
    Sim(Sim),
    Client(Client),
}

impl InteractionHandle {
    pub(crate) fn new(id: InteractionId, via: Via) -> Self {
        Self { id, via, patience: Duration::from_secs(10) }
    }

    /// The interaction's id.
    #[must_use]
    pub fn id(&self) -> InteractionId {
        self.id
    }

    /// Waits that long at most (10 s if not set).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The interaction as it is now.
    pub async fn view(&self) -> Result<InteractionView> {
        self.next(None, Duration::ZERO).await
    }

    /// How far the answer has come.
    pub async fn state(&self) -> Result<InteractionState> {
        Ok(self.view().await?.state)
    }

    async fn next(&self, after: Option<u64>, wait: Duration) -> Result<InteractionView> {
        match &self.via {
            Via::Sim(sim) => sim.interaction(self.id, after, wait).await,
            Via::Client(client) => client.interaction(self.id, after, wait).await,
        }
    }

    /// Waits until `found` finds what it looks for in the interaction. The error names the state the interaction is in.
    pub async fn until<T>(&self, what: &str, found: impl Fn(&InteractionView) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + self.patience;
        let mut after = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let view = self.next(after, left).await?;
            if let Some(found) = found(&view) {
                return Ok(found);
            }
            let over = view.state == InteractionState::Expired;
            if over || deadline <= Instant::now() {
                let why = if over { "the application did not respond" } else { "not in time" };
                bail!(
                    "waited for {what} of `{}`: {why}. The interaction is {:?}; history: {:?}; it shows {:?}",
                    view.name,
                    view.state,
                    view.history,
                    view.reply.map(|reply| reply.text()),
                );
            }
            after = Some(view.revision);
        }
    }

    /// Waits for the first response, whatever it is (a deferral too).
    pub async fn acknowledged(&self) -> Result<InteractionView> {
        self.until("a first response", |view| view.first_response_ms.map(|_| view.clone())).await
    }

    /// Waits for the first visible answer: the message once it is no longer "thinking", or the updated message.
    pub async fn reply(&self) -> Result<MessageView> {
        self.until("a reply", |view| {
            let reply = view.reply.as_ref().filter(|reply| !reply.loading)?;
            (view.state == InteractionState::Replied).then(|| reply.clone())
        })
        .await
    }

    /// Waits for an answer whose text (embeds included) satisfies `suits`; later edits count.
    pub async fn reply_where(&self, what: &str, suits: impl Fn(&str) -> bool) -> Result<MessageView> {
        self.until(what, |view| {
            let messages = view.reply.iter().chain(&view.followups);
            messages.filter(|message| !message.loading).find(|message| suits(&message.text())).cloned()
        })
        .await
    }

    /// Waits for an answer that contains `text`.
    pub async fn reply_containing(&self, text: &str) -> Result<MessageView> {
        self.reply_where(&format!("an answer with {text:?}"), |answer| answer.contains(text)).await
    }

    /// The text of [`Self::reply`], embeds included.
    pub async fn content(&self) -> Result<String> {
        Ok(self.reply().await?.text())
    }

    /// Whether [`Self::reply`] is for the person alone.
    pub async fn is_ephemeral(&self) -> Result<bool> {
        Ok(self.reply().await?.ephemeral)
    }

    /// Waits for a follow-up: the `index`-th.
    pub async fn followup(&self, index: usize) -> Result<MessageView> {
        self.until("a follow-up", |view| view.followups.get(index).filter(|message| !message.loading).cloned()).await
    }

    /// Waits for the modal that is opened.
    pub async fn modal(&self) -> Result<Value> {
        self.until("a modal", |view| view.modal.clone()).await
    }

    /// Waits for the choices that are offered.
    pub async fn choices(&self) -> Result<Vec<Choice>> {
        self.until("choices", |view| (view.state == InteractionState::Choices).then(|| view.choices.clone())).await
    }

    /// Waits for the reply and clicks one of its buttons.
    pub async fn click(&self, custom_id: &str) -> Result<Self> {
        let (reply, user) = self.clickable(custom_id).await?;
        self.act(Act::Click { user, channel: reply.channel, message: reply.id, custom_id: custom_id.into() }).await
    }

    /// Waits for the reply and chooses from one of its menus.
    pub async fn select(&self, custom_id: &str, values: &[&str]) -> Result<Self> {
        let (reply, user) = self.clickable(custom_id).await?;
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.act(Act::Select { user, channel: reply.channel, message: reply.id, custom_id: custom_id.into(), values })
            .await
    }

    /// Waits for the modal and sends it off; `values` are texts by the inputs' custom ids.
    pub async fn submit_modal(&self, values: Map<String, Value>) -> Result<Self> {
        self.modal().await?;
        self.act(Act::Submit { interaction: self.id, values }).await
    }

    async fn clickable(&self, custom_id: &str) -> Result<(MessageView, crate::ids::UserId)> {
        self.until(&format!("a component `{custom_id}`"), |view| {
            let mut messages = view.reply.iter().chain(&view.followups);
            messages
                .find(|message| message.custom_ids().contains(&custom_id))
                .map(|message| (message.clone(), view.user))
        })
        .await
    }

    async fn act(&self, act: Act) -> Result<Self> {
        let next = match &self.via {
            Via::Sim(sim) => sim.act(act).await?,
            Via::Client(client) => client.act(act).await?,
        };
        Ok(next.patience(self.patience))
    }
}
