//! Owns what the bot is started with.

use std::{collections::BTreeSet, fmt, net::SocketAddr};

use domain::GuildId;

/// The bot's settings.
#[derive(Clone)]
pub struct BotConfig {
    /// The bot's Discord token. A secret.
    pub token: String,
    /// Where the API is, such as `http://127.0.0.1:8000`.
    pub api_url: String,
    /// The bot's key to the API. A secret.
    pub bot_key: String,
    /// Where `discord.com` is, when it isn't the real one (`DISCORD_API_ADDR`).
    pub discord_addr: Option<SocketAddr>,
    /// The certificate authority that vouches for `discord_addr`, as PEM (`DISCORD_API_CA`).
    pub discord_ca: Option<String>,
    /// The guilds that are served; `None` serves every guild the bot is in.
    pub guild_filter: Option<BTreeSet<GuildId>>,
}

impl fmt::Debug for BotConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotConfig")
            .field("api_url", &self.api_url)
            .field("discord_addr", &self.discord_addr)
            .field("guild_filter", &self.guild_filter)
            .finish_non_exhaustive()
    }
}
