//! Owns the gateway connection: when it's made, with which intents, when it's made anew, and which events matter.
//!
//! serenity keeps a session alive, resumes it, and dials again while nobody answers. This module watches it, and starts
//! afresh with a back-off when it stays away although somebody answers: a bot has only so many fresh starts a day.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use broker::Backoff;
use domain::{GuildId, UserId};
use serenity::{
    all::{Client, ClientBuilder, ConnectionStage, Context, Event, GatewayIntents, RawEventHandler, ShardManager},
    gateway::GatewayError,
};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    BotConfig, commands,
    discord::{self, Discord, DiscordError},
    events::Ears,
    runner::Runner,
};

/// How often the connection is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long serenity may be connected without being served before everything is started afresh.
const AWAY: Duration = Duration::from_secs(45);
/// How often it may dial in vain in one session: each may have cost one of the day's starts.
const DIALS: u32 = 5;
/// How often Discord is asked for the gateway's address while that can't be reached.
const ASK_AGAIN: Duration = Duration::from_secs(45);
/// The starts a day that are left alone, for somebody to repair things with.
const SPARE_STARTS: u32 = 10;
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
    /// It began, but never was served.
    Fruitless(String),
}

/// Pauses after a connection was lost, or can't be tried.
fn after_loss() -> Backoff {
    Backoff::new(Duration::from_secs(1), Duration::from_secs(120))
}

/// Pauses after connections that were made in vain: they use up the day's starts.
fn after_failure() -> Backoff {
    Backoff::new(Duration::from_secs(2), Duration::from_secs(3_600))
}

impl Gateway {
    /// Keeps a connection until shutdown.
    pub(crate) async fn keep(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_MEMBERS;
        let (mut lost, mut failed) = (after_loss(), after_failure());
        loop {
            let began = Instant::now();
            let end = self.session(intents, &shutdown).await?;
            self.connected.store(false, Ordering::Relaxed);
            if began.elapsed() > LASTED + AWAY {
                lost = after_loss();
            }
            let pause = match end {
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
                End::IntentRefused => {
                    tracing::error!("Discord refuses the gateway intents");
                    &mut failed
                }
                End::Fruitless(why) => {
                    tracing::warn!(why, "the gateway doesn't serve; trying again");
                    &mut failed
                }
                End::Away(why) => {
                    tracing::warn!(why, "no gateway connection; trying again");
                    failed = after_failure();
                    &mut lost
                }
            };
            if !pause.pause(&shutdown).await {
                return Ok(());
            }
        }
    }

    /// One connection, from asking for its address to its end.
    async fn session(&self, intents: GatewayIntents, shutdown: &CancellationToken) -> anyhow::Result<End> {
        // serenity dials the real Discord when this call fails; so it's made here, and its answer is what counts.
        let gateway = match self.runner.discord.gateway().await {
            Ok(gateway) => gateway,
            Err(DiscordError::TokenRefused) => return Ok(End::TokenRefused),
            Err(error) => return Ok(End::Away(error.to_string())),
        };
        let starts = &gateway.session_start_limit;
        if starts.remaining < SPARE_STARTS {
            tracing::error!(
                left = starts.remaining,
                wait_seconds = starts.reset_after / 1_000,
                "the day's gateway connections are nearly used up: waiting for new ones"
            );
            tokio::select! {
                () = shutdown.cancelled() => return Ok(End::ShutDown),
                () = tokio::time::sleep(Duration::from_millis(starts.reset_after)) => {}
            }
            return Ok(End::Away("the day's gateway connections were nearly used up".into()));
        }
        let ended = CancellationToken::new();
        let ready = Arc::new(AtomicBool::new(false));
        let listener = Listener {
            runner: self.runner.clone(),
            ears: self.ears.clone(),
            tasks: self.tasks.clone(),
            connected: Arc::clone(&self.connected),
            ready: Arc::clone(&ready),
            bot: AtomicU64::new(0),
            turns: Semaphore::new(EVENTS_AT_ONCE),
            ended: ended.clone(),
            shutdown: shutdown.clone(),
            registering: Arc::default(),
        };
        let _ended = ended.drop_guard();
        let http = discord::gateway_http(&self.config)?;
        let building = ClientBuilder::new_with_http(http, intents).raw_event_handler(listener).into_future();
        let Ok(client) = tokio::time::timeout(discord::CALL_DEADLINE, building).await else {
            return Ok(End::Away("Discord doesn't answer".into()));
        };
        let mut client = client?;
        let address = Arc::clone(&client.ws_url);
        *address.lock().await = gateway.url;
        let manager = Arc::clone(&client.shard_manager);
        let end = tokio::select! {
            () = shutdown.cancelled() => End::ShutDown,
            end = start(&mut client) => end,
            why = self.watch(&manager, &address) => End::Away(why),
        };
        // What serenity may still have in its queue must not dial any more: nobody would hear it.
        *address.lock().await = String::new();
        if tokio::time::timeout(CLOSING, manager.shutdown_all()).await.is_err() {
            tracing::debug!("the gateway connection did not close in time");
        }
        Ok(match end {
            End::Away(why) if !ready.load(Ordering::Relaxed) => End::Fruitless(why),
            end => end,
        })
    }

