//! The SQL that changes the embedded queue, each statement a function on the writing connection.

use std::fmt::Write as _;

use messages::topology::{DELIVERY_LIMIT, Queue, RETRY_DELAY_MS};
use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::schema::{DEAD, READY, WAITING};
use crate::{Message, Received, Redrive, clock};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Rows per INSERT. Few distinct sizes, so that the statements stay prepared.
const INSERT_SIZES: [usize; 4] = [256, 32, 4, 1];

/// Appends messages to their queues.
pub(super) async fn insert(db: &mut SqliteConnection, mut messages: &[(Queue, &Message)]) -> Result<()> {
    let now = clock::now_ms();
    for size in INSERT_SIZES {
        while messages.len() >= size {
            let (chunk, rest) = messages.split_at(size);
            messages = rest;
            let mut sql = "INSERT INTO message (queue, message_id, kind, key, body, published_at) VALUES ".to_owned();
            sql += &vec!["(?,?,?,?,?,?)"; size].join(",");
            // Only the number of place-holders varies.
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (queue, message) in chunk {
                query = query
                    .bind(queue.name())
                    .bind(message.id)
                    .bind(&message.kind)
                    .bind(&message.route.key)
                    .bind(&message.body[..])
                    .bind(now);
            }
            query.execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// How many messages are ready or wait for another try.
pub(super) async fn count_live(db: &mut SqliteConnection) -> Result<u64> {
    let dead_free = "SELECT COUNT(*) FROM message WHERE state IN (0, 1)";
    let count: i64 = sqlx::query_scalar(dead_free).fetch_one(db).await?;
    Ok(count.unsigned_abs())
}

/// Ids of messages that were handed out before this process began.
pub(super) async fn delivered_before(db: &mut SqliteConnection, queue: Queue) -> Result<Vec<i64>> {
    sqlx::query_scalar("SELECT id FROM message WHERE queue = ?1 AND state = 0 AND deliveries > 0 ORDER BY id")
        .bind(queue.name())
        .fetch_all(db)
        .await
}

/// Makes ready what has waited out its delay; after the clock was set back, also what would wait too long.
pub(super) async fn promote_due(db: &mut SqliteConnection, queue: Queue) -> Result<()> {
    let now = clock::now_ms();
    sqlx::query(
        "UPDATE message SET state = ?1, due_at = NULL
         WHERE queue = ?2 AND state = 1 AND (due_at <= ?3 OR due_at > ?3 + 2 * ?4)",
    )
    .bind(READY)
    .bind(queue.name())
    .bind(now)
    .bind(RETRY_DELAY_MS)
    .execute(db)
    .await?;
    Ok(())
}

/// In how many milliseconds the next waiting message is due.
pub(super) async fn next_due_in_ms(db: &mut SqliteConnection, queue: Queue) -> Result<Option<u64>> {
    let due: Option<i64> = sqlx::query_scalar("SELECT MIN(due_at) FROM message WHERE queue = ?1 AND state = 1")
        .bind(queue.name())
        .fetch_one(db)
        .await?;
    Ok(due.map(|due| u64::try_from(due - clock::now_ms()).unwrap_or(0)))
}

/// Claims the next messages of a queue, except those in hand.
pub(super) async fn claim_next(
    db: &mut SqliteConnection,
    queue: Queue,
    in_hand: impl Iterator<Item = &i64>,
    limit: usize,
) -> Result<Vec<(i64, Received)>> {
    let rows = sqlx::query(
        "UPDATE message SET deliveries = deliveries + 1 WHERE id IN (
             SELECT id FROM message WHERE queue = ?1 AND state = 0
             AND id NOT IN (SELECT value FROM json_each(?2)) ORDER BY id LIMIT ?3
         ) RETURNING id, message_id, kind, key, body, attempt, deliveries",
    )
    .bind(queue.name())
    .bind(json_ids(in_hand))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let mut claimed = rows.into_iter().map(received).collect::<Result<Vec<_>>>()?;
    // RETURNING promises no order.
    claimed.sort_unstable_by_key(|(id, _)| *id);
    Ok(claimed)
}

/// Claims one message again that was handed out before without an outcome. `None`: it is gone, or dead now because
/// that has happened too often.
pub(super) async fn claim_again(db: &mut SqliteConnection, id: i64) -> Result<Option<(i64, Received)>> {
    let row = sqlx::query(
        "UPDATE message SET deliveries = deliveries + 1 WHERE id = ?1 AND state = 0 AND deliveries <= ?2
         RETURNING id, message_id, kind, key, body, attempt, deliveries",
    )
    .bind(id)
    .bind(DELIVERY_LIMIT)
    .fetch_optional(&mut *db)
    .await?;
    if row.is_none() {
        sqlx::query(
            "UPDATE message SET state = ?1, died_at = ?2, why = 'delivery_limit'
             WHERE id = ?3 AND state = 0 AND deliveries > ?4",
        )
        .bind(DEAD)
        .bind(clock::now_ms())
        .bind(id)
        .bind(DELIVERY_LIMIT)
        .execute(db)
        .await?;
    }
    row.map(received).transpose()
}

fn received(row: SqliteRow) -> Result<(i64, Received)> {
    let received = Received {
        id: row.try_get::<Uuid, _>("message_id")?,
        kind: row.try_get("kind")?,
        key: row.try_get("key")?,
        body: row.try_get::<Vec<u8>, _>("body")?.into(),
        attempt: row.try_get("attempt")?,
        redelivered: row.try_get::<i64, _>("deliveries")? > 1,
    };
    Ok((row.try_get("id")?, received))
}

/// Removes messages that are done.
pub(super) async fn delete(db: &mut SqliteConnection, ids: &[i64]) -> Result<()> {
    sqlx::query("DELETE FROM message WHERE id IN (SELECT value FROM json_each(?1))")
        .bind(json_ids(ids))
        .execute(db)
        .await?;
    Ok(())
}

/// Takes back that messages were handed out.
pub(super) async fn release(db: &mut SqliteConnection, ids: &[i64]) -> Result<()> {
    sqlx::query("UPDATE message SET deliveries = MAX(deliveries - 1, 0) WHERE id IN (SELECT value FROM json_each(?1))")
        .bind(json_ids(ids))
        .execute(db)
        .await?;
    Ok(())
}

/// Lets a message wait for its next attempt.
pub(super) async fn retry(db: &mut SqliteConnection, id: i64, attempt: u32, why: &str) -> Result<()> {
    sqlx::query("UPDATE message SET state = ?1, due_at = ?2, attempt = ?3, deliveries = 0, why = ?4 WHERE id = ?5")
        .bind(WAITING)
        .bind(clock::now_ms() + i64::from(RETRY_DELAY_MS))
        .bind(attempt)
        .bind(why)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Dead-letters a message.
pub(super) async fn bury(db: &mut SqliteConnection, id: i64, why: &str) -> Result<()> {
    sqlx::query("UPDATE message SET state = ?1, died_at = ?2, why = ?3 WHERE id = ?4")
        .bind(DEAD)
        .bind(clock::now_ms())
        .bind(why)
        .bind(id)
        .execute(db)
        .await?;
    Ok(())
}

/// Makes dead letters first attempts again; how many.
pub(super) async fn redrive(db: &mut SqliteConnection, queue: Queue, which: Redrive) -> Result<u64> {
    let only = match which {
        Redrive::All => None,
        Redrive::Id(id) => Some(id),
    };
    let updated = sqlx::query(
        "UPDATE message SET state = ?1, attempt = 1, deliveries = 0, died_at = NULL, why = NULL
         WHERE queue = ?2 AND state = ?3 AND (?4 IS NULL OR message_id = ?4)",
    )
    .bind(READY)
    .bind(queue.name())
    .bind(DEAD)
    .bind(only)
    .execute(db)
    .await?;
    Ok(updated.rows_affected())
}

/// Removes everything of a queue that is not in hand.
pub(super) async fn purge(db: &mut SqliteConnection, queue: Queue, in_hand: impl Iterator<Item = &i64>) -> Result<()> {
    sqlx::query("DELETE FROM message WHERE queue = ?1 AND id NOT IN (SELECT value FROM json_each(?2))")
        .bind(queue.name())
        .bind(json_ids(in_hand))
        .execute(db)
        .await?;
    Ok(())
}

fn json_ids<'i>(ids: impl IntoIterator<Item = &'i i64>) -> String {
    let mut json = String::from("[");
    for (position, id) in ids.into_iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        // Writing to a String can't fail.
        let _ = write!(json, "{comma}{id}");
    }
    json.push(']');
    json
}
