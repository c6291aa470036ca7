//! The worker: the only writer of points. Takes commands in batches, applies each batch in one transaction, then lets
//! the broker acknowledge. Also relays the outbox and runs the clock.
//!
//! Many workers may share the queue; nothing here is kept between batches.

mod batch;
mod clock;
mod facts;
mod relay;
mod scoring;
mod singles;
mod write;

use std::{sync::Arc, time::Duration};

use broker::{Broker, Queue, RunOptions};
use domain::{Clock, UserId};
use store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Who is an officer whatever the store says.
    pub root_admin: Option<UserId>,
    /// The most commands in one transaction.
    pub max_batch: usize,
    /// How long a batch waits for more after its first command.
    pub linger: Duration,
    /// How often the clock looks for what is due.
    pub tick: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self { root_admin: None, max_batch: 500, linger: Duration::from_millis(5), tick: Duration::from_secs(5) }
    }
}

/// What every part of the worker works with.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    store: Store,
    broker: Broker,
    clock: Clock,
    config: Arc<WorkerConfig>,
    shutdown: CancellationToken,
    /// Rung when something was put into the outbox.
    outbox: Arc<Notify>,
}

/// Works until `shutdown` is cancelled: finishes what is in hand, then returns.
///
/// # Errors
/// When the broker's configuration can't work, or a part of the worker ended unexpectedly.
pub async fn run(
    config: WorkerConfig,
    store: Store,
    broker: Broker,
    clock: Clock,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let options = RunOptions {
        max_batch: config.max_batch,
        linger: config.linger,
        prefetch: u16::try_from(config.max_batch * 2).unwrap_or(u16::MAX),
        concurrency: 1,
    };
    let context = Context {
        store,
        broker: broker.clone(),
        clock,
        config: Arc::new(config),
        shutdown: shutdown.clone(),
        outbox: Arc::new(Notify::new()),
    };
    let clock = tokio::spawn(clock::run(context.clone()));
    let relay = tokio::spawn(relay::run(context.clone()));
    let scoring = broker.run(Queue::Scoring, options, shutdown.clone(), scoring::Scoring::new(context)).await;
    // Whatever ended the consumer, the others end with it.
    shutdown.cancel();
    clock.await?;
    relay.await?;
    Ok(scoring?)
}
