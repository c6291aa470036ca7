//! How messages look on the wire: properties and headers, and reading them back.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable},
};
use messages::topology::Queue;
use uuid::Uuid;

use crate::{DeadLetter, Message, Received, clock, message::MAX_NAME};

const ATTEMPT: &str = "x-guildhall-attempt";
const WHY: &str = "x-guildhall-why";
const QUEUE: &str = "x-guildhall-queue";
/// The routing key of the first publish: on the way through `.retry` and `.dead` the real one is lost.
const KEY: &str = "x-guildhall-key";

/// Reasons travel in a header, so they are kept to a reasonable size, in characters.
const WHY_LENGTH: usize = 1_000;
const PERSISTENT: u8 = 2;

/// A message ready to be written to a channel.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) id: Uuid,
    /// Empty for the default exchange, whose keys are queue names.
    pub(super) exchange: &'static str,
    pub(super) key: String,
    pub(super) mandatory: bool,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
}

impl Outgoing {
    /// A first publish.
    pub(super) fn first(message: &Message) -> Self {
        let headers = headers(1, &message.route.key);
        Self {
            id: message.id,
            exchange: message.route.exchange.name(),
            key: message.route.key.clone(),
            mandatory: message.route.mandatory(),
            properties: properties(message.id, &message.kind, headers),
            body: message.body.clone(),
        }
    }

    /// A copy on its way from `queue` to the queue of the given name, with the attempt it counts as then.
    pub(super) fn copy(received: &Received, queue: Queue, to: String, attempt: u32, why: &str) -> Self {
        let mut headers = headers(attempt, &received.key);
        let why: String = why.chars().take(WHY_LENGTH).collect();
        headers.insert(WHY.into(), AMQPValue::LongString(why.into()));
        headers.insert(QUEUE.into(), AMQPValue::LongString(queue.name().into()));
        Self {
            id: received.id,
            exchange: "",
            key: to,
            mandatory: true,
            properties: properties(received.id, &received.kind, headers),
            body: received.body.clone(),
        }
    }

    /// A dead letter on its way back to its queue, as a first attempt.
    pub(super) fn redriven(dead: &DeadLetter) -> Self {
        Self {
            id: dead.id,
            exchange: "",
            key: dead.queue.name().to_owned(),
            mandatory: true,
            properties: properties(dead.id, &dead.kind, headers(1, &dead.key)),
            body: dead.body.clone(),
        }
    }
}

fn headers(attempt: u32, key: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(ATTEMPT.into(), AMQPValue::LongInt(i32::try_from(attempt).unwrap_or(i32::MAX)));
    headers.insert(KEY.into(), AMQPValue::LongString(key.into()));
    headers
}

fn properties(id: Uuid, kind: &str, headers: FieldTable) -> BasicProperties {
    BasicProperties::default()
        .with_message_id(id.to_string().into())
        .with_type(kind.into())
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(u64::try_from(clock::now().timestamp()).unwrap_or_default())
        .with_headers(headers)
}

/// Reads a delivery. An id that is missing or no UUID reads as nil: a handler must not see such a message.
pub(super) fn received(delivery: Delivery) -> Received {
    let properties = &delivery.properties;
    Received {
        id: message_id(properties),
        kind: kind(properties),
        key: clip(text(properties, KEY).unwrap_or_else(|| delivery.routing_key.to_string())),
        attempt: attempt(properties),
        redelivered: delivery.redelivered,
        body: delivery.data.into(),
    }
}

/// Reads a message of a dead-letter queue, put there by this crate or by RabbitMQ itself.
pub(super) fn dead_letter(delivery: Delivery, queue: Queue) -> DeadLetter {
    let properties = &delivery.properties;
    let death = last_death(properties);
    let reason = death.and_then(|death| death.inner().get("reason")).and_then(as_text);
    let time = death.and_then(|death| match death.inner().get("time") {
        Some(AMQPValue::Timestamp(seconds)) => Some(*seconds),
        _ => None,
    });
    DeadLetter {
        id: message_id(properties),
        kind: kind(properties),
        key: clip(text(properties, KEY).unwrap_or_else(|| delivery.routing_key.to_string())),
        queue,
        why: reason.or_else(|| text(properties, WHY)).unwrap_or_default(),
        attempt: attempt(properties),
        died_at: time.or(*properties.timestamp()).map_or(DateTime::default(), seconds),
        body: delivery.data.into(),
    }
}

/// The latest entry of RabbitMQ's own `x-death` header. What this crate dead-letters carries none.
fn last_death(properties: &BasicProperties) -> Option<&FieldTable> {
    match properties.headers().as_ref()?.inner().get("x-death")? {
        AMQPValue::FieldArray(deaths) => deaths.as_slice().first().and_then(AMQPValue::as_field_table),
        _ => None,
    }
}

pub(super) fn message_id(properties: &BasicProperties) -> Uuid {
    properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok()).unwrap_or_default()
}

fn kind(properties: &BasicProperties) -> String {
    clip(properties.kind().as_ref().map(ToString::to_string).unwrap_or_default())
}

/// What anybody may have written, as long as a name can be that travels.
fn clip(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(MAX_NAME));
    name
}

fn attempt(properties: &BasicProperties) -> u32 {
    let header = properties.headers().as_ref().and_then(|headers| headers.inner().get(ATTEMPT));
    let number = match header {
        Some(AMQPValue::LongInt(number)) => i64::from(*number),
        Some(AMQPValue::LongLongInt(number)) => *number,
        _ => 1,
    };
    u32::try_from(number).unwrap_or(1).max(1)
}

fn text(properties: &BasicProperties, header: &str) -> Option<String> {
    properties.headers().as_ref().and_then(|headers| headers.inner().get(header)).and_then(as_text)
}

fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn seconds(seconds: u64) -> DateTime<Utc> {
    i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or_default()
}
