//! Owns the answer to "is the bot ready?".

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use broker::Broker;
use client::Client;

use crate::discord::Discord;

/// Tells whether the bot can do its work. Cheap to clone; for `/ready`.
#[derive(Debug, Clone)]
pub struct BotHealth {
    pub(crate) discord: Discord,
    pub(crate) connected: Arc<AtomicBool>,
    pub(crate) api: Client,
    pub(crate) broker: Broker,
}

impl BotHealth {
    /// Asks Discord's gateway connection, the API and the broker. Takes at most about two seconds.
    ///
    /// # Errors
    /// What is missing, in words for an operator.
    pub async fn check(&self) -> Result<(), String> {
        if self.discord.token_refused() {
            return Err("Discord refuses the bot's token; set a valid DISCORD_TOKEN and restart".into());
        }
        if !self.connected.load(Ordering::Relaxed) {
            return Err("no gateway connection to Discord".into());
        }
        let (api, broker) = tokio::join!(self.api.health(), self.broker.health());
        api.map_err(|error| format!("API: {error}"))?;
        broker.map_err(|error| error.to_string())
    }
}
