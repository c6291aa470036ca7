//! Owns the season clock: which season counts when.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{BookId, GuildId, Rejection, SeasonId, Timestamp, ladder::OnFall, name::Name};

/// How long after its end a season still takes what was accepted in time and is on its way.
pub const GRACE: TimeDelta = TimeDelta::minutes(10);

/// A stretch of time in which items are worth points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Season {
    /// Its id.
    pub id: SeasonId,
    /// The guild that runs it.
    pub guild: GuildId,
    /// Its ledger.
    pub book: BookId,
    /// Its number, unique in the guild.
    pub number: i32,
    /// Its name, unique in the guild.
    pub name: Name,
    /// The first moment that counts.
    pub starts_at: Timestamp,
    /// The first moment that no longer counts.
    pub ends_at: Timestamp,
    /// Whether what members submit waits for an officer.
    pub review: bool,
    /// What happens to ranks when points fall.
    pub on_fall: OnFall,
    /// When it was closed for good, winners announced.
    pub closed_at: Option<Timestamp>,
}

/// Where a season is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not begun.
    Upcoming,
    /// Counting.
    Open,
    /// Over, but what was accepted in time may still arrive.
    Closing,
    /// Over; nothing arrives any more.
    Closed,
}

impl Season {
    /// Where the season is at `now`.
    #[must_use]
    pub fn phase(&self, now: Timestamp) -> Phase {
        if self.closed_at.is_some() {
            Phase::Closed
        } else if now < self.starts_at {
            Phase::Upcoming
        } else if now < self.ends_at {
            Phase::Open
        } else {
            Phase::Closing
        }
    }

    /// When the season may be closed for good.
    #[must_use]
    pub fn closes_at(&self) -> Timestamp {
        self.ends_at + GRACE
    }

    /// Whether something accepted at `accepted_at` counts: [start, end), and not closed yet.
    ///
    /// # Errors
    /// The reason why it does not.
    pub fn takes(&self, accepted_at: Timestamp) -> Result<(), Rejection> {
        if accepted_at < self.starts_at {
            Err(Rejection::SeasonNotStarted)
        } else if accepted_at >= self.ends_at {
            Err(Rejection::SeasonEnded)
        } else if self.closed_at.is_some() {
            Err(Rejection::SeasonClosed)
        } else {
            Ok(())
        }
    }
}

/// The season people mean when they name none: of those begun by `at`, one that still runs, the one that began last
/// when several do; else the one that ended last. Never a future one.
pub fn current<'a>(seasons: impl IntoIterator<Item = &'a Season>, at: Timestamp) -> Option<&'a Season> {
    seasons.into_iter().filter(|season| season.starts_at <= at).max_by_key(|season| {
        (at < season.ends_at, if at < season.ends_at { season.starts_at } else { season.ends_at }, season.number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        chrono::DateTime::from_timestamp(second, 0).unwrap()
    }

    fn season(number: i32, starts: i64, ends: i64) -> Season {
        Season {
            id: SeasonId::new(uuid::Uuid::from_u128(number.unsigned_abs().into())),
            guild: GuildId::new(1).unwrap(),
            book: BookId::new(uuid::Uuid::from_u128(number.unsigned_abs().into())),
            number,
            name: Name::new("Autumn").unwrap(),
            starts_at: at(starts),
            ends_at: at(ends),
            review: false,
            on_fall: OnFall::Keep,
            closed_at: None,
        }
    }

    #[test]
    fn a_season_is_half_open() {
        let open = season(1, 100, 200);
        for (second, want) in [
            (99, Err(Rejection::SeasonNotStarted)),
            (100, Ok(())),
            (199, Ok(())),
            (200, Err(Rejection::SeasonEnded)),
            (201, Err(Rejection::SeasonEnded)),
        ] {
            assert_eq!(open.takes(at(second)), want, "{second}");
        }
        let closed = Season { closed_at: Some(at(900)), ..open };
        assert_eq!(closed.takes(at(150)), Err(Rejection::SeasonClosed));
    }

    #[test]
    fn the_current_season_is_the_running_one_else_the_last_ended() {
        let all = [season(1, 0, 100), season(2, 200, 300), season(3, 250, 400), season(4, 0, 400), season(5, 900, 999)];
        for (second, want) in
            [(-1, None), (50, Some(4)), (150, Some(4)), (220, Some(2)), (260, Some(3)), (500, Some(4))]
        {
            assert_eq!(current(&all, at(second)).map(|season| season.number), want, "{second}");
        }
    }
}
