//! Owns what a request can be answered with when it fails: one enum, one match that sets the status.

use std::{borrow::Cow, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{Rejection, rejection::RejectionKind};
use messages::api::{PROBLEM_JSON, Problem};
use store::StoreError;

/// A stable code and one sentence that a person can act on.
pub(crate) type Why = (&'static str, Cow<'static, str>);

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// Nobody proved who they are.
    Unauthenticated(Why),
    /// Not for this caller, for a reason that is the API's own.
    Forbidden(Why),
    /// The guild's rules refuse it; the kind of rejection sets the status.
    Rejected(Rejection),
    /// What the worker's rules refused, with the words it chose then.
    Refused(Rejection, String),
    /// There is no such thing here.
    NotFound(Why),
    /// The command has no outcome yet.
    NotAppliedYet,
    /// No route has this method.
    MethodNotAllowed,
    /// Not in the present state.
    Conflict(Why),
    /// The body is no JSON at all.
    Malformed(Why),
    /// The body did not arrive in time.
    SlowBody,
    /// The body is too large.
    TooLarge,
    /// The body is of another type.
    NotJson,
    /// Readable, but it makes no sense.
    Invalid(Why),
    /// Not now: repeat later. With the key to repeat it with, when it's unknown whether it was done.
    Unavailable(Why, Option<String>),
    /// Another transaction was in the way: to be repeated, and told only when that did not help.
    Lost,
    /// A bug, or a broken database. Nobody is told more than that.
    Internal(anyhow::Error),
}

/// When to ask again after a 503, in seconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl ApiError {
    pub(crate) const fn invalid(code: &'static str, detail: &'static str) -> Self {
        Self::Invalid((code, Cow::Borrowed(detail)))
    }

    pub(crate) const fn forbidden(code: &'static str, detail: &'static str) -> Self {
        Self::Forbidden((code, Cow::Borrowed(detail)))
    }

    pub(crate) const fn conflict(code: &'static str, detail: &'static str) -> Self {
        Self::Conflict((code, Cow::Borrowed(detail)))
    }

    pub(crate) const fn not_found(code: &'static str, detail: &'static str) -> Self {
        Self::NotFound((code, Cow::Borrowed(detail)))
    }

    pub(crate) const fn unauthenticated(code: &'static str, detail: &'static str) -> Self {
        Self::Unauthenticated((code, Cow::Borrowed(detail)))
    }

    pub(crate) const fn unavailable(code: &'static str, detail: &'static str) -> Self {
        Self::Unavailable((code, Cow::Borrowed(detail)), None)
    }

    pub(crate) fn unknown(key: &str) -> Self {
        let detail =
            "It's not known whether this was done. Repeat it with the same Idempotency-Key: it will be done once.";
        Self::Unavailable(("unknown", Cow::Borrowed(detail)), Some(key.to_owned()))
    }

    pub(crate) fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self::Internal(error.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Rejected(rejection) | Self::Refused(rejection, _) => match rejection.kind() {
                RejectionKind::Forbidden => StatusCode::FORBIDDEN,
                RejectionKind::NotFound => StatusCode::NOT_FOUND,
                RejectionKind::Conflict => StatusCode::CONFLICT,
                RejectionKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            },
            Self::NotFound(_) | Self::NotAppliedYet => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(..) | Self::Lost => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn why(self) -> (Cow<'static, str>, Cow<'static, str>, Option<String>) {
        let (code, detail): Why = match self {
            Self::Unauthenticated(why)
            | Self::Forbidden(why)
            | Self::NotFound(why)
            | Self::Conflict(why)
            | Self::Malformed(why)
            | Self::Invalid(why) => why,
            Self::Rejected(rejection) => (rejection.code(), rejection.to_string().into()),
            Self::Refused(rejection, detail) => (rejection.code(), detail.into()),
            Self::NotAppliedYet => ("not_applied_yet", "There's no outcome yet. Ask again in a second.".into()),
            Self::MethodNotAllowed => ("method_not_allowed", "That can't be done with this address.".into()),
            Self::SlowBody => ("body_timeout", "The request's body didn't arrive in time.".into()),
            Self::TooLarge => ("body_too_large", "A request's body may have at most 64 KiB.".into()),
            Self::NotJson => ("not_json", "Send the body as JSON, with `Content-Type: application/json`.".into()),
            Self::Lost => ("unavailable", "Too many people change this at once. Try again in a moment.".into()),
            Self::Unavailable((code, detail), key) => return (code.into(), detail, key),
            Self::Internal(_) => {
                ("internal", "Something went wrong here. It has been logged; try again or tell an officer.".into())
            }
        };
        (code.into(), detail, None)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(error) = &self {
            tracing::error!(error = %format_args!("{error:#}"), "a request failed");
        }
        let status = self.status();
        let waits = matches!(self, Self::Unavailable(..) | Self::Lost | Self::NotAppliedYet);
        let (code, detail, idempotency_key) = self.why();
        let problem = Problem {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            code: code.into_owned(),
            detail: detail.into_owned(),
            idempotency_key,
        };
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if waits {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"guildhall\""));
        }
        response
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Conflict(_)) {
            return Self::Lost;
        }
        if error.is_transient() {
            tracing::warn!(error = %format_args!("{:#}", anyhow::Error::new(error)), "the store is not available");
            return Self::unavailable("unavailable", "The store doesn't answer right now. Try again in a moment.");
        }
        Self::internal(error)
    }
}
