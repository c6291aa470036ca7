//! Owns the database's own clock, which every process sharing it is compared with.

use chrono::TimeDelta;
use domain::{Clock, Timestamp};

use crate::{Store, StoreError, Tx, pool::Inner, row};

/// By how much a process's clock may differ from the database's: clocks decide to which season something belongs.
pub const MAX_SKEW: TimeDelta = TimeDelta::seconds(2);

/// Whether a process may work with this store: it answers, its schema is new enough, and `clock` agrees with its own.
///
/// # Errors
/// [`StoreError::Unfit`] says what does not fit.
pub async fn ready(store: &Store, clock: &Clock) -> Result<(), StoreError> {
    store.check().await?;
    if skew(store, clock).await? > MAX_SKEW {
        return Err(StoreError::Unfit("the clock differs by more than 2 s from the database's".into()));
    }
    Ok(())
}

/// By how much `clock` differs from the database's, at least.
///
/// # Errors
/// See [`StoreError`].
pub async fn skew(store: &Store, clock: &Clock) -> Result<TimeDelta, StoreError> {
    let mut tx = store.read().await?;
    let before = clock.now();
    let database = now(&mut tx).await?;
    // The database answered at some moment between the two.
    Ok((before - database).max(database - clock.now()).max(TimeDelta::zero()))
}

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
