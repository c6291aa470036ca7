//! Owns the `Idempotency-Key`: the one a request brings, or the one made for it.

use axum::http::{HeaderMap, HeaderValue};
use messages::api::IDEMPOTENCY_HEADER;
use uuid::Uuid;

use crate::error::ApiError;

/// The longest key a request may bring.
const MAX_KEY: usize = 255;

/// What makes a repeated request the same deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    text: String,
    given: bool,
}

impl IdempotencyKey {
    /// The key among a request's headers, else a fresh one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut values = headers.get_all(IDEMPOTENCY_HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(Self { text: Uuid::now_v7().to_string(), given: false });
        };
        let text = value.to_str().unwrap_or_default().trim();
        if values.next().is_some() || text.is_empty() || text.len() > MAX_KEY {
            return Err(ApiError::invalid(
                "invalid_idempotency_key",
                "The Idempotency-Key has to be one text of 1 to 255 plain characters.",
            ));
        }
        Ok(Self { text: text.to_owned(), given: true })
    }

    /// The key itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the request brought it, so that it may be a repeat.
    pub(crate) const fn is_given(&self) -> bool {
        self.given
    }

    /// The key as a header.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.text).ok()
    }
}
