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
use chrono::TimeDelta;
use domain::{Clock, UserId};
use store::Store;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

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
    /// By how much the clock may differ from the database's before it closes no more seasons.
    pub max_skew: TimeDelta,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            root_admin: None,
            max_batch: 500,
            linger: Duration::from_millis(5),
            tick: Duration::from_secs(5),
            max_skew: store::clock::MAX_SKEW,
        }
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
    /// Cancelled when nothing more will be put into the outbox.
    relaying: CancellationToken,
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
    let relaying = CancellationToken::new();
    let context = Context {
        store,
        broker: broker.clone(),
        clock,
        config: Arc::new(config),
        shutdown: shutdown.clone(),
        relaying: relaying.clone(),
        outbox: Arc::new(Notify::new()),
    };
    // With a schema that doesn't fit, every message would be the one to blame.
    if !fits(&context).await {
        return Ok(());
    }
    let mut beside = JoinSet::new();
    beside.spawn(clock::run(context.clone()));
    beside.spawn(relay::run(context.clone()));
    let scoring = broker.run(Queue::Scoring, options, shutdown.clone(), scoring::Scoring::new(context)).await;
    // Whatever ended the consumer, the others end with it; the relay after it, as the last batch leaves it something.
    shutdown.cancel();
    relaying.cancel();
    while let Some(ended) = beside.join_next().await {
        ended?;
    }
    Ok(scoring?)
}

/// Waits until the store can be worked with; `false` when the worker is to end before.
async fn fits(context: &Context) -> bool {
    let mut told = false;
    while let Err(error) = context.store.check().await {
        if !told {
            warn!(error = &error as &dyn std::error::Error, "the store can't be worked with; waiting until it can");
            told = true;
        }
        tokio::select! {
            () = context.shutdown.cancelled() => return false,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    true
}
