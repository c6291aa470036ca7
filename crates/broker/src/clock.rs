//! The one place where this crate reads the wall clock: stamps on messages, and times that outlive a process.
//! Everything that only measures a duration uses `Instant`.

use chrono::{DateTime, Utc};

/// The current time.
#[expect(clippy::disallowed_methods, reason = "transport stamps only; no rule of the domain ever sees this time")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Milliseconds since 1970, as the embedded queue stores times.
pub(crate) fn now_ms() -> i64 {
    now().timestamp_millis()
}

/// The time of a stored stamp; 1970 when it is out of range.
pub(crate) fn from_ms(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}
