//! The simulator: starting, stopping, interactions, faults and what was seen. What people do by hand is in `hands`.

mod hands;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ed25519_dalek::SigningKey;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::config::{Limits, SimConfig};
use crate::control;
use crate::core::{Core, State};
use crate::faults::{Fault, Faults, GatewayFault};
use crate::gateway::{self, Sessions};
use crate::handle::{InteractionHandle, Via};
use crate::ids::{ApplicationId, InteractionId};
use crate::log::{RequestEntry, RequestLog, Violation};
use crate::people::{self, Act};
use crate::view::{BotView, InteractionView};
use crate::world::{RoleChange, World, persist};
use crate::{rest, serve, tls};

/// A running simulated Discord. Clones are the same one; it ends with [`Sim::shutdown`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Sim {
    core: Arc<Core>,
    place: Arc<Place>,
    /// Held by everybody but the control server, which must not keep itself alive.
    _life: Option<Arc<Life>>,
}

struct Place {
    rest: SocketAddr,
    control: SocketAddr,
    ca_pem: String,
    state_file: Option<PathBuf>,
}

struct Life(tokio_util::sync::CancellationToken);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// How long shutting down waits for tasks that are still busy.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long changes gather before they are saved.
const SAVE_DELAY: Duration = Duration::from_millis(100);

impl Sim {
    /// Starts the REST server, the gateway and the control server on 127.0.0.1.
    pub async fn start(config: SimConfig) -> Result<Self> {
        let kept =
            config.state_file.as_deref().map(|file| World::load(file, config.application_id)).transpose()?.flatten();
        let mut world = kept.unwrap_or(config.world);
        world.adopt(config.application_id);
        world.clock = Clock::with_offset_ms(config.clock_offset_ms);
        let state = State {
            world,
            sessions: Sessions::default(),
            faults: Faults::default(),
            log: RequestLog::default(),
            violations: Vec::new(),
            limits: config.limits,
            buckets: rest::Buckets::default(),
            endpoint: None,
        };
        // The key follows from the token, so that it stays the same across restarts.
        let key = SigningKey::from_bytes(&Sha256::digest(config.token.as_bytes()).into());
        let http = reqwest::Client::builder().no_proxy().build()?;
        let core =
            Arc::new(Core::new(config.token, config.application_id, config.privileged_intents, key, http, state));

        let rest_listener = serve::bind(config.rest_port, "simulated Discord's REST API").await?;
        let gateway_listener = serve::bind(config.gateway_port, "simulated Discord's gateway").await?;
        let control_listener = serve::bind(config.control_port, "simulated Discord's control server").await?;
        let (acceptor, ca_pem) = tls::acceptor()?;
        let place = Place {
            rest: rest_listener.local_addr()?,
            control: control_listener.local_addr()?,
            ca_pem,
            state_file: config.state_file,
        };
        let gateway_addr = gateway_listener.local_addr()?;
        core.gateway_addr.set(gateway_addr).ok().context("the gateway's address was set before")?;

        let life = Arc::new(Life(core.cancel.clone()));
        let sim = Self { core, place: Arc::new(place), _life: Some(life) };
        let core = &sim.core;
        serve::spawn(core, rest_listener, Some(acceptor), rest::router(core), |state| state.faults.refuse_rest);
        serve::spawn(core, gateway_listener, None, gateway::router(core), |state| state.faults.refuse_gateway);
        let inner = Self { _life: None, ..sim.clone() };
        serve::spawn(core, control_listener, None, control::router(inner), |_| false);
        if let Some(file) = sim.place.state_file.clone() {
            core.tasks.spawn(keep_saved(Arc::clone(core), file));
        }
        Ok(sim)
    }

