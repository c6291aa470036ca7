//! Owns the database's own clock, which every process sharing it is compared with.

use domain::Timestamp;

use crate::{StoreError, Tx, pool::Inner, row};

/// What time it is by the database's clock. (Differs by engine; an SQLite file's clock is this machine's.)
///
/// # Errors
/// See [`StoreError`].
pub async fn now(tx: &mut Tx) -> Result<Timestamp, StoreError> {
    let text = match tx.inner {
        Inner::Postgres(_) => "SELECT clock_timestamp()",
        Inner::Sqlite(_) => "SELECT strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')",
    };
    let (now,): (Timestamp,) = sql!(tx, one row::Only<Timestamp>, text)?;
    Ok(now)
}
