//! What can go wrong, told apart by what the caller may conclude.

use thiserror::Error;

/// Why a message was not confirmed. The two cases ask for different answers, so they are never mixed up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The message was surely not taken: safe to give up, or to publish again.
    #[error("not published: {0}")]
    Refused(String),
    /// The message may have been taken: repeat it with the same id.
    #[error("unknown whether published: {0}")]
    Unknown(String),
}

/// Why the broker can't serve a call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BrokerError {
    /// The configuration can't work, whatever the state of the server.
    #[error("broker configuration: {0}")]
    Config(String),
    /// Not reachable, not answering in time, or refusing the operation.
    #[error("broker unavailable: {0}")]
    Unavailable(String),
    /// The embedded queue's file can't be read or written.
    #[error("broker storage: {0}")]
    Storage(String),
    /// [`close`](crate::Broker::close) was called.
    #[error("broker closed")]
    Closed,
}

impl From<lapin::Error> for BrokerError {
    fn from(error: lapin::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<sqlx::Error> for BrokerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

/// Counts a publish by its outcome.
pub(crate) fn count_published(exchange: &'static str, result: &Result<(), PublishError>) {
    let outcome = match result {
        Ok(()) => "confirmed",
        Err(PublishError::Refused(_)) => "refused",
        Err(PublishError::Unknown(_)) => "unknown",
    };
    metrics::counter!("guildhall_published_total", "exchange" => exchange, "outcome" => outcome).increment(1);
}