    /// Stops everything and, with a state file, saves the world.
    pub async fn shutdown(&self) {
        self.core.cancel.cancel();
        self.core.tasks.close();
        if tokio::time::timeout(FAREWELL, self.core.tasks.wait()).await.is_err() {
            tracing::warn!("the simulated Discord stopped with tasks still busy");
        }
        if let Some(file) = &self.place.state_file
            && let Err(error) = save(&self.core, file, &mut Vec::new()).await
        {
            tracing::error!(error = format!("{error:#}"), "the simulated Discord could not be saved");
        }
    }

    /// Where the REST API listens; `discord.com` must resolve to it, and [`Sim::ca_pem`] be trusted.
    #[must_use]
    pub fn rest_addr(&self) -> SocketAddr {
        self.place.rest
    }

    /// The certificate authority of the REST API, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.place.ca_pem
    }

    /// The gateway's address, as `GET /gateway` tells it.
    #[must_use]
    pub fn gateway_url(&self) -> String {
        self.core.gateway_url()
    }

    /// Where the control server and the console are.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}", self.place.control)
    }

    /// The bot token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.core.token
    }

    /// The application's id.
    #[must_use]
    pub fn application_id(&self) -> ApplicationId {
        self.core.application_id
    }

    /// The key that signs HTTP interactions, in hex.
    #[must_use]
    pub fn public_key(&self) -> String {
        self.core.public_key()
    }

    /// Signs a body as Discord would at that time (Unix seconds), in hex: for requests a test makes itself.
    #[must_use]
    pub fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        self.core.sign(timestamp, body)
    }

    /// The simulated clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Looks at the world as it is.
    pub fn world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.core.read(|state| look(&state.world))
    }

    /// Changes limits and deadlines from now on.
    pub fn set_limits(&self, change: impl FnOnce(&mut Limits)) {
        self.core.update(|state| change(&mut state.limits));
    }

    /// Moves the clock forward and wakes those who wait.
    pub async fn advance_clock(&self, by: Duration) -> Result<()> {
        self.core.clock.advance(by);
        self.core.update(|state| {
            for interaction in state.world.interactions.values() {
                interaction.revision.send_modify(|revision| *revision += 1);
            }
        });
        Ok(())
    }

    /// Counts the changes of the state. With `after`, waits until the count is past it, `wait` at most.
    pub async fn revision(&self, after: Option<u64>, wait: Duration) -> Result<u64> {
        let mut changes = self.core.changes();
        if let Some(after) = after {
            let past = changes.wait_for(|revision| *revision > after);
            // Running out of time is an answer too: the count as it is.
            _ = tokio::time::timeout(wait, past).await;
        }
        let revision = *changes.borrow();
        Ok(revision)
    }

    /// A person does something that reaches the bot as an interaction.
    pub async fn act(&self, act: Act) -> Result<InteractionHandle> {
        let id = people::perform(&self.core, &act)?;
        Ok(InteractionHandle::new(id, Via::Sim(self.clone())))
    }

    /// An interaction. With `after`, waits until its revision is past it (or its deadline passed), `wait` at most.
    pub async fn interaction(&self, id: InteractionId, after: Option<u64>, wait: Duration) -> Result<InteractionView> {
        let look = || {
            self.core.read(|state| {
                let interaction =
                    state.world.interactions.get(&id).with_context(|| format!("there is no interaction {id}"))?;
                let view = state.world.interaction_view(interaction, &self.core.clock, &state.limits);
                let age = interaction.age(self.core.clock.now()).to_std().unwrap_or_default();
                let left = state.limits.first_response.saturating_sub(age) + Duration::from_millis(1);
                let waiting = view.state == crate::InteractionState::Waiting;
                anyhow::Ok((view, interaction.revision.subscribe(), waiting.then_some(left)))
            })
        };
        let (view, mut revision, deadline) = look()?;
        let Some(after) = after.filter(|after| *after >= view.revision) else { return Ok(view) };
        // Past its deadline an unanswered interaction is expired, which nobody announces.
        let wait = deadline.map_or(wait, |deadline| deadline.min(wait));
        let past = revision.wait_for(|revision| *revision > after);
        // Running out of time is an answer too: the interaction as it is.
        _ = tokio::time::timeout(wait, past).await;
        Ok(look()?.0)
    }

    /// Posts interactions to this URL from now on (after asking it as Discord does), or to the gateway again.
    pub async fn set_interactions_endpoint(&self, url: Option<String>) -> Result<()> {
        people::set_endpoint(&self.core, url).await
    }

    /// Sets a REST fault.
    pub async fn add_fault(&self, fault: Fault) -> Result<()> {
        self.core.update(|state| state.faults.add(fault));
        Ok(())
    }

    /// The REST faults that will still strike.
    pub async fn faults(&self) -> Result<Vec<Fault>> {
        Ok(self.core.read(|state| state.faults.list().to_vec()))
    }

    /// Ends all faults: REST, gateway and refused connections.
    pub async fn clear_faults(&self) -> Result<()> {
        self.core.update(|state| state.faults.clear());
        Ok(())
    }

    /// Does something to the gateway.
    pub async fn gateway_fault(&self, fault: GatewayFault) -> Result<()> {
        self.core.update(|state| {
            match fault {
                GatewayFault::WithholdAcks => state.faults.withhold_acks = true,
                GatewayFault::GrantAcks => state.faults.withhold_acks = false,
                GatewayFault::RefuseConnections => state.faults.refuse_gateway = true,
                GatewayFault::AcceptConnections => state.faults.refuse_gateway = false,
                GatewayFault::Drop | GatewayFault::Reconnect | GatewayFault::InvalidSession { .. } => {}
            }
            state.sessions.fault(fault);
        });
        Ok(())
    }

    /// Closes new REST connections at once, or takes them again.
    pub async fn refuse_rest(&self, refuse: bool) -> Result<()> {
        self.core.update(|state| state.faults.refuse_rest = refuse);
        Ok(())
    }

    /// What the bot did that it should not; a good test ends by asking for none.
    pub async fn violations(&self) -> Result<Vec<Violation>> {
        Ok(self.core.read(|state| state.violations.clone()))
    }

    /// The REST requests from number `since` on.
    pub async fn requests(&self, since: u64) -> Result<Vec<RequestEntry>> {
        Ok(self.core.read(|state| state.log.since(since)))
    }

    /// Who gave and took which role, oldest first.
    pub async fn role_changes(&self) -> Result<Vec<RoleChange>> {
        Ok(self.world(|world| world.role_changes.clone()))
    }

    /// What is known of the bot: sessions, commands, endpoint.
    pub async fn bot(&self) -> Result<BotView> {
        Ok(self.core.read(|state| BotView {
            application_id: state.world.application_id,
            user: state.world.bot_id(),
            sessions: state.sessions.views(),
            commands: state.world.command_views(),
            interactions_endpoint: state.endpoint.clone(),
        }))
    }

    /// The registered commands a member could use, as Discord's objects.
    pub async fn commands(&self) -> Result<Vec<Value>> {
        Ok(self.world(World::command_views))
    }
}

async fn keep_saved(core: Arc<Core>, file: PathBuf) {
    let mut last = Vec::new();
    loop {
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = core.unsaved.notified() => {}
        }
        tokio::select! {
            () = core.cancel.cancelled() => return,
            () = tokio::time::sleep(SAVE_DELAY) => {}
        }
        if let Err(error) = save(&core, &file, &mut last).await {
            tracing::error!(error = format!("{error:#}"), "the simulated Discord could not be saved");
        }
    }
}

/// Saves the world, unless it is as it was `last` time.
async fn save(core: &Core, file: &Path, last: &mut Vec<u8>) -> Result<()> {
    let bytes = core.read(|state| state.world.to_json())?;
    if bytes == *last {
        return Ok(());
    }
    last.clone_from(&bytes);
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || persist::replace_file(&file, &bytes)).await?
}
