//! The RabbitMQ engine. Never declares durable topology: `rabbitmq/definitions.json` owns it.
//!
//! Connections are never repaired: after any error the connection is dropped and a fresh one taken. Publishing and
//! consuming never share one, because a server that is short of memory stops reading from those that publish.

mod consumer;
mod dead;
mod link;
mod live;
mod publisher;
mod wire;

use std::{future::Future, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use lapin::{
    Channel,
    options::{ExchangeDeclareOptions, QueueDeclareOptions, QueuePurgeOptions},
    types::FieldTable,
};
use messages::topology::{Exchange, Queue};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    BrokerError, Depth, Handler, Listener, Message, PUBLISH_DEADLINE, PublishError, RunOptions,
    backoff::Backoff,
    error::count_published,
    runner::{Lost, finish, run_session},
};
use consumer::ChannelSession;
use link::Links;
use live::LiveTask;
use publisher::{Publisher, State};
use wire::Outgoing;

/// How many messages of one `publish_many` are under way at once.
const PUBLISH_WINDOW: usize = 1_024;
/// How long a question to the server may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// How long [`Amqp::health`] may take.
const HEALTH_DEADLINE: Duration = Duration::from_secs(1);

/// How to reach RabbitMQ.
#[derive(Clone, PartialEq, Eq)]
pub struct AmqpConfig {
    /// `amqp://user:password@host:port/vhost`, or `amqps`. A heartbeat of 4 s is added unless it names one.
    pub uri: String,
    /// How long a publish may take.
    pub publish_deadline: Duration,
}

impl AmqpConfig {
    /// The address with the default settings.
    #[must_use]
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), publish_deadline: PUBLISH_DEADLINE }
    }
}

impl std::fmt::Debug for AmqpConfig {
    /// Leaves the address out: it holds the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AmqpConfig").field("publish_deadline", &self.publish_deadline).finish_non_exhaustive()
    }
}

/// The engine behind a [`Broker`](crate::Broker).
#[derive(Debug)]
pub(crate) struct Amqp {
    links: Links,
    publisher: Publisher,
    /// Held while dead letters are taken out of their queue.
    dead: tokio::sync::Mutex<()>,
    closing: CancellationToken,
    published: CancellationToken,
}

impl Amqp {
    pub(crate) fn new(config: &AmqpConfig) -> Result<Self, BrokerError> {
        let links = Links::new(&config.uri)?;
        let closing = CancellationToken::new();
        let published = CancellationToken::new();
        let done = published.clone().drop_guard();
        let publisher = Publisher::start(links.clone(), config.publish_deadline, closing.clone(), done);
        Ok(Self { links, publisher, dead: tokio::sync::Mutex::default(), closing, published })
    }

