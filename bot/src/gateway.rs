//! Owns the gateway connection: when it's made, with which intents, when it's made anew, and which events matter.
//!
//! serenity keeps a session alive and resumes it. This module watches it, and starts afresh with a back-off when it
//! stays away, since a bot has only so many fresh starts a day.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{GuildId, UserId};
use serenity::{
    all::{Client, ClientBuilder, ConnectionStage, Context, Event, GatewayIntents, RawEventHandler, ShardManager},
    gateway::GatewayError,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{BotConfig, backoff::Backoff, commands, discord, events::Ears, runner::Runner};

/// How often the connection is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long serenity may try by itself before everything is started afresh.
const AWAY: Duration = Duration::from_secs(45);
/// A connection that lasted this long makes the next failure a first one again.
const LASTED: Duration = Duration::from_secs(60);
/// How long closing the connection may take.
const CLOSING: Duration = Duration::from_secs(6);
/// Events other than interactions in hand at once.
const EVENTS_AT_ONCE: usize = 32;

/// The gateway's keeper.
pub(crate) struct Gateway {
    pub(crate) config: BotConfig,
    pub(crate) runner: Runner,
    pub(crate) ears: Ears,
    pub(crate) tasks: TaskTracker,
    pub(crate) connected: Arc<AtomicBool>,
}

/// Why a connection ended.
enum End {
    ShutDown,
    TokenRefused,
    IntentRefused,
    Away(String),
}

impl Gateway {
    /// Keeps a connection until shutdown.
    pub(crate) async fn keep(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_MEMBERS;
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(120));
        loop {
            let began = Instant::now();
            let end = self.session(intents, &shutdown).await?;
            self.connected.store(false, Ordering::Relaxed);
            match end {
                End::ShutDown => return Ok(()),
                End::TokenRefused => {
                    self.runner.discord.refuse_token();
                    shutdown.cancelled().await;
                    return Ok(());
                }
                End::IntentRefused if intents.contains(GatewayIntents::GUILD_MEMBERS) => {
                    tracing::warn!(
                        "Discord doesn't grant the Server Members intent (code 4014): members who come back get their \
                         roles only with the next change. Turn it on in the developer portal, under Bot."
                    );
                    intents.remove(GatewayIntents::GUILD_MEMBERS);
                    continue;
                }
                End::IntentRefused => tracing::error!("Discord refuses the gateway intents"),
                End::Away(why) => tracing::warn!(why, "no gateway connection; trying again"),
            }
            if began.elapsed() > LASTED + AWAY {
                backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(120));
            }
            if !backoff.pause(&shutdown).await {
                return Ok(());
            }
        }
    }

    /// One connection, from asking for its address to its end.
    async fn session(&self, intents: GatewayIntents, shutdown: &CancellationToken) -> anyhow::Result<End> {
        // serenity dials the real Discord when this call fails; so it's made here, and its answer is what counts.
        let url = match self.runner.discord.gateway_url().await {
            Ok(url) => url,
            Err(discord::DiscordError::TokenRefused) => return Ok(End::TokenRefused),
            Err(error) => return Ok(End::Away(error.to_string())),
        };
        let listener = Listener {
            runner: self.runner.clone(),
            ears: self.ears.clone(),
            tasks: self.tasks.clone(),
            connected: Arc::clone(&self.connected),
            bot: AtomicU64::new(0),
            turns: Semaphore::new(EVENTS_AT_ONCE),
        };
        let http = discord::gateway_http(&self.config)?;
        let building = ClientBuilder::new_with_http(http, intents).raw_event_handler(listener).into_future();
        let Ok(client) = tokio::time::timeout(discord::CALL_DEADLINE, building).await else {
            return Ok(End::Away("Discord doesn't answer".into()));
        };
        let mut client = client?;
        *client.ws_url.lock().await = url;
        let manager = Arc::clone(&client.shard_manager);
        let end = tokio::select! {
            () = shutdown.cancelled() => End::ShutDown,
            end = start(&mut client) => end,
            () = self.watch(&manager) => End::Away(format!("it was away for {} s", AWAY.as_secs())),
        };
        if tokio::time::timeout(CLOSING, manager.shutdown_all()).await.is_err() {
            tracing::debug!("the gateway connection did not close in time");
        }
        Ok(end)
    }

    /// Returns when the connection has been away for too long.
    async fn watch(&self, manager: &ShardManager) {
        let mut seen = Instant::now();
        loop {
            tokio::time::sleep(LOOK).await;
            let runners = manager.runners.lock().await;
            let connected = runners.values().any(|runner| runner.stage == ConnectionStage::Connected);
            drop(runners);
            self.connected.store(connected, Ordering::Relaxed);
            if connected {
                seen = Instant::now();
            } else if seen.elapsed() > AWAY {
                return;
            }
        }
    }
}

