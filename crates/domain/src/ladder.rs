//! Owns the ladder: which ranks a number of points reaches.

use serde::{Deserialize, Serialize};

use crate::{Points, RankId};

/// One rank's place on a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// The rank.
    pub rank: RankId,
    /// Its number; higher numbers are higher ranks. Numbers may leave gaps.
    pub number: i32,
    /// The points that reach it.
    pub threshold: Points,
}

/// A season's ranks, lowest first: numbers and thresholds both rise strictly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ladder(Vec<Rung>);

/// Why ranks do not make a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LadderError {
    /// Two ranks have the same number.
    #[error("there is a rank with that number already")]
    SameNumber,
    /// A higher rank asks for no more points than a lower one.
    #[error("a rank needs more points than every rank below it, and fewer than every rank above it")]
    NotRising,
    /// A threshold below 1: everybody would have the rank before doing anything.
    #[error("a rank needs at least 1 point")]
    NotPositive,
}

impl Ladder {
    /// The ladder made of these ranks, in any order.
    ///
    /// # Errors
    /// See [`LadderError`].
    pub fn new(mut rungs: Vec<Rung>) -> Result<Self, LadderError> {
        rungs.sort_by_key(|rung| rung.number);
        for rung in &rungs {
            if rung.threshold <= Points::ZERO {
                return Err(LadderError::NotPositive);
            }
        }
        for pair in rungs.windows(2) {
            if pair[0].number == pair[1].number {
                return Err(LadderError::SameNumber);
            }
            if pair[0].threshold >= pair[1].threshold {
                return Err(LadderError::NotRising);
            }
        }
        Ok(Self(rungs))
    }

    /// The ladder with one more rank. Without a number it becomes the highest.
    ///
    /// # Errors
    /// See [`LadderError`].
    pub fn with(&self, rank: RankId, number: Option<i32>, threshold: Points) -> Result<Self, LadderError> {
        let number = number.unwrap_or_else(|| self.0.last().map_or(1, |top| top.number.saturating_add(1)));
        let mut rungs = self.0.clone();
        rungs.push(Rung { rank, number, threshold });
        Self::new(rungs)
    }

    /// All ranks, lowest first.
    #[must_use]
    pub fn rungs(&self) -> &[Rung] {
        &self.0
    }

    /// The ranks that `points` reach, lowest first.
    #[must_use]
    pub fn reached(&self, points: Points) -> &[Rung] {
        &self.0[..self.0.partition_point(|rung| rung.threshold <= points)]
    }
}

/// What happens to ranks when a total falls below their threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFall {
    /// Whoever once had the points keeps the rank.
    #[default]
    Keep,
    /// The rank and its prizes go when the points go.
    TakeBack,
}

impl OnFall {
    /// The points that count for ranks, given the present balance and the highest it ever was.
    #[must_use]
    pub const fn counting(self, balance: Points, peak: Points) -> Points {
        match self {
            Self::Keep => peak,
            Self::TakeBack => balance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(n: u128) -> RankId {
        RankId::new(uuid::Uuid::from_u128(n))
    }

    fn points(n: i64) -> Points {
        Points::new(n).unwrap()
    }

    #[test]
    fn crossing_a_threshold_reaches_every_rank_up_to_it() {
        let ladder = [(1, 10_000), (2, 20_000), (3, 30_000)].into_iter().fold(Ladder::default(), |ladder, (n, at)| {
            ladder.with(rank(n.try_into().unwrap()), Some(n), points(at)).unwrap()
        });
        for (total, want) in [(-5, 0), (0, 0), (9_999, 0), (10_000, 1), (29_999, 2), (30_000, 3), (35_000, 3)] {
            assert_eq!(ladder.reached(points(total)).len(), want, "{total}");
        }
    }

    #[test]
    fn thresholds_rise_with_the_number() {
        let ladder = Ladder::default().with(rank(1), Some(5), points(100)).unwrap();
        for (number, threshold, want) in [
            (None, 101, Ok(6)),
            (None, 100, Err(LadderError::NotRising)),
            (Some(5), 200, Err(LadderError::SameNumber)),
            (Some(4), 99, Ok(4)),
            (Some(4), 100, Err(LadderError::NotRising)),
            (Some(6), 50, Err(LadderError::NotRising)),
            (Some(1), 0, Err(LadderError::NotPositive)),
            (Some(1), -1, Err(LadderError::NotPositive)),
        ] {
            let got = ladder
                .with(rank(2), number, points(threshold))
                .map(|ladder| ladder.rungs().iter().find(|rung| rung.rank == rank(2)).map_or(0, |rung| rung.number));
            assert_eq!(got, want, "{number:?} at {threshold}");
        }
    }
}
