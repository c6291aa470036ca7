//! Owns what can go wrong in a call, told apart by what the caller may conclude.

use std::time::Duration;

use messages::api::Problem;
use reqwest::Response;

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The API answered with a problem: its `detail` is for people, its `code` for programs.
    #[error("{} ({})", .problem.detail, .problem.code)]
    Problem {
        /// What it said.
        problem: Box<Problem>,
        /// When it asks to be called again.
        retry_after: Option<Duration>,
    },
    /// No answer: it can't be known whether the call was carried out. Repeat it with the same idempotency key.
    #[error("no answer from the API: {0}")]
    Unreachable(String),
    /// An answer that this client doesn't understand, from a proxy in between for example.
    #[error("the API answered {status} with something that can't be read: {why}")]
    Undecodable {
        /// The HTTP status.
        status: u16,
        /// What was wrong with it.
        why: String,
    },
    /// The client was set up wrongly.
    #[error("API client: {0}")]
    Config(String),
}

impl ClientError {
    /// The problem's stable code, when there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }

    /// The HTTP status, when there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            Self::Undecodable { status, .. } => Some(*status),
            Self::Unreachable(_) | Self::Config(_) => None,
        }
    }

    /// Whether the same call may well succeed later: nothing is wrong with the call itself.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Problem { .. } | Self::Undecodable { .. } => {
                self.status().is_some_and(|status| status >= 500 || status == 429 || status == 408)
            }
            Self::Config(_) => false,
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        // The address may hold a member's id; the reason alone is enough.
        let error = error.without_url();
        if error.is_builder() { Self::Config(chain(&error)) } else { Self::Unreachable(chain(&error)) }
    }
}

/// An error with its causes: reqwest's own text leaves out what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Lets a successful answer through; reads any other as the error it is.
pub(crate) async fn checked(response: Response) -> Result<Response, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = response.bytes().await?;
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(ClientError::Problem { problem: Box::new(problem), retry_after }),
        Err(_) => Err(ClientError::Undecodable { status: status.as_u16(), why: "not a problem document".into() }),
    }
}

/// Reads the body of a successful answer.
pub(crate) async fn decoded<T: serde::de::DeserializeOwned>(response: Response) -> Result<T, ClientError> {
    let status = response.status().as_u16();
    let body = response.bytes().await?;
    serde_json::from_slice(&body).map_err(|error| ClientError::Undecodable { status, why: error.to_string() })
}