async fn start(client: &mut Client) -> End {
    match client.start().await {
        Err(serenity::Error::Gateway(GatewayError::InvalidAuthentication)) => End::TokenRefused,
        Err(serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents | GatewayError::InvalidGatewayIntents)) => {
            End::IntentRefused
        }
        Err(error) => End::Away(error.to_string()),
        Ok(()) => End::Away("it ended".into()),
    }
}

/// Hears everything the gateway says, and hands on what matters.
struct Listener {
    runner: Runner,
    ears: Ears,
    tasks: TaskTracker,
    connected: Arc<AtomicBool>,
    /// The bot's own user; 0 before READY.
    bot: AtomicU64,
    turns: Semaphore,
}

#[serenity::async_trait]
impl RawEventHandler for Listener {
    async fn raw_event(&self, _: Context, event: Event) {
        if let Event::InteractionCreate(event) = event {
            let runner = self.runner.clone();
            // Tracked, so that a shutdown waits for answers under way.
            let answered = self.tasks.spawn(async move { runner.run(event.interaction).await });
            drop(answered.await);
            return;
        }
        let Ok(_turn) = self.turns.acquire().await else { return };
        match event {
            Event::Ready(event) => {
                self.connected.store(true, Ordering::Relaxed);
                self.bot.store(event.ready.user.id.get(), Ordering::Relaxed);
                tracing::info!(guilds = event.ready.guilds.len(), "connected to Discord");
                self.register(event.ready.application.id.get()).await;
            }
            Event::Resumed(_) => {
                self.connected.store(true, Ordering::Relaxed);
                tracing::info!("connected to Discord again");
            }
            // After a fresh start: what happened in between was missed.
            Event::GuildCreate(event) => self.changed(event.guild.id.get()),
            Event::GuildRoleCreate(event) => self.changed(event.role.guild_id.get()),
            Event::GuildRoleUpdate(event) => self.changed(event.role.guild_id.get()),
            Event::ChannelCreate(event) => self.changed(event.channel.guild_id.get()),
            Event::ChannelUpdate(event) => self.changed(event.channel.guild_id.get()),
            Event::GuildMemberUpdate(event) if event.user.id.get() == self.bot.load(Ordering::Relaxed) => {
                self.changed(event.guild_id.get());
            }
            Event::GuildMemberAdd(event) => {
                let ids = (GuildId::new(event.member.guild_id.get()), UserId::new(event.member.user.id.get()));
                if let (Ok(guild), Ok(user)) = ids
                    && self.serves(guild)
                {
                    let at = event.member.joined_at.map(|at| *at);
                    self.ears.joined(guild, user, at);
                }
            }
            _ => {}
        }
    }
}

impl Listener {
    fn serves(&self, guild: GuildId) -> bool {
        self.runner.deps.guild_filter.as_ref().is_none_or(|served| served.contains(&guild))
    }

    fn changed(&self, guild: u64) {
        if let Ok(guild) = GuildId::new(guild)
            && self.serves(guild)
        {
            self.ears.changed(guild);
        }
    }

    /// Registers the commands, if Discord has others.
    async fn register(&self, application: u64) {
        let wanted = commands::definitions();
        let discord = &self.runner.discord;
        let registered = match discord.commands(application).await {
            Ok(registered) => registered,
            Err(error) => {
                tracing::warn!(%error, "can't compare the commands; the next connection will");
                return;
            }
        };
        if !commands::differ(&wanted, &registered) {
            return;
        }
        match discord.put_commands(application, &wanted).await {
            Ok(()) => tracing::info!(commands = wanted.len(), "commands registered"),
            Err(error) => tracing::error!(%error, "the commands can't be registered"),
        }
    }
}
