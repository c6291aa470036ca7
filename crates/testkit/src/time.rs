//! Owns waiting: on a condition, with a deadline and a name, never by a bare sleep.

use std::time::Duration;

use anyhow::{Result, bail};
use chrono::SubsecRound;
use domain::Timestamp;
use tokio::time::Instant;

/// How long anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The first pause between two looks; half as long again before each further one.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// The longest pause between two looks.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// The present moment, as exact as the databases keep it.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the tests live in the same time as the program they run")]
    chrono::Utc::now().trunc_subsecs(6)
}

/// Looks until `found` finds something, [`PATIENCE`] at most; the error says `what` was waited for.
///
/// # Errors
/// What `found` fails with, at once; or that it was in vain.
pub async fn until<T>(what: &str, found: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    until_within(PATIENCE, what, found).await
}

/// As [`until`], with a patience of its own.
///
/// # Errors
/// As [`until`].
pub async fn until_within<T>(patience: Duration, what: &str, found: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + patience;
    let mut pause = FIRST_LOOK;
    loop {
        if let Some(found) = found().await? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {} s for {what}, in vain", patience.as_secs());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LAST_LOOK);
    }
}
