//! Questions to the embedded queue that need no writer.

use chrono::DateTime;
use messages::topology::Queue;
use sqlx::Row;
use uuid::Uuid;

use super::{
    Embedded,
    schema::{DEAD, READY, WAITING},
};
use crate::{BrokerError, DeadLetter, Depth, clock};

impl Embedded {
    pub(crate) async fn depth(&self, queue: Queue) -> Result<Depth, BrokerError> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM message WHERE queue = ?1 GROUP BY state")
                .bind(queue.name())
                .fetch_all(&self.readers)
                .await?;
        let count =
            |wanted| rows.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| count.unsigned_abs());
        let in_hand = self.shared.in_hand(queue).min(count(READY));
        Ok(Depth { ready: count(READY) - in_hand, unacked: Some(in_hand), retry: count(WAITING), dead: count(DEAD) })
    }

    pub(crate) async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
        let rows = sqlx::query(
            "SELECT message_id, kind, key, body, attempt, why, died_at FROM message
             WHERE queue = ?1 AND state = ?2 ORDER BY died_at, id LIMIT ?3",
        )
        .bind(queue.name())
        .bind(DEAD)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await?;
        let read = |row: sqlx::sqlite::SqliteRow| -> Result<DeadLetter, sqlx::Error> {
            Ok(DeadLetter {
                id: row.try_get::<Uuid, _>("message_id")?,
                kind: row.try_get("kind")?,
                key: row.try_get("key")?,
                queue,
                why: row.try_get::<Option<String>, _>("why")?.unwrap_or_default(),
                attempt: row.try_get("attempt")?,
                died_at: row.try_get::<Option<i64>, _>("died_at")?.map_or(DateTime::default(), clock::from_ms),
                body: row.try_get::<Vec<u8>, _>("body")?.into(),
            })
        };
        Ok(rows.into_iter().map(read).collect::<Result<_, _>>()?)
    }
}
