//! Owns the outbox: messages that go out because of what was committed with them. A relay claims them by a lease,
//! publishes, then deletes; nothing is held locked while it talks to the broker.

use chrono::TimeDelta;
use domain::Timestamp;
use messages::{
    command::CommandEnvelope,
    event::EventEnvelope,
    topology::{Exchange, Route},
};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The message's id.
    pub id: Uuid,
    /// Where to.
    pub route: Route,
    /// Its type with version.
    pub kind: String,
    /// Its body, JSON.
    pub body: Vec<u8>,
}

impl Outgoing {
    /// An event, under an id that its content gives.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it can't be written as JSON.
    pub fn event(event: &EventEnvelope) -> Result<Self, StoreError> {
        let body = serde_json::to_vec(event).map_err(StoreError::corrupt)?;
        Ok(Self {
            id: Uuid::new_v5(&Uuid::NAMESPACE_OID, &body),
            route: event.route(),
            kind: event.event.kind().to_owned(),
            body,
        })
    }

    /// A command.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it can't be written as JSON.
    pub fn command(command: &CommandEnvelope) -> Result<Self, StoreError> {
        Ok(Self {
            id: command.id.uuid(),
            route: command.route(),
            kind: command.command.kind().to_owned(),
            body: serde_json::to_vec(command).map_err(StoreError::corrupt)?,
        })
    }
}

/// Puts messages into the outbox.
///
/// # Errors
/// See [`StoreError`].
pub async fn put(tx: &mut Tx, messages: &[Outgoing]) -> Result<(), StoreError> {
    for messages in messages.chunks(row::rows_of(5)) {
        let touched = build!(tx, execute, |q| {
            q.push("INSERT INTO outbox (message_id, exchange, routing_key, kind, body) ");
            q.push_values(messages, |mut row, message| {
                row.push_bind(message.id).push_bind(message.route.exchange.name());
                row.push_bind(message.route.key.as_str()).push_bind(message.kind.as_str());
                row.push_bind(message.body.as_slice());
            });
        })?;
        row::touched("writing the outbox", touched, messages.len() as u64)?;
    }
    Ok(())
}

#[derive(FromRow)]
struct OutboxRow {
    seq: i64,
    message_id: Uuid,
    exchange: String,
    routing_key: String,
    kind: String,
    body: Vec<u8>,
}

/// Whether anything waits that nobody has leased.
///
/// # Errors
/// See [`StoreError`].
pub async fn is_waiting(tx: &mut Tx, now: Timestamp) -> Result<bool, StoreError> {
    let found: Option<(i64,)> = sql!(
        tx,
        opt row::Only<i64>,
        "SELECT seq FROM outbox WHERE leased_until IS NULL OR leased_until < $1 ORDER BY seq LIMIT 1",
        now
    )?;
    Ok(found.is_some())
}

/// Leases the oldest messages that nobody else has, until `now + lease`.
///
/// # Errors
/// See [`StoreError`].
pub async fn claim(
    tx: &mut Tx,
    limit: i64,
    now: Timestamp,
    lease: TimeDelta,
) -> Result<Vec<(i64, Outgoing)>, StoreError> {
    let suffix = tx.skip_locked();
    let mut rows = build!(tx, all OutboxRow, |q| {
        q.push("UPDATE outbox SET leased_until = ").push_bind(now + lease);
        q.push(" WHERE seq IN (SELECT seq FROM outbox WHERE leased_until IS NULL OR leased_until < ").push_bind(now);
        q.push(" ORDER BY seq LIMIT ").push_bind(limit).push(suffix);
        q.push(") RETURNING seq, message_id, exchange, routing_key, kind, body");
    })?;
    rows.sort_unstable_by_key(|row| row.seq);
    rows.into_iter()
        .map(|found| {
            let exchange = Exchange::from_name(&found.exchange)
                .ok_or_else(|| StoreError::Corrupt(format!("exchange {}", found.exchange)))?;
            let route = Route { exchange, key: found.routing_key };
            Ok((found.seq, Outgoing { id: found.message_id, route, kind: found.kind, body: found.body }))
        })
        .collect()
}

/// Deletes messages that were published.
///
/// # Errors
/// See [`StoreError`].
pub async fn delete(tx: &mut Tx, seqs: &[i64]) -> Result<(), StoreError> {
    if seqs.is_empty() {
        return Ok(());
    }
    build!(tx, execute, |q| {
        q.push("DELETE FROM outbox WHERE seq IN ");
        push_list!(q, seqs.iter().copied());
    })?;
    Ok(())
}

/// How many messages wait.
///
/// # Errors
/// See [`StoreError`].
pub async fn depth(tx: &mut Tx) -> Result<i64, StoreError> {
    let (waiting,): (i64,) = sql!(tx, one row::Only<i64>, "SELECT COUNT(*) FROM outbox")?;
    Ok(waiting)
}
