//! Publish, consume, retry and dead letters, with the same promises on two engines.
//!
//! - `amqp` is RabbitMQ; its durable topology belongs to `rabbitmq/definitions.json` and is never declared here.
//! - `embedded` is a queue in its own SQLite file on local disk, for one serving process.
//!
//! This crate carries bytes and never decodes a body. It alone acknowledges: a [`Handler`] decides, the runner acts.
//! Delivery is at least once on both engines, and equal message ids are *not* deduplicated: that is the consumer's work.

mod amqp;
mod backoff;
mod broker;
mod clock;
mod embedded;
mod error;
mod live;
mod message;
mod runner;
mod ticket;
mod topic;

pub use amqp::AmqpConfig;
pub use backoff::Backoff;
pub use broker::Broker;
pub use embedded::EmbeddedConfig;
pub use error::{BrokerError, PublishError};
pub use live::{Listener, Live};
pub use message::{DeadLetter, Depth, Message, Outcome, Received, Redrive};
pub use messages::topology::{Exchange, Queue, Route};
pub use runner::{Handler, RunOptions};

use std::time::Duration;

/// How long a publish may take, from the call to its confirm, unless configured otherwise.
pub const PUBLISH_DEADLINE: Duration = Duration::from_millis(1_500);
