//! `/effects`: what must become true in Discord.

use domain::EffectId;
use messages::{
    api::{EffectView, Page, PageQuery},
    effect::{EffectOrder, EffectState},
};
use reqwest::Method;
use serde::Serialize;

use crate::{ClientError, Guild, Taken, guild::NOTHING, submissions::taken};

#[derive(Serialize)]
struct EffectQuery<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<EffectState>,
    #[serde(flatten)]
    page: &'a PageQuery,
}

impl Guild {
    /// The guild's effects, or those in one state. Officers only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn effects(&self, state: Option<EffectState>, page: &PageQuery) -> Result<Page<EffectView>, ClientError> {
        self.list("/effects", &EffectQuery { state, page }).await
    }

    /// What the bot is to do, as it is wanted now. With the bot's key and no member.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn effect_order(&self, id: EffectId) -> Result<EffectOrder, ClientError> {
        self.get(&format!("/effects/{id}")).await
    }

    /// Asks for an effect to be tried again. Officers only.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn retry_effect(&self, id: EffectId) -> Result<Taken, ClientError> {
        taken(self.send(Method::POST, &format!("/effects/{id}/retry"), NOTHING, NOTHING).await?).await
    }
}
