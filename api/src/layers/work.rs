//! Owns the bounds of work: how many requests at once, and for how long.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use crate::{error::ApiError, key::IdempotencyKey, prefer, state::ApiState};

/// How long a request may take, besides what the caller would wait for an outcome: whatever hangs behind it, the caller
/// hears within two seconds.
const PATIENCE: Duration = Duration::from_millis(1_900);

/// Turns a request away when too many are at work; else does it in a task of its own, so that neither a client that
/// goes away nor a deadline cuts off a transaction in the middle.
pub(crate) async fn work(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    // Nobody waits in a line that only grows: the caller is told at once, and may try again.
    let Ok(slot) = state.slots.clone().try_acquire_owned() else {
        metrics::counter!("guildhall_http_turned_away_total").increment(1);
        return ApiError::unavailable("overloaded", "Too much is going on right now. Try again in a moment.")
            .into_response();
    };
    let patience = PATIENCE + Duration::from_secs(prefer::wait(request.headers()).unwrap_or_default());
    let key = request.extensions().get::<IdempotencyKey>().map(|key| key.as_str().to_owned());
    let task = state.tasks.spawn(
        async move {
            let response = next.run(request).await;
            drop(slot);
            response
        }
        .in_current_span(),
    );
    match tokio::time::timeout(patience, task).await {
        Ok(Ok(response)) => response,
        // The panic's own text was printed where it happened; it may quote what nobody should read in an answer.
        Ok(Err(_)) => ApiError::Internal(anyhow::anyhow!("a handler panicked")).into_response(),
        Err(_) => match key {
            // It may still be done.
            Some(key) => ApiError::unknown(&key),
            None => ApiError::unavailable("timed_out", "This took too long. Try again in a moment."),
        }
        .into_response(),
    }
}

#[cfg(test)]
mod tests;
