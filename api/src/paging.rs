//! Owns pages: `limit` and `cursor` as requests bring them, and the page that answers.

use chrono::Datelike;
use domain::Timestamp;
use messages::api::{Cursor, MAX_LIMIT, Page};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::ApiError;

/// How many rows a page has when nobody says.
const DEFAULT_LIMIT: u32 = 50;

/// Which page is wanted: at most `limit` rows after the key.
#[derive(Debug, Clone)]
pub(crate) struct Paging<K> {
    limit: u32,
    /// The key of the last row seen.
    pub(crate) after: Option<K>,
}

impl<K: CursorKey> Paging<K> {
    /// Reads `limit` and `cursor`.
    pub(crate) fn new(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let limit = match limit {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or(ApiError::invalid("invalid_limit", "The limit has to be between 1 and 100."))?,
        };
        let after = cursor.map(|cursor| {
            let key = Cursor::decode::<K>(cursor).ok().filter(CursorKey::is_sound);
            key.ok_or(ApiError::invalid(
                "invalid_cursor",
                "That cursor isn't one this list returned. Begin without one.",
            ))
        });
        Ok(Self { limit, after: after.transpose()? })
    }

    /// How many rows to read: one more than the page holds, to know whether there is a next one.
    pub(crate) const fn rows(&self) -> u32 {
        self.limit + 1
    }

    /// Makes the page out of the rows read; `key` gives a row's key, `view` what is shown of it.
    pub(crate) fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        key: impl Fn(&R) -> K,
        view: impl Fn(R) -> T,
    ) -> Result<Page<T>, ApiError> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more).map(key);
        let next_cursor = last.map(|key| Cursor::encode(&key)).transpose().map_err(ApiError::internal)?;
        Ok(Page { items: rows.into_iter().map(view).collect(), next_cursor })
    }
}

/// A sort key as a cursor carries it. Clients may send anything, so that each says what the database can compare.
pub(crate) trait CursorKey: Serialize + DeserializeOwned {
    /// Whether the database can compare with it.
    fn is_sound(&self) -> bool;
}

impl CursorKey for i32 {
    fn is_sound(&self) -> bool {
        true
    }
}

impl CursorKey for i64 {
    fn is_sound(&self) -> bool {
        true
    }
}

impl CursorKey for String {
    fn is_sound(&self) -> bool {
        self.len() <= 1024 && !self.chars().any(char::is_control)
    }
}

/// A moment and the id of the row that had it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct AtId<I> {
    /// When.
    pub(crate) at: Timestamp,
    /// Which.
    pub(crate) id: I,
}

impl<I: Serialize + DeserializeOwned> CursorKey for AtId<I> {
    fn is_sound(&self) -> bool {
        is_storable(self.at)
    }
}

/// Whether both databases keep this moment, and in order.
pub(crate) fn is_storable(at: Timestamp) -> bool {
    (1970..=9999).contains(&at.year())
}
