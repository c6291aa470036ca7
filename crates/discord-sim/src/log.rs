//! What the simulator saw: every REST request, and every breach of the rules.

use std::collections::VecDeque;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One REST request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Counts the requests, from 0.
    pub number: u64,
    /// When it came, in simulated time.
    pub at: DateTime<Utc>,
    /// When it came, in milliseconds since the simulator started (unmoved by clock settings).
    pub since_start_ms: u64,
    /// The method.
    pub method: String,
    /// The path below `/api/v10`.
    pub path: String,
    /// The documented route, or none if there is no such route.
    pub route: Option<String>,
    /// The rate-limit bucket, with its major parameter.
    pub bucket: Option<String>,
    /// The answer's status; none while it is being answered, or if no answer was given.
    pub status: Option<u16>,
    /// Seconds to wait, if the answer was 429.
    pub retry_after: Option<f64>,
    /// Whether a 429 was global.
    pub global: bool,
}

/// Something a well-behaved bot does not do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// When, in simulated time.
    pub at: DateTime<Utc>,
    /// Where: a method and path, or `gateway`.
    pub place: String,
    /// What.
    pub what: String,
}

/// Older requests are forgotten beyond this many.
const KEPT: usize = 200_000;

#[derive(Debug)]
pub(crate) struct RequestLog {
    started: Instant,
    next: u64,
    entries: VecDeque<RequestEntry>,
}

impl Default for RequestLog {
    fn default() -> Self {
        Self { started: Instant::now(), next: 0, entries: VecDeque::new() }
    }
}

impl RequestLog {
    pub(crate) fn begin(&mut self, at: DateTime<Utc>, method: &str, path: &str) -> u64 {
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        let number = self.next;
        self.next += 1;
        self.entries.push_back(RequestEntry {
            number,
            at,
            since_start_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            method: method.into(),
            path: path.into(),
            route: None,
            bucket: None,
            status: None,
            retry_after: None,
            global: false,
        });
        number
    }

    pub(crate) fn entry(&mut self, number: u64) -> Option<&mut RequestEntry> {
        let first = self.entries.front()?.number;
        self.entries.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    pub(crate) fn since(&self, number: u64) -> Vec<RequestEntry> {
        self.entries.iter().filter(|entry| entry.number >= number).cloned().collect()
    }
}

/// The requests that came although an earlier 429 had asked to wait longer: on its bucket, or anywhere for a global one.
#[must_use]
pub fn too_early(entries: &[RequestEntry]) -> Vec<RequestEntry> {
    let mut early = Vec::new();
    for (index, refused) in entries.iter().enumerate() {
        let Some(wait) = refused.retry_after else { continue };
        // A client may have sent others before the answer reached it; a grace of 50 ms covers those under way.
        let from = refused.since_start_ms + 50;
        let until = refused.since_start_ms as f64 + wait * 1000.0;
        for later in entries.iter().skip(index + 1) {
            let inside = later.since_start_ms >= from && (later.since_start_ms as f64) < until;
            let same = refused.bucket.is_some() && later.bucket == refused.bucket;
            let exempt =
                later.route.as_deref().is_some_and(|r| r.starts_with("/interactions") || r.starts_with("/webhooks"));
            if inside && (same || refused.global && !exempt) && !early.contains(later) {
                early.push(later.clone());
            }
        }
    }
    early
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_inside_retry_after_are_too_early() {
        let mut log = RequestLog::default();
        for (bucket, ms, retry_after) in
            [("a", 0, Some(1.0)), ("a", 10, None), ("b", 500, None), ("a", 900, None), ("a", 1_000, None)]
        {
            let number = log.begin(DateTime::UNIX_EPOCH, "PUT", "/x");
            let entry = log.entry(number).unwrap();
            entry.bucket = Some(bucket.into());
            entry.since_start_ms = ms;
            entry.retry_after = retry_after;
        }
        let early: Vec<u64> = too_early(&log.since(0)).iter().map(|entry| entry.number).collect();
        assert_eq!(early, [3]);
    }
}
