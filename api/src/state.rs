//! Owns what every request is given.

use std::sync::Arc;

use broker::Broker;
use domain::{Clock, UserId, member::Member, permit::Actor};
use metrics_exporter_prometheus::PrometheusHandle;
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::config::{ApiConfig, ConfigError};

/// What every request is given: cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) clock: Clock,
    pub(crate) config: Arc<ApiConfig>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) tasks: TaskTracker,
    pub(crate) slots: Arc<Semaphore>,
}

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState").field("config", &self.config).finish_non_exhaustive()
    }
}

impl ApiState {
    /// What requests are given.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(
        store: Store,
        broker: Broker,
        clock: Clock,
        config: ApiConfig,
        metrics: PrometheusHandle,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let slots = Arc::new(Semaphore::new(config.max_requests.min(Semaphore::MAX_PERMITS)));
        Ok(Self { store, broker, clock, config: Arc::new(config), metrics, tasks: TaskTracker::new(), slots })
    }

    /// Somebody who came through the bot.
    pub(crate) fn through_bot(&self, user: UserId, member: Option<&Member>) -> Actor {
        Actor::through_bot(user, self.config.root_admin, member)
    }
}
