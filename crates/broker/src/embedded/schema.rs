//! The embedded queue's file: how it is opened, and its one table.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::BrokerError;

/// The schema's version, in the file's `user_version`.
const VERSION: i64 = 1;

/// Ready to be delivered (or in a consumer's hands: those are known in memory only).
pub(super) const READY: i64 = 0;
/// Waiting for `due_at`, like a message in a `.retry` queue.
pub(super) const WAITING: i64 = 1;
/// Dead-lettered.
pub(super) const DEAD: i64 = 2;

/// `AUTOINCREMENT`, because an id in a consumer's hands must never come to mean another message.
/// Times are milliseconds since 1970.
const CREATE: &str = "
CREATE TABLE message (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue        TEXT    NOT NULL,
    state        INTEGER NOT NULL DEFAULT 0,
    message_id   BLOB    NOT NULL,
    kind         TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    attempt      INTEGER NOT NULL DEFAULT 1,
    deliveries   INTEGER NOT NULL DEFAULT 0,
    published_at INTEGER NOT NULL,
    due_at       INTEGER,
    died_at      INTEGER,
    why          TEXT
) STRICT;
CREATE INDEX message_by_state ON message (queue, state);
-- Few rows each: those that wait, and those in hand now or when the process died.
CREATE INDEX message_waiting ON message (queue, due_at) WHERE state = 1;
CREATE INDEX message_delivered ON message (queue) WHERE state = 0 AND deliveries > 0;
";

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
}

/// Opens the writing connection, creating file and table when missing.
pub(super) async fn open_writer(path: &Path) -> Result<SqliteConnection, BrokerError> {
    let mut connection = options(path).create_if_missing(true).connect().await?;
    // Immediate, so that two processes that open a new file at once create it once.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await?;
    match version {
        0 => {
            sqlx::raw_sql(CREATE).execute(&mut connection).await?;
            sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut connection).await?;
        }
        VERSION => {}
        newer => {
            return Err(BrokerError::Storage(format!(
                "{} has schema version {newer}; this program knows {VERSION}",
                path.display()
            )));
        }
    }
    sqlx::query("COMMIT").execute(&mut connection).await?;
    Ok(connection)
}

/// Opens the reading connections.
pub(super) async fn open_readers(path: &Path) -> Result<SqlitePool, BrokerError> {
    let pool = SqlitePoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(5));
    Ok(pool.connect_with(options(path).read_only(true)).await?)
}
