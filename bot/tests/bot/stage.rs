//! The stage for the bot: a simulated Discord, a stub of the API, a real embedded broker, and a test that plays the
//! worker. What the bot does is seen in Discord's state and in the commands it publishes.

use std::{collections::BTreeSet, time::Duration};

use broker::{Broker, EmbeddedConfig, Handler, Message, Outcome, Received};
use discord_sim::{Demo, Sim, SimConfig, World};
use domain::{
    Clock, CommandId, EffectId, GuildId, Points, RoleId, SubmissionId, UserId, roles::DesiredRoles,
    submission::SubmissionState,
};
use guildhall_bot::{Bot, BotConfig, BotHealth};
use messages::{
    command::{Command, CommandEnvelope},
    effect::{Desired, EffectKind, EffectOrder, EffectReport, EffectResult, EffectState},
    event::{EffectWantedV1, Event, EventEnvelope, OutcomeV1},
    outcome::SubmissionOutcome,
    topology::Queue,
    trace::TraceParent,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{api::Api, logs};

pub const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for what must not happen to have happened.
pub const QUIET: Duration = Duration::from_millis(1_500);

pub struct Stage {
    pub sim: Sim,
    pub api: Api,
    pub broker: Broker,
    pub health: BotHealth,
    commands: mpsc::UnboundedReceiver<CommandEnvelope>,
    bot: JoinHandle<anyhow::Result<()>>,
    shutdown: CancellationToken,
    worker: CancellationToken,
    _folder: tempfile::TempDir,
}

/// Plays the worker: takes every command and hands it to the test.
struct Worker(mpsc::UnboundedSender<CommandEnvelope>);

impl Handler for Worker {
    async fn handle(&self, batch: Vec<Received>) -> Vec<Outcome> {
        for received in &batch {
            let envelope: CommandEnvelope = serde_json::from_slice(&received.body).unwrap();
            assert_eq!(envelope.id.uuid(), received.id);
            assert_eq!(envelope.command.kind(), received.kind);
            self.0.send(envelope).unwrap();
        }
        vec![Outcome::Done; batch.len()]
    }
}

impl Stage {
    pub async fn set() -> Self {
        Self::set_with(SimConfig::new(World::demo()), EmbeddedConfig::default()).await
    }

    pub async fn set_with(sim: SimConfig, queue: EmbeddedConfig) -> Self {
        logs::captured();
        let sim = Sim::start(sim).await.unwrap();
        let api = Api::start().await;
        let folder = tempfile::tempdir().unwrap();
        let broker = Broker::embedded_with(&folder.path().join("queue.db"), queue).await.unwrap();
        let (sender, commands) = mpsc::unbounded_channel();
        let worker = CancellationToken::new();
        let (scoring, ended) = (broker.clone(), worker.clone());
        tokio::spawn(async move {
            scoring.run(Queue::Scoring, broker::RunOptions::default(), ended, Worker(sender)).await.unwrap();
        });
        let shutdown = CancellationToken::new();
        let (bot, health) = start(&sim, &api, &broker, &shutdown);
        Self { sim, api, broker, health, commands, bot, shutdown, worker, _folder: folder }
    }

    /// The bot is connected, its commands are there, and what its start led to is over.
    pub async fn ready() -> Self {
        let mut stage = Self::set().await;
        stage.sim.wait_for_bot(PATIENCE).await.unwrap();
        stage.expect_refresh().await;
        stage
    }

    /// A fresh start asks for what is parked to be tried again.
    pub async fn expect_refresh(&mut self) {
        let refresh = self.next_command().await;
        assert!(matches!(refresh.command, Command::RefreshEffects(_)), "{refresh:?}");
    }

    pub async fn restart_bot(&mut self) {
        self.stop_bot().await;
        self.shutdown = CancellationToken::new();
        (self.bot, self.health) = start(&self.sim, &self.api, &self.broker, &self.shutdown);
        self.sim.wait_for_bot(PATIENCE).await.unwrap();
    }

    async fn stop_bot(&mut self) {
        self.shutdown.cancel();
        timeout(PATIENCE, &mut self.bot).await.expect("the bot ends").unwrap().unwrap();
    }

    /// A second bot, with this token.
    pub fn with_token(&self, token: &str) -> Other {
        let shutdown = CancellationToken::new();
        let (bot, health) = start_with(token, &self.sim, &self.api, &self.broker, &shutdown);
        Other { health, bot, shutdown }
    }

    /// Ends the play; the bot must have kept Discord's rules, and its secrets.
    pub async fn end(mut self) {
        self.stop_bot().await;
        self.worker.cancel();
        let violations = self.sim.violations().await.unwrap();
        self.sim.shutdown().await;
        self.broker.close().await;
        assert!(violations.is_empty(), "{violations:#?}");
        let logs = logs::captured().text();
        for secret in [self.sim.token(), "sim-0", "bot-key", "from the cave"] {
            let leak = logs.lines().find(|line| line.contains(secret));
            assert!(leak.is_none(), "{secret:?} was logged: {leak:?}");
        }
    }

    pub async fn next_command(&mut self) -> CommandEnvelope {
        timeout(PATIENCE, self.commands.recv()).await.expect("a command in time").unwrap()
    }

    /// What came of an effect; what was said before roles were given is left out.
    pub async fn next_report(&mut self) -> EffectReport {
        loop {
            match self.next_command().await.command {
                Command::ReportEffect(EffectReport { result: EffectResult::Giving { .. }, .. }) => {}
                Command::ReportEffect(report) => return report,
                other => panic!("a report was expected, not {other:?}"),
            }
        }
    }

    pub async fn no_command(&mut self) {
        if let Ok(command) = timeout(QUIET, self.commands.recv()).await {
            panic!("no command was expected, but {command:?}");
        }
    }

    pub async fn outcome_of(&self, command: &CommandEnvelope, outcome: messages::outcome::Outcome) {
        let reply = command.reply.clone().expect("an interaction waits");
        self.event(command.id, Event::Outcome(OutcomeV1 { command_id: command.id, reply, outcome })).await;
    }

    /// Orders an effect and tells the bot of it.
    pub async fn want(&self, id: EffectId, version: i64, desired: Desired) {
        let kind = desired.kind();
        self.api.order(EffectOrder { id, guild_id: guild(), version, state: EffectState::Waiting, desired });
        self.hint(id, version, kind).await;
    }

    pub async fn hint(&self, effect_id: EffectId, version: i64, kind: EffectKind) {
        let event = Event::EffectWanted(EffectWantedV1 { effect_id, kind, version });
        self.event(CommandId::new(Uuid::now_v7()), event).await;
    }

    async fn event(&self, id: CommandId, event: Event) {
        let envelope = EventEnvelope { guild_id: guild(), traceparent: TraceParent::of(id.uuid()), event };
        let message = Message {
            id: Uuid::now_v7(),
            route: envelope.route(),
            kind: envelope.event.kind().into(),
            body: serde_json::to_vec(&envelope).unwrap().into(),
        };
        self.broker.publish(&message).await.unwrap();
    }

    /// How often the bot called that route.
    pub async fn calls(&self, method: &str, route: &str) -> usize {
        let requests = self.sim.requests(0).await.unwrap();
        requests.iter().filter(|entry| entry.method == method && entry.route.as_deref() == Some(route)).count()
    }
}

/// A second bot.
pub struct Other {
    pub health: BotHealth,
    bot: JoinHandle<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

impl Other {
    pub async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.bot).await.expect("the bot ends").unwrap().unwrap();
    }
}

