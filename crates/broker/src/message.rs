//! What goes in and what comes out: messages, deliveries, outcomes and dead letters.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use messages::topology::{Queue, Route};
use uuid::Uuid;

use crate::PublishError;

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Repeats when the deed repeats; consumers deduplicate by it, the broker does not.
    pub id: Uuid,
    /// Exchange and routing key.
    pub route: Route,
    /// The type with its version, such as `submission.submit.v1`; at most 255 bytes.
    pub kind: String,
    /// The body, by convention JSON. Never read or logged here.
    pub body: Bytes,
}

/// A message as a handler receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The id it was published with.
    pub id: Uuid,
    /// The type with its version.
    pub kind: String,
    /// The routing key it was first published with, also after a retry or a redrive.
    pub key: String,
    /// The body.
    pub body: Bytes,
    /// 1 at first; one more for every counted failure so far.
    pub attempt: u32,
    /// Whether an earlier delivery ended without an outcome, so that this message may have killed its process.
    /// Such a message always comes in a batch of its own.
    pub redelivered: bool,
}

/// What a handler decided about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done: acknowledge.
    Done,
    /// It failed for a reason of its own: try again after the retry delay, or dead-letter it after
    /// [`MAX_ATTEMPTS`](messages::topology::MAX_ATTEMPTS) failures. A failure of the infrastructure is none of the
    /// message's business: wait inside the handler instead.
    Retry {
        /// The reason, for the dead-letter listing.
        why: String,
    },
    /// It can never succeed: dead-letter it at once.
    Reject {
        /// The reason, for the dead-letter listing.
        why: String,
    },
    /// Give it back without counting a failure. Meant for a shutdown: otherwise it comes straight back.
    Release,
}

/// A message that ended in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's id; nil when it came without a valid one.
    pub id: Uuid,
    /// The type with its version; empty when it came without one.
    pub kind: String,
    /// The routing key it was first published with.
    pub key: String,
    /// The queue it was consumed from.
    pub queue: Queue,
    /// The reason, as the handler or the broker gave it.
    pub why: String,
    /// Which attempt was the last.
    pub attempt: u32,
    /// When it was dead-lettered, to the second or better.
    pub died_at: DateTime<Utc>,
    /// The body.
    pub body: Bytes,
}

/// Which dead letters to redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redrive {
    /// All there were when the call began.
    All,
    /// Those with this message id.
    Id(Uuid),
}

/// How many messages a queue and its companions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Waiting to be delivered.
    pub ready: u64,
    /// Delivered without an outcome yet; `None` where the engine does not tell (RabbitMQ), or where another process
    /// serves the file (embedded, 0).
    pub unacked: Option<u64>,
    /// Waiting out the retry delay.
    pub retry: u64,
    /// Dead-lettered.
    pub dead: u64,
}

/// The longest routing key or type that travels, in bytes: AMQP's limit, kept on both engines.
pub(crate) const MAX_NAME: usize = 255;

impl Message {
    /// Refuses what can't travel.
    pub(crate) fn check(&self) -> Result<(), PublishError> {
        let refused = |what: &str| Err(PublishError::Refused(format!("{what}: {:.40}…", self.kind)));
        match self {
            _ if self.id.is_nil() => refused("the message id is nil"),
            _ if self.kind.len() > MAX_NAME => refused("the type is longer than 255 bytes"),
            _ if self.route.key.len() > MAX_NAME => refused("the routing key is longer than 255 bytes"),
            _ => Ok(()),
        }
    }
}
