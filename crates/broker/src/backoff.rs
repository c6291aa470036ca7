//! Owns pauses between attempts: doubling, bounded, jittered, and cut short by a shutdown.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

/// Gives the next pause.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Starts at `first` and doubles up to `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// For a service nearby that will be back: 0.2 s up to 5 s.
    #[must_use]
    pub const fn nearby() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(5))
    }

    /// The pause to make now: between half and the whole of the current step, so that processes spread out.
    pub fn step(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.longest);
        step.mul_f64(0.5 + jitter() / 2.0)
    }

    /// Waits for the next pause. False: a shutdown came first.
    pub async fn pause(&mut self, shutdown: &CancellationToken) -> bool {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => false,
            () = tokio::time::sleep(self.step()) => true,
        }
    }
}

/// A number in [0, 1). The hasher's random keys are enough for spreading.
fn jitter() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 40;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_grow_to_the_longest_and_a_shutdown_ends_them() {
        let mut backoff = Backoff::nearby();
        let steps: Vec<_> = (0..8).map(|_| backoff.step()).collect();
        assert!(steps[0] >= Duration::from_millis(100) && steps[0] <= Duration::from_millis(200), "{steps:?}");
        assert!(steps[7] >= Duration::from_millis(2_500) && steps[7] <= Duration::from_secs(5), "{steps:?}");
        assert!((0..100).all(|_| (0.0..1.0).contains(&jitter())));
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        assert!(!backoff.pause(&shutdown).await);
    }
}
