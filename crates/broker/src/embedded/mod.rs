//! The embedded engine: a durable queue in its own SQLite file, for one serving process.
//!
//! One task owns the writing connection and commits what arrives together in one transaction, so one fsync serves
//! many. What is in a consumer's hands is known in memory; that a message was handed out is in the file, so that a
//! restart knows which may have killed the process. Another process may list and redrive meanwhile.

mod command;
mod reader;
mod schema;
mod session;
mod shared;
mod statements;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use messages::topology::{Exchange, Queue};
use sqlx::SqlitePool;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    BrokerError, Handler, Listener, Message, PUBLISH_DEADLINE, PublishError, Redrive, RunOptions,
    backoff::Backoff,
    runner::{finish, run_session},
    ticket,
};
use command::Command;
use session::ClaimSession;
use shared::Shared;
use writer::Writer;

/// Commands that may wait for the writer before callers wait for room.
const WAITING_COMMANDS: usize = 4_096;
/// Messages of one `publish_many` that go to the writer as one command, and commands of it under way at once.
const PUBLISH_CHUNK: usize = 256;
const PUBLISH_CHUNKS: usize = 4;
/// How long [`Embedded::health`] waits for the writer.
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);

/// Settings of the embedded queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedConfig {
    /// How many messages may wait over all queues, dead letters not counted; more are refused.
    pub capacity: u64,
    /// How long a publish may take.
    pub publish_deadline: Duration,
}

impl Default for EmbeddedConfig {
    /// A million messages, [`PUBLISH_DEADLINE`].
    fn default() -> Self {
        Self { capacity: 1_000_000, publish_deadline: PUBLISH_DEADLINE }
    }
}

/// The engine behind a [`Broker`](crate::Broker).
#[derive(Debug)]
pub(crate) struct Embedded {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    readers: SqlitePool,
    publish_deadline: Duration,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl Embedded {
    pub(crate) async fn open(path: &Path, config: EmbeddedConfig) -> Result<Self, BrokerError> {
        let connection = schema::open_writer(path).await?;
        let readers = schema::open_readers(path).await?;
        let shared = Arc::new(Shared::new());
        let (commands, received) = mpsc::channel(WAITING_COMMANDS);
        let closing = CancellationToken::new();
        let closed = CancellationToken::new();
        let writer = Writer::new(connection, Arc::clone(&shared), config.capacity).await?;
        tokio::spawn(writer.run(received, closing.clone(), closed.clone().drop_guard()));
        metrics::gauge!("guildhall_broker_connected").set(1.0);
        Ok(Self { commands, shared, readers, publish_deadline: config.publish_deadline, closing, closed })
    }

    pub(crate) async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        let chunks = messages.chunks(PUBLISH_CHUNK).map(|chunk| self.publish_chunk(chunk));
        // Collected first: a stream over borrowed chunks is not general enough for `Send` callers.
        let chunks: Vec<_> = chunks.collect();
        stream::iter(chunks).buffered(PUBLISH_CHUNKS).collect::<Vec<_>>().await.concat()
    }

    async fn publish_chunk(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        let began = std::time::Instant::now();
        let request = messages.to_vec();
        let answer = ticket::submit(&self.commands, self.publish_deadline, |ticket| Command::Publish {
            messages: request,
            ticket,
        });
        let results = match answer.await {
            Ok(results) => results,
            Err(error) => vec![Err(error); messages.len()],
        };
        metrics::histogram!("guildhall_publish_confirm_seconds").record(began.elapsed());
        for (message, result) in messages.iter().zip(&results) {
            crate::error::count_published(message.route.exchange.name(), result);
        }
        results
    }

    pub(crate) async fn run<H: Handler>(
        &self,
        queue: Queue,
        options: RunOptions,
        shutdown: CancellationToken,
        handler: Arc<H>,
    ) -> Result<(), BrokerError> {
        // As RabbitMQ does with `x-single-active-consumer`: the others stand by.
        let _active = if queue.single_active_consumer() {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                active = self.shared.active(queue).lock() => Some(active),
            }
        } else {
            None
        };
        let mut in_hand = JoinSet::new();
        self.run_sessions(queue, options, shutdown, handler, &mut in_hand).await?;
        finish(&mut in_hand).await;
        Ok(())
    }

    /// Runs one session after the other.
    async fn run_sessions<H: Handler>(
        &self,
        queue: Queue,
        options: RunOptions,
        shutdown: CancellationToken,
        handler: Arc<H>,
        in_hand: &mut JoinSet<()>,
    ) -> Result<(), BrokerError> {
        let mut backoff = Backoff::nearby();
        loop {
            if self.closing.is_cancelled() {
                return Err(BrokerError::Closed);
            }
            let mut session = ClaimSession::new(queue, self.commands.clone(), &self.shared, shutdown.clone());
            match run_session(&mut session, queue, &options, &shutdown, &handler, in_hand).await {
                Ok(()) => return Ok(()),
                Err(_) if self.closing.is_cancelled() => return Err(BrokerError::Closed),
                Err(lost) => {
                    tracing::warn!(
                        queue = queue.name(),
                        reason = lost.0,
                        "can't read the embedded queue; trying again"
                    );
                    tokio::select! {
                        () = shutdown.cancelled() => return Ok(()),
                        () = tokio::time::sleep(backoff.step()) => {}
                    }
                }
            }
        }
    }

    pub(crate) fn listen(&self, exchange: Exchange, pattern: &str, capacity: u16) -> Result<Listener, BrokerError> {
        if self.closing.is_cancelled() {
            return Err(BrokerError::Closed);
        }
        let (feed, listener) = Listener::new(usize::from(capacity));
        self.shared.listen(exchange, pattern, feed);
        Ok(listener)
    }

    pub(crate) async fn health(&self) -> Result<(), BrokerError> {
        let check = self.ask(|reply| Command::Check { reply });
        tokio::time::timeout(HEALTH_DEADLINE, check)
            .await
            .map_err(|_| BrokerError::Unavailable("the embedded queue's writer is busy".into()))?
    }

    pub(crate) async fn redrive(&self, queue: Queue, which: Redrive) -> Result<usize, BrokerError> {
        self.ask(|reply| Command::Redrive { queue, which, reply }).await
    }

    pub(crate) async fn purge(&self, queue: Queue) -> Result<(), BrokerError> {
        self.ask(|reply| Command::Purge { queue, reply }).await
    }

    /// Sends the writer a command and waits for its answer.
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, BrokerError>>) -> Command,
    ) -> Result<T, BrokerError> {
        command::ask(&self.commands, command).await
    }

    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
        self.shared.close();
        self.readers.close().await;
        metrics::gauge!("guildhall_broker_connected").set(0.0);
    }
}
