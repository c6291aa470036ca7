//! The Discord bot: one handler for interactions, and the consumers that bring what was decided to Discord.
//!
//! It speaks no SQL and keeps no state that matters. Interactions become commands on the broker (points) or calls to
//! the API (everything else); events become edited replies, roles and messages.

mod answer;
mod autocomplete;
mod commands;
mod components;
mod config;
mod consumers;
mod dates;
mod discord;
mod events;
mod gateway;
mod handle;
mod health;
mod interaction;
mod publish;
mod reply;
mod runner;
mod text;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context;
use broker::Broker;
use client::{Client, Credential};
use domain::Clock;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use config::BotConfig;
pub use health::BotHealth;

use crate::{
    answer::Answers, autocomplete::Lookup, consumers::Cx, discord::Discord, events::Ears, gateway::Gateway,
    handle::Deps, publish::Publisher, runner::Runner,
};

/// What every log filter has to end with. serenity's spans, at level INFO, hold whole events and requests: what
/// members write, and the tokens of interactions; and it warns of an event that it can't read with all of it.
pub const LOG_DIRECTIVES: &str = "serenity=warn,serenity::gateway::ws=error";

/// How long answers under way may take after a shutdown.
const DRAIN: Duration = Duration::from_secs(8);

/// The bot, ready to run.
#[derive(Debug)]
pub struct Bot {
    config: BotConfig,
    clock: Clock,
    health: BotHealth,
}

impl Bot {
    /// Prepares a bot; nothing is connected yet.
    ///
    /// # Errors
    /// When the API's address or the certificate can't be used.
    pub fn new(config: BotConfig, broker: Broker, clock: Clock) -> anyhow::Result<Self> {
        let api =
            Client::new(&config.api_url, Credential::BotKey(config.bot_key.clone())).context("the API's address")?;
        let discord = Discord::new(&config).context("Discord's address and certificate")?;
        let health = BotHealth { discord, connected: Arc::new(AtomicBool::new(false)), api, broker };
        Ok(Self { config, clock, health })
    }

    /// Whether it can do its work; answers also before and while it runs.
    #[must_use]
    pub fn health(&self) -> BotHealth {
        self.health.clone()
    }

    /// Serves until `shutdown`, then finishes what is under way within a few seconds.
    ///
    /// # Errors
    /// When it can't go on at all; failures of Discord, the API or the broker are waited out instead.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let BotHealth { discord, connected, api, broker } = self.health;
        let tasks = TaskTracker::new();
        // Either part ending early takes the other with it, but not the rest of the process.
        let ending = shutdown.child_token();
        let publisher = Publisher::new(broker.clone(), api.clone(), self.clock.clone(), tasks.clone(), ending.clone());
        let deps = Deps {
            api: api.clone(),
            lookup: Arc::new(Lookup::default()),
            guild_filter: self.config.guild_filter.clone().map(Arc::new),
        };
        let answers = Answers { discord: discord.clone(), clock: self.clock.clone(), shutdown: ending.clone() };
        let runner = Runner::new(deps, publisher.clone(), answers);
        let ears = Ears::new(publisher.clone());
        let gateway = Gateway { config: self.config, runner, ears: ears.clone(), tasks: tasks.clone(), connected };
        let cx = Cx { api, discord, publisher, clock: self.clock, shutdown: ending.clone() };
        let (kept, consumed, ()) = tokio::join!(
            async { gateway.keep(ending.clone()).await.inspect_err(|_| ending.cancel()) },
            async { consumers::run(&broker, cx, ending.clone()).await.inspect_err(|_| ending.cancel()) },
            ears.tell(ending.clone()),
        );
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            tracing::warn!(left = tasks.len(), "the bot ends with answers under way");
        }
        kept.and(consumed)
    }
}

/// Prepares a bot and runs it; [`Bot`] also tells its health.
///
/// # Errors
/// As [`Bot::new`] and [`Bot::run`].
pub async fn run(config: BotConfig, broker: Broker, clock: Clock, shutdown: CancellationToken) -> anyhow::Result<()> {
    Bot::new(config, broker, clock)?.run(shutdown).await
}
