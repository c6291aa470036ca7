//! Rate-limit buckets: fixed windows per bucket and major parameter, and the global one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::config::Quota;

/// All buckets in use.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    windows: HashMap<String, Window>,
}

#[derive(Debug)]
struct Window {
    opened: Instant,
    used: u32,
}

/// What taking one request out of a bucket came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Taken {
    pub(crate) allowed: bool,
    pub(crate) remaining: u32,
    pub(crate) reset_after: Duration,
}

impl Buckets {
    /// Takes one request out of a bucket, at `now`.
    pub(crate) fn take(&mut self, key: &str, quota: Quota, now: Instant) -> Taken {
        if self.windows.len() > 10_000 {
            self.windows.retain(|_, window| now.duration_since(window.opened) < Duration::from_secs(60));
        }
        let window = self.windows.entry(key.to_owned()).or_insert(Window { opened: now, used: 0 });
        if now.duration_since(window.opened) >= quota.window {
            *window = Window { opened: now, used: 0 };
        }
        let allowed = window.used < quota.limit;
        if allowed {
            window.used += 1;
        }
        let reset_after = quota.window.saturating_sub(now.duration_since(window.opened));
        Taken { allowed, remaining: quota.limit - window.used, reset_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let mut buckets = Buckets::default();
        let quota = Quota::per_seconds(2, 5);
        let start = Instant::now();
        for (after, key, allowed, remaining) in
            [(0, "a", true, 1), (1, "a", true, 0), (2, "a", false, 0), (2, "b", true, 1), (5, "a", true, 1)]
        {
            let taken = buckets.take(key, quota, start + Duration::from_secs(after));
            assert_eq!((taken.allowed, taken.remaining), (allowed, remaining), "{key} after {after} s");
        }
    }
}
