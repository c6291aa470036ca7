//! Owns what the bot hears about guilds beside interactions: whoever comes back gets their roles again, and whatever
//! may have removed an obstacle makes the parked effects go on.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{CommandId, GuildId, Timestamp, UserId};
use messages::{
    command::{Command, RefreshEffectsV1},
    trace::TraceParent,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::publish::Publisher;

/// Changes of roles and channels come in bursts, for example one for each role that a drag moved.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// Hears of changes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ears {
    publisher: Publisher,
    pending: Arc<Mutex<HashSet<GuildId>>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Ears {
    pub(crate) fn new(publisher: Publisher, tasks: TaskTracker, shutdown: CancellationToken) -> Self {
        Self { publisher, pending: Arc::default(), tasks, shutdown }
    }

    /// Somebody joined, perhaps for the second time.
    pub(crate) fn joined(&self, guild: GuildId, user_id: UserId, at: Option<Timestamp>) {
        let at = at.unwrap_or_else(|| self.publisher.clock().now());
        let id = CommandId::of_deed(&format!("rejoin:{guild}:{user_id}:{}", at.timestamp_micros()));
        self.publish(id, guild, RefreshEffectsV1::Member { user_id });
    }

    /// Something changed that may have been in the way of effects. Told once a second and guild.
    pub(crate) fn changed(&self, guild: GuildId) {
        if !self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(guild) {
            return;
        }
        let ears = self.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = ears.shutdown.cancelled() => {}
                () = tokio::time::sleep(DEBOUNCE) => {
                    ears.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&guild);
                    let now = ears.publisher.clock().now().timestamp_millis();
                    let id = CommandId::of_deed(&format!("parked:{guild}:{now}"));
                    ears.publish(id, guild, RefreshEffectsV1::Parked);
                }
            }
        });
    }

    fn publish(&self, id: CommandId, guild: GuildId, refresh: RefreshEffectsV1) {
        let trace = TraceParent::of(id.uuid());
        self.publisher.publish_soon(self.publisher.of_system(id, guild, trace, Command::RefreshEffects(refresh)));
    }
}
