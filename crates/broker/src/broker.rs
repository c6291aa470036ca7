//! The handle that the other crates hold: one type over both engines.

use std::{path::Path, sync::Arc};

use messages::topology::{Exchange, Queue};
use tokio_util::sync::CancellationToken;

use crate::{
    AmqpConfig, BrokerError, DeadLetter, Depth, EmbeddedConfig, Handler, Listener, Message, PublishError, Redrive,
    RunOptions, amqp::Amqp, embedded::Embedded,
};

/// A cheap handle to one of the two engines.
#[derive(Debug, Clone)]
pub struct Broker {
    engine: Engine,
}

#[derive(Debug, Clone)]
enum Engine {
    Amqp(Arc<Amqp>),
    Embedded(Arc<Embedded>),
}

impl Broker {
    /// RabbitMQ. Succeeds while the server is away: it connects when it can and reconnects for ever.
    ///
    /// # Errors
    /// [`BrokerError::Config`] when the address can't be understood.
    pub async fn amqp(config: AmqpConfig) -> Result<Self, BrokerError> {
        Ok(Self { engine: Engine::Amqp(Arc::new(Amqp::new(&config)?)) })
    }

    /// The embedded queue in the file at `path`, created when missing, with the default settings.
    ///
    /// # Errors
    /// [`BrokerError::Storage`] when the file can't be opened, or belongs to a newer Guildhall.
    pub async fn embedded(path: &Path) -> Result<Self, BrokerError> {
        Self::embedded_with(path, EmbeddedConfig::default()).await
    }

    /// The embedded queue with settings of one's own.
    ///
    /// # Errors
    /// As [`Broker::embedded`].
    pub async fn embedded_with(path: &Path, config: EmbeddedConfig) -> Result<Self, BrokerError> {
        Ok(Self { engine: Engine::Embedded(Arc::new(Embedded::open(path, config).await?)) })
    }

    /// Publishes one message. `Ok` means durable, and routed to its queue where it has one.
    ///
    /// # Errors
    /// [`PublishError`] tells "surely not taken" from "repeat with the same id". Never takes longer than the deadline.
    pub async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.publish(message).await,
            Engine::Embedded(embedded) => embedded
                .publish(std::slice::from_ref(message))
                .await
                .pop()
                .unwrap_or_else(|| Err(PublishError::Unknown("the writer gave no answer".into()))),
        }
    }

    /// Publishes many messages at full speed; one result for each, in the same order. Each has its own deadline,
    /// counted from when its turn comes.
    pub async fn publish_many(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.publish_many(messages).await,
            Engine::Embedded(embedded) => embedded.publish(messages).await,
        }
    }

    /// Runs `handler` over `queue` until `shutdown` is cancelled, then finishes what is in hand, gives back the rest
    /// and returns. Survives any loss of the broker in between.
    ///
    /// The handler must end by itself after `shutdown` (with [`Release`](crate::Outcome::Release) for what it can't
    /// finish): it is waited for. Dropping this future instead ends like a crash: messages in hand come again, marked
    /// as redelivered.
    ///
    /// # Errors
    /// [`BrokerError::Config`] for options that can't work, [`BrokerError::Closed`] after [`Broker::close`].
    pub async fn run<H: Handler>(
        &self,
        queue: Queue,
        options: RunOptions,
        shutdown: CancellationToken,
        handler: H,
    ) -> Result<(), BrokerError> {
        options.check()?;
        let handler = Arc::new(handler);
        match &self.engine {
            Engine::Amqp(amqp) => amqp.run(queue, options, shutdown, handler).await,
            Engine::Embedded(embedded) => embedded.run(queue, options, shutdown, handler).await,
        }
    }

    /// Hears what passes on an exchange from now on, for live streams. `pattern` is a topic pattern (`*` one word,
    /// `#` any number); at most `capacity` messages wait for a slow listener, then some are lost, with
    /// [`Live::Missed`](crate::Live::Missed) where the engine notices it (RabbitMQ drops silently).
    ///
    /// # Errors
    /// [`BrokerError::Closed`] after [`Broker::close`].
    pub async fn listen(&self, exchange: Exchange, pattern: &str, capacity: u16) -> Result<Listener, BrokerError> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.listen(exchange, pattern, capacity),
            Engine::Embedded(embedded) => embedded.listen(exchange, pattern, capacity),
        }
    }

    /// Whether publishing and consuming can work now, for `/ready`. Answers within about a second. The embedded queue
    /// is unhealthy for 10 s after a failed write, unless another succeeds.
    ///
    /// # Errors
    /// [`BrokerError`] with the reason, which includes missing topology and a blocked publisher.
    pub async fn health(&self) -> Result<(), BrokerError> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.health().await,
            Engine::Embedded(embedded) => embedded.health().await,
        }
    }

    /// How many messages a queue and its companions hold.
    ///
    /// # Errors
    /// [`BrokerError`] when the engine can't be asked.
    pub async fn depth(&self, queue: Queue) -> Result<Depth, BrokerError> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.depth(queue).await,
            Engine::Embedded(embedded) => embedded.depth(queue).await,
        }
    }

    /// The oldest dead letters of a queue, at most `limit`, without removing them. On RabbitMQ they are taken and put
    /// back, so two lists at the same time share them.
    ///
    /// # Errors
    /// [`BrokerError`] when the engine can't be asked.
    pub async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.dead_letters(queue, limit).await,
            Engine::Embedded(embedded) => embedded.dead_letters(queue, limit).await,
        }
    }

    /// Puts dead letters back into their queue, as first attempts, and returns how many.
    ///
    /// # Errors
    /// [`BrokerError`]; what was moved before the error stays moved, and on RabbitMQ the message at hand may then be
    /// in both places.
    pub async fn redrive(&self, queue: Queue, which: Redrive) -> Result<usize, BrokerError> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.redrive(queue, which).await,
            Engine::Embedded(embedded) => embedded.redrive(queue, which).await,
        }
    }

    /// Throws away everything that waits in a queue and its companions, except what is in a consumer's hands.
    /// For tests, and for an operator who means it.
    ///
    /// # Errors
    /// [`BrokerError`] when the engine can't do it.
    pub async fn purge(&self, queue: Queue) -> Result<(), BrokerError> {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.purge(queue).await,
            Engine::Embedded(embedded) => embedded.purge(queue).await,
        }
    }

    /// Finishes what is being published, then closes files and connections. Stop the consumers first: those still
    /// running end with [`BrokerError::Closed`].
    pub async fn close(&self) {
        match &self.engine {
            Engine::Amqp(amqp) => amqp.close().await,
            Engine::Embedded(embedded) => embedded.close().await,
        }
    }
}
