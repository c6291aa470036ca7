//! Owns what handlers take out of a request: ids from the path, the query, and a request that asks for a change.
//! Whatever can't be read is a problem document, never a 500.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use domain::CommandId;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use messages::trace::TraceParent;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::{auth::Caller, error::ApiError, key::IdempotencyKey, state::ApiState};

/// The largest body.
const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(5);
/// How much of serde's explanation is passed on: it may quote what was sent.
const MAX_QUOTED: usize = 200;

/// The ids in a request's path, in their order.
#[derive(Debug)]
pub(crate) struct Ids<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Ids<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let ids = Path::<T>::from_request_parts(parts, state).await.map_err(|_| {
            ApiError::invalid(
                "invalid_id",
                "An id in the address can't be read. Discord's are whole numbers, ours UUIDs.",
            )
        })?;
        Ok(Self(ids.0))
    }
}

/// A request's query. Its fields are texts, so that each can be refused with a code of its own.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        let query = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let detail = format!("The query can't be understood: {}", quoted(&rejection.body_text()));
            ApiError::Invalid(("invalid_query", detail.into()))
        })?;
        Ok(Self(query.0))
    }
}

/// An id in a query.
pub(crate) fn id<T: std::str::FromStr>(text: Option<&str>) -> Result<Option<T>, ApiError> {
    let unreadable = |_| {
        ApiError::invalid("invalid_id", "An id in the query can't be read. Discord's are whole numbers, ours UUIDs.")
    };
    text.map(|text| text.parse().map_err(unreadable)).transpose()
}

/// One of a few words in a query.
pub(crate) fn word<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, ApiError> {
    let read = |text: &str| {
        T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).map_err(|error| {
            ApiError::Invalid(("invalid_query", format!("The query can't be understood: {}", quoted(&error)).into()))
        })
    };
    text.map(read).transpose()
}

/// A request that asks for a change: who asks, as which deed, and what was sent.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Who asks.
    pub(crate) caller: Caller,
    /// What makes a repeat the same deed.
    pub(crate) key: IdempotencyKey,
    /// The trace it belongs to.
    pub(crate) trace: TraceParent,
    /// The request's headers.
    pub(crate) headers: HeaderMap,
    /// What the deed is told from another with the same key by.
    pub(crate) fingerprint: [u8; 32],
    body: Bytes,
}

impl FromRequest<ApiState> for Asked {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let key = match parts.extensions.remove::<IdempotencyKey>() {
            Some(key) => key,
            None => IdempotencyKey::of(&parts.headers)?,
        };
        let trace = parts.extensions.get::<TraceParent>().cloned();
        let trace = trace.unwrap_or_else(|| TraceParent::of(uuid::Uuid::now_v7()));
        let body = read(&parts.headers, body).await?;
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let mut digest = Sha256::new();
        for part in [parts.method.as_str().as_bytes(), target.as_bytes(), &body] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Ok(Self { caller, key, trace, headers: parts.headers, fingerprint: digest.finalize().into(), body })
    }
}

impl Asked {
    /// The deed's id.
    pub(crate) fn id(&self) -> CommandId {
        CommandId::of_request(self.caller.guild, &self.caller.id(), self.key.as_str())
    }

    /// The body, read as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        if !self.body.is_empty() && !is_json(&self.headers) {
            return Err(ApiError::NotJson);
        }
        // serde would take a list for an object, field by field.
        if self.body.trim_ascii_start().starts_with(b"[") {
            return Err(ApiError::invalid("invalid_body", "The body has to be a JSON object."));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let detail = format!("The body can't be understood: {}", quoted(&error));
            let why = ("invalid_body", detail.into());
            if error.is_data() { ApiError::Invalid(why) } else { ApiError::Malformed(why) }
        })
    }

    /// The body, read as JSON; the default when there is none.
    pub(crate) fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// Refuses a body where none is wanted.
    pub(crate) fn no_body(&self) -> Result<(), ApiError> {
        if self.body.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid("invalid_body", "This request takes no body."))
        }
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(ApiError::TooLarge);
    }
    match tokio::time::timeout(BODY_DEADLINE, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge),
        Ok(Err(_)) => Err(ApiError::Malformed(("invalid_body", "The body broke off.".into()))),
        Err(_) => Err(ApiError::SlowBody),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json")
}

fn quoted(error: &impl std::fmt::Display) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(MAX_QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_not_waited_for() {
        let drip = futures::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        let drip = Body::from_stream(drip);
        assert!(matches!(read(&HeaderMap::new(), drip).await, Err(ApiError::SlowBody)));
    }
}