type Running = (JoinHandle<anyhow::Result<()>>, BotHealth);

fn start(sim: &Sim, api: &Api, broker: &Broker, shutdown: &CancellationToken) -> Running {
    start_with(sim.token(), sim, api, broker, shutdown)
}

fn start_with(token: &str, sim: &Sim, api: &Api, broker: &Broker, shutdown: &CancellationToken) -> Running {
    let config = BotConfig {
        token: token.into(),
        api_url: api.url.clone(),
        bot_key: "bot-key".into(),
        discord_addr: Some(sim.rest_addr()),
        discord_ca: Some(sim.ca_pem().into()),
        guild_filter: None,
    };
    let sim = sim.clone();
    // The simulated Discord's clock: interactions carry its time.
    let bot = Bot::new(config, broker.clone(), Clock::new(move || sim.clock().now())).unwrap();
    let health = bot.health();
    (tokio::spawn(bot.run(shutdown.clone())), health)
}

pub fn guild() -> GuildId {
    GuildId::new(Demo::GUILD.get()).unwrap()
}

pub fn user(user: discord_sim::UserId) -> UserId {
    UserId::new(user.get()).unwrap()
}

fn role(role: discord_sim::RoleId) -> RoleId {
    RoleId::new(role.get()).unwrap()
}

pub fn effect(n: u128) -> EffectId {
    EffectId::new(Uuid::from_u128(n << 64 | 7))
}

pub fn role_set(roles: &[discord_sim::RoleId]) -> BTreeSet<RoleId> {
    roles.iter().copied().map(role).collect()
}

/// Roles wanted now, and those that Guildhall gave.
pub fn roles(of: discord_sim::UserId, now: &[discord_sim::RoleId], given: &[discord_sim::RoleId]) -> Desired {
    let roles = DesiredRoles { roles: role_set(now), managed: role_set(given) };
    Desired::Roles { user_id: user(of), roles }
}

/// A submission that counted.
pub fn counted() -> messages::outcome::Outcome {
    messages::outcome::Outcome::Applied {
        submission: Some(SubmissionOutcome {
            submission_id: SubmissionId::new(Uuid::from_u128(9)),
            version: 1,
            state: SubmissionState::Counted,
            item: "Iron Ore".into(),
            quantity: 3,
            points: Points::new(150).unwrap(),
            total: Points::new(150).unwrap(),
            ranks: vec!["Rookie".into()],
        }),
    }
}
