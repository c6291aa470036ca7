//! Pauses between attempts to reconnect: doubling, bounded and jittered.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// Gives the next pause, from 0.2 s up to 5 s.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Starts at the shortest pause.
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The pause to make now: between half and the whole of the current step, so that processes spread out.
    pub(crate) fn pause(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(LONGEST);
        step.mul_f64(0.5 + jitter() / 2.0)
    }
}

/// A number in [0, 1). The hasher's random keys are enough for spreading reconnects.
fn jitter() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 40;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(1_u32 << 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_stay_jittered() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..10).map(|_| backoff.pause()).collect();
        assert!(pauses[0] >= FIRST / 2 && pauses[0] <= FIRST, "{pauses:?}");
        assert!(pauses[9] >= LONGEST / 2 && pauses[9] <= LONGEST, "{pauses:?}");
        assert!((0..100).all(|_| (0.0..1.0).contains(&jitter())));
    }
}
