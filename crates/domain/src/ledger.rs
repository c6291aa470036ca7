//! Owns the fold: how entries of a book become a member's standing.
//!
//! A standing is never edited by itself. It is the fold of the entries in `seq` order, at every commit.

use serde::{Deserialize, Serialize};

use crate::{Points, Timestamp, points::PointsOverflow};

/// Why points moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A submission counted.
    Submission,
    /// The quantity of a counted submission was put right.
    Correction,
    /// A counted submission was taken back.
    Void,
    /// Points given or taken by an officer without a submission.
    Adjustment,
}

/// What one deed does to one member's points in one book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Why.
    pub kind: EntryKind,
    /// By how much; negative takes points away.
    pub points: Points,
}

/// A member's place in a book: the fold of their entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The sum of all entries.
    pub points: Points,
    /// The highest the sum ever was, in `seq` order; at least 0.
    pub peak: Points,
    /// How many entries there are; the newest has this `seq`.
    pub seq: i64,
    /// The latest `accepted_at` among the entries, or when the member joined while there are none.
    pub reached_at: Timestamp,
}

impl Standing {
    /// A member who just joined: the fold of no entries.
    #[must_use]
    pub const fn joined(at: Timestamp) -> Self {
        Self { points: Points::ZERO, peak: Points::ZERO, seq: 0, reached_at: at }
    }

    /// The standing after one more entry.
    ///
    /// # Errors
    /// [`PointsOverflow`] when the balance would leave its bounds; nothing has happened then.
    pub fn after(self, points: Points, accepted_at: Timestamp) -> Result<Self, PointsOverflow> {
        let balance = self.points.plus(points)?;
        Ok(Self {
            points: balance,
            peak: self.peak.max(balance),
            seq: self.seq + 1,
            reached_at: if self.seq == 0 { accepted_at } else { self.reached_at.max(accepted_at) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn a_standing_is_the_fold_of_its_entries() {
        let entries = [(150, 100), (100, 90), (-200, 120)];
        let standing = entries.into_iter().fold(Standing::joined(at(500)), |standing, (points, second)| {
            standing.after(Points::new(points).unwrap(), at(second)).unwrap()
        });
        let want =
            Standing { points: Points::new(50).unwrap(), peak: Points::new(250).unwrap(), seq: 3, reached_at: at(120) };
        assert_eq!(standing, want);
    }

    #[test]
    fn an_overflowing_entry_changes_nothing() {
        let rich = Standing::joined(at(0)).after(Points::MAX, at(1)).unwrap();
        assert!(rich.after(Points::new(1).unwrap(), at(2)).is_err());
    }
}
