//! Owns the reading of dates that officers type: UTC, to the day or to the minute.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use domain::Timestamp;

/// Which end of a season a date is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// A plain date is its first moment.
    Start,
    /// A plain date counts to its end: seasons are half-open, so that's the next day's first moment.
    End,
}

/// Reads `YYYY-MM-DD` or `YYYY-MM-DD HH:MM`; `None` for anything else.
pub(crate) fn read(text: &str, edge: Edge) -> Option<Timestamp> {
    let text = text.trim();
    if !(text.len() == 10 || text.len() == 16) || !text.is_ascii() {
        return None;
    }
    let moment = if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let days = if edge == Edge::End { 1 } else { 0 };
        day.checked_add_signed(TimeDelta::days(days))?.and_hms_opt(0, 0, 0)?
    } else {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok()?
    };
    Some(moment.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_to_the_day_or_to_the_minute() {
        for (text, edge, want) in [
            ("2026-09-01", Edge::Start, Some("2026-09-01T00:00:00Z")),
            ("2026-09-30", Edge::End, Some("2026-10-01T00:00:00Z")),
            ("2026-12-31", Edge::End, Some("2027-01-01T00:00:00Z")),
            (" 2026-09-30 18:30 ", Edge::End, Some("2026-09-30T18:30:00Z")),
            ("2026-09-30 18:30", Edge::Start, Some("2026-09-30T18:30:00Z")),
            ("2026-02-29", Edge::Start, None),
            ("2028-02-29", Edge::Start, Some("2028-02-29T00:00:00Z")),
            ("2026-13-01", Edge::Start, None),
            ("01.09.2026", Edge::Start, None),
            ("2026-9-1", Edge::Start, None),
            ("2026-09-01T00:00", Edge::Start, None),
            ("2026-09-30 24:00", Edge::End, None),
            ("12026-09-30", Edge::End, None),
            ("२०२६-०९", Edge::End, None),
            ("", Edge::End, None),
        ] {
            let want: Option<Timestamp> = want.map(|want| want.parse().unwrap());
            assert_eq!(read(text, edge), want, "{text:?} {edge:?}");
        }
    }
}