    pub(crate) async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let result = match message.check() {
            Ok(()) => self.publisher.publish(Outgoing::first(message)).await,
            Err(error) => Err(error),
        };
        count_published(message.route.exchange.name(), &result);
        result
    }

    pub(crate) async fn publish_many(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        // Collected first: a stream over borrowed items is not general enough for `Send` callers.
        let publishes: Vec<_> = messages.iter().map(|message| self.publish(message)).collect();
        stream::iter(publishes).buffered(PUBLISH_WINDOW).collect().await
    }

    pub(crate) async fn run<H: Handler>(
        &self,
        queue: Queue,
        options: RunOptions,
        shutdown: CancellationToken,
        handler: Arc<H>,
    ) -> Result<(), BrokerError> {
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
        let mut lost = false;
        loop {
            if self.closing.is_cancelled() {
                return Err(BrokerError::Closed);
            }
            let opened = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                opened = bounded(ChannelSession::open(
                    &self.links, self.publisher.clone(), queue, options.prefetch, shutdown.clone(),
                )) => opened,
            };
            let reason = match opened {
                Ok(mut session) => {
                    if lost {
                        tracing::info!(queue = queue.name(), "the consumer is connected to the broker again");
                    }
                    (lost, backoff) = (false, Backoff::nearby());
                    let ended = tokio::select! {
                        () = self.closing.cancelled() => return Err(BrokerError::Closed),
                        ended = run_session(&mut session, queue, &options, &shutdown, &handler, in_hand) => ended,
                    };
                    match ended {
                        Ok(()) => {
                            session.end().await;
                            return Ok(());
                        }
                        Err(Lost(reason)) => reason,
                    }
                }
                Err(error) => error.to_string(),
            };
            // Once per loss, however many attempts it takes to get back.
            if !std::mem::replace(&mut lost, true) {
                metrics::counter!("guildhall_consumer_lost_total", "queue" => queue.name()).increment(1);
                tracing::warn!(queue = queue.name(), reason, "the consumer lost the broker; reconnecting");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(backoff.step()) => {}
            }
        }
    }

    pub(crate) fn listen(&self, exchange: Exchange, pattern: &str, capacity: u16) -> Result<Listener, BrokerError> {
        if self.closing.is_cancelled() {
            return Err(BrokerError::Closed);
        }
        let (feed, listener) = Listener::new(usize::from(capacity));
        let task = LiveTask {
            links: self.links.clone(),
            exchange,
            pattern: pattern.into(),
            capacity,
            feed,
            closing: self.closing.clone(),
        };
        tokio::spawn(task.run());
        Ok(listener)
    }

    pub(crate) async fn health(&self) -> Result<(), BrokerError> {
        match self.publisher.state() {
            State::Connected => {}
            State::Blocked => return Err(BrokerError::Unavailable("the broker is short of memory or disk".into())),
            State::Away(reason) => return Err(BrokerError::Unavailable(reason)),
        }
        let check = async {
            let link = self.links.connect().await?;
            for exchange in Exchange::ALL {
                let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
                let kind = lapin::ExchangeKind::Topic;
                let declared =
                    link.channel().exchange_declare(exchange.name().into(), kind, options, FieldTable::default());
                declared.await?;
            }
            for queue in Queue::ALL {
                for name in [queue.name().to_owned(), queue.retry_name(), queue.dead_name()] {
                    count(link.channel(), &name).await?;
                }
            }
            link.give_back().await;
            Ok(())
        };
        match tokio::time::timeout(HEALTH_DEADLINE, check).await {
            Ok(answer) => answer,
            Err(_) => Err(BrokerError::Unavailable("no answer within a second".into())),
        }
    }

    pub(crate) async fn depth(&self, queue: Queue) -> Result<Depth, BrokerError> {
        let link = self.links.connect().await?;
        let ready = count(link.channel(), queue.name()).await?;
        let retry = count(link.channel(), &queue.retry_name()).await?;
        let dead = count(link.channel(), &queue.dead_name()).await?;
        link.give_back().await;
        Ok(Depth { ready: ready.into(), unacked: None, retry: retry.into(), dead: dead.into() })
    }

    pub(crate) async fn purge(&self, queue: Queue) -> Result<(), BrokerError> {
        let _alone = self.dead.lock().await;
        let link = self.links.connect().await?;
        // In the direction messages move, so that none slips past.
        for name in [queue.retry_name(), queue.name().to_owned(), queue.dead_name()] {
            bounded(link.channel().queue_purge(name.into(), QueuePurgeOptions::default())).await?;
        }
        link.give_back().await;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.published.cancelled().await;
        self.links.close();
    }
}

/// How many messages are ready in a queue, which must exist.
async fn count(channel: &Channel, queue: &str) -> Result<u32, BrokerError> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    Ok(bounded(channel.queue_declare(queue.into(), options, FieldTable::default())).await?.message_count())
}

/// Awaits an answer of the server, but not for ever.
async fn bounded<T, E: Into<BrokerError>>(answer: impl Future<Output = Result<T, E>>) -> Result<T, BrokerError> {
    match tokio::time::timeout(ANSWER_DEADLINE, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(BrokerError::Unavailable("no answer in time".into())),
    }
}
