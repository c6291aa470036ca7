//! Owns how time is passed around: UTC, to the microsecond (what both databases keep), from a clock that is an argument.

use std::{fmt, sync::Arc};

use chrono::{DateTime, SubsecRound, Utc};

/// A moment, UTC.
pub type Timestamp = DateTime<Utc>;

/// Tells the time. Cheap to clone; the program passes the system's, tests pass their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `source`.
    pub fn new(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// The present moment, truncated to the microsecond, so that what is stored equals what was computed with.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)().trunc_subsecs(6)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
