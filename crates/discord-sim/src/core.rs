//! The shared heart: all state behind one mutex, the clock, and the signals that wake those who wait.
//! Every change goes through [`Core::update`], which hands the gateway events it caused to the sessions in order.

use std::net::SocketAddr;
use std::sync::OnceLock;

use ed25519_dalek::{Signer, SigningKey};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Limits;
use crate::faults::Faults;
use crate::gateway::Sessions;
use crate::ids::ApplicationId;
use crate::log::{RequestLog, Violation};
use crate::rest::Buckets;
use crate::world::World;

pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) sessions: Sessions,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) violations: Vec<Violation>,
    pub(crate) limits: Limits,
    pub(crate) buckets: Buckets,
    /// Where interactions are posted, instead of the gateway.
    pub(crate) endpoint: Option<String>,
}

pub(crate) struct Core {
    pub(crate) clock: Clock,
    pub(crate) token: String,
    pub(crate) application_id: ApplicationId,
    pub(crate) privileged_intents: u64,
    pub(crate) gateway_addr: OnceLock<SocketAddr>,
    pub(crate) cancel: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) http: reqwest::Client,
    /// Rung when the world changed in a way that the state file should hold.
    pub(crate) unsaved: Notify,
    key: SigningKey,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Core {
    pub(crate) fn new(
        token: String,
        application_id: ApplicationId,
        privileged_intents: u64,
        key: SigningKey,
        http: reqwest::Client,
        state: State,
    ) -> Self {
        Self {
            clock: state.world.clock.clone(),
            token,
            application_id,
            privileged_intents,
            gateway_addr: OnceLock::new(),
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
            http,
            unsaved: Notify::new(),
            key,
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
        }
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }

    /// Changes the state, tells the gateway sessions, and wakes those who wait.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let events = std::mem::take(&mut state.world.events);
        for event in &events {
            state.sessions.dispatch(event);
        }
        drop(state);
        self.changed.send_modify(|revision| *revision += 1);
        self.unsaved.notify_one();
        result
    }

    /// Changes book-keeping (logs, limits) that nobody waits for.
    pub(crate) fn keep<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock())
    }

    /// Counts the changes; wakes on each.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn violation(&self, place: impl Into<String>, what: impl Into<String>) {
        let violation = Violation { at: self.clock.now(), place: place.into(), what: what.into() };
        tracing::warn!(place = violation.place, what = violation.what, "the simulated Discord was misused");
        self.keep(|state| state.violations.push(violation));
    }

    /// The application's public key, in hex.
    pub(crate) fn public_key(&self) -> String {
        hex(self.key.verifying_key().as_bytes())
    }

    /// Signs an interaction as Discord does: timestamp and body together; in hex.
    pub(crate) fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        let message = [timestamp.as_bytes(), body].concat();
        hex(&self.key.sign(&message).to_bytes())
    }

    pub(crate) fn gateway_url(&self) -> String {
        self.gateway_addr.get().map(|addr| format!("ws://{addr}")).unwrap_or_default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