    /// Returns when serenity is not served for too long. While nobody answers at all it goes on dialling: it can't be
    /// stopped then, and each further one would dial beside it.
    async fn watch(&self, manager: &ShardManager, address: &Mutex<String>) -> String {
        let (mut seen, mut asked) = (Instant::now(), Instant::now());
        let mut dials = Dials::default();
        loop {
            tokio::time::sleep(LOOK).await;
            let (dialled, connected) = {
                let runners = manager.runners.lock().await;
                (!runners.is_empty(), runners.values().any(|runner| runner.stage == ConnectionStage::Connected))
            };
            self.connected.store(connected, Ordering::Relaxed);
            dials.look(dialled, connected);
            if connected || !dialled {
                seen = Instant::now();
            }
            if seen.elapsed() > AWAY {
                return format!("it was not served for {} s", AWAY.as_secs());
            }
            if dials.count > DIALS {
                return format!("it was not served at {DIALS} tries");
            }
            if dialled {
                asked = Instant::now();
            } else if asked.elapsed() > ASK_AGAIN {
                asked = Instant::now();
                tracing::warn!("the gateway can't be reached; trying on");
                if let Ok(gateway) = self.runner.discord.gateway().await {
                    *address.lock().await = gateway.url;
                }
            }
        }
    }
}

/// Counts connections since the last one that was served.
#[derive(Default)]
struct Dials {
    count: u32,
    dialled: bool,
}

impl Dials {
    fn look(&mut self, dialled: bool, connected: bool) {
        if connected {
            self.count = 0;
        } else if dialled && !self.dialled {
            self.count += 1;
        }
        self.dialled = dialled;
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
    /// Whether this session was ever served.
    ready: Arc<AtomicBool>,
    /// The bot's own user; 0 before READY.
    bot: AtomicU64,
    turns: Semaphore,
    /// The session is over: what still comes is another's.
    ended: CancellationToken,
    shutdown: CancellationToken,
    /// Held while the commands are being registered.
    registering: Arc<Mutex<()>>,
}

#[serenity::async_trait]
impl RawEventHandler for Listener {
    async fn raw_event(&self, context: Context, event: Event) {
        if self.ended.is_cancelled() {
            context.shard.shutdown_clean();
            return;
        }
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
                self.ready.store(true, Ordering::Relaxed);
                self.bot.store(event.ready.user.id.get(), Ordering::Relaxed);
                tracing::info!(guilds = event.ready.guilds.len(), "connected to Discord");
                self.register(event.ready.application.id.get());
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

    /// Registers the commands, if Discord has others; tried until it's done or the session ends.
    fn register(&self, application: u64) {
        let Ok(alone) = Arc::clone(&self.registering).try_lock_owned() else { return };
        let (discord, ended, shutdown) = (self.runner.discord.clone(), self.ended.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            let _alone = alone;
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
            while let Err(error) = register(&discord, application).await {
                tracing::warn!(%error, "the commands can't be registered; trying again");
                tokio::select! {
                    () = ended.cancelled() => return,
                    goes_on = backoff.pause(&shutdown) => if !goes_on {
                        return;
                    }
                }
            }
        });
    }
}

async fn register(discord: &Discord, application: u64) -> Result<(), DiscordError> {
    let wanted = commands::definitions();
    if commands::differ(&wanted, &discord.commands(application).await?) {
        discord.put_commands(application, &wanted).await?;
        tracing::info!(commands = wanted.len(), "commands registered");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dialled_in_vain_is_counted() {
        let mut dials = Dials::default();
        for (dialled, connected, count) in [
            (false, false, 0),
            (true, false, 1),
            (true, false, 1),
            (false, false, 1),
            (true, false, 2),
            (true, true, 0),
            (true, false, 0),
        ] {
            dials.look(dialled, connected);
            assert_eq!(dials.count, count);
        }
    }
}
