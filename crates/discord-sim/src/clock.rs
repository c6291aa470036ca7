//! The simulator's time: real time plus an offset that tests may move. The only place that asks the system for the hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::DISCORD_EPOCH_MS;

/// Real time plus a settable offset; clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    offset_ms: AtomicI64,
    snowflakes: AtomicU64,
}

impl Clock {
    /// A clock that is ahead of real time by `offset_ms` (behind, if negative).
    #[must_use]
    pub fn with_offset_ms(offset_ms: i64) -> Self {
        let clock = Self::default();
        clock.set_offset_ms(offset_ms);
        clock
    }

    /// The simulated present.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the simulator's own clock")]
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.shared.offset_ms.load(Ordering::Relaxed))
    }

    /// How far the clock is ahead of real time.
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.shared.offset_ms.load(Ordering::Relaxed)
    }

    /// Sets how far the clock is ahead of real time.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.shared.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.shared.offset_ms.fetch_add(by, Ordering::Relaxed);
    }

    /// A fresh snowflake that carries the present. The low 22 bits count, so ids of one millisecond differ and ascend.
    #[must_use]
    pub(crate) fn snowflake(&self) -> u64 {
        let ms = u64::try_from(self.now().timestamp_millis() - DISCORD_EPOCH_MS).unwrap_or(0);
        let count = self.shared.snowflakes.fetch_add(1, Ordering::Relaxed) & 0x3f_ffff;
        (ms << 22) | count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;

    #[test]
    fn snowflakes_carry_the_simulated_time_and_differ() {
        let clock = Clock::with_offset_ms(3_600_000);
        let (a, b) = (MessageId(clock.snowflake()), MessageId(clock.snowflake()));
        assert!(a < b);
        assert!((clock.now().timestamp_millis() - a.created_at_ms()).abs() < 1_000);
        assert!((Clock::default().now().timestamp_millis() - a.created_at_ms()).abs() > 3_500_000);
    }

    #[test]
    fn clones_share_the_offset() {
        let clock = Clock::default();
        clock.clone().advance(Duration::from_secs(5));
        assert_eq!(clock.offset_ms(), 5_000);
    }
}
