//! Owns the way of every command on points: checked early, published, and answered with 202 or, for who asked to wait,
//! with the outcome. What is decided here only answers early; the worker decides.

use std::time::Duration;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use broker::{Message, PublishError};
use domain::{CommandId, Rejection, SubmissionId};
use messages::{
    api::Accepted,
    command::{ActorRef, Command, CommandEnvelope},
    outcome::Outcome,
};
use store::inbox;
use tokio::time::Instant;

use crate::{auth::Acting, error::ApiError, extract::Asked, prefer, state::ApiState};

/// How long the first look at the inbox waits; half as long again before each further one.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// The longest between two looks.
const LAST_LOOK: Duration = Duration::from_millis(100);

impl Asked {
    /// Publishes a command and answers for it.
    pub(crate) async fn command(
        &self,
        state: &ApiState,
        acting: &Acting,
        command: Command,
        submission_id: Option<SubmissionId>,
    ) -> Result<Response, ApiError> {
        let envelope = CommandEnvelope {
            id: self.id(),
            guild_id: self.caller.guild,
            actor: ActorRef { user_id: Some(acting.actor.user), via: self.caller.via() },
            accepted_at: state.clock.now(),
            traceparent: self.trace.clone(),
            reply: None,
            command,
        };
        let wait = prefer::wait(&self.headers);
        let mut outcome = if self.key.is_given() { outcome(state, &envelope).await? } else { None };
        if outcome.is_none() {
            self.publish(state, &envelope).await?;
            if let Some(seconds) = wait {
                outcome = watch(state, &envelope, Duration::from_secs(seconds)).await?;
            }
        }
        let mut response = match (outcome, wait) {
            (Some(outcome), Some(_)) => told(outcome),
            _ => self.accepted(&envelope, submission_id),
        };
        if let Some(seconds) = wait
            && let Ok(applied) = HeaderValue::from_str(&format!("wait={seconds}"))
        {
            response.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
        }
        Ok(response)
    }

    async fn publish(&self, state: &ApiState, envelope: &CommandEnvelope) -> Result<(), ApiError> {
        let message = Message {
            id: envelope.id.uuid(),
            route: envelope.route(),
            kind: envelope.command.kind().to_owned(),
            body: serde_json::to_vec(envelope).map_err(ApiError::internal)?.into(),
        };
        state.broker.publish(&message).await.map_err(|error| {
            tracing::warn!(command.id = %envelope.id, %error, "a command was not confirmed");
            match error {
                PublishError::Refused(_) => {
                    let detail = "This was not taken, because the queue isn't available. Try again in a moment.";
                    ApiError::unavailable("not_taken", detail)
                }
                PublishError::Unknown(_) => ApiError::unknown(self.key.as_str()),
            }
        })?;
        tracing::info!(
            command.id = %envelope.id, command.kind = envelope.command.kind(), guild.id = %envelope.guild_id,
            "took a command"
        );
        Ok(())
    }

    fn accepted(&self, envelope: &CommandEnvelope, submission_id: Option<SubmissionId>) -> Response {
        let body = Accepted { command_id: envelope.id, submission_id, idempotency_key: self.key.as_str().to_owned() };
        let location = format!("/api/v1/guilds/{}/commands/{}", envelope.guild_id, envelope.id);
        (StatusCode::ACCEPTED, [(header::LOCATION, location)], axum::Json(body)).into_response()
    }
}

/// What became of the command, if that is known; refuses another command under the same id.
async fn outcome(state: &ApiState, envelope: &CommandEnvelope) -> Result<Option<Outcome>, ApiError> {
    let mut tx = state.store.read().await?;
    let Some(settled) = inbox::find(&mut tx, envelope.id).await? else { return Ok(None) };
    let fingerprint = envelope.fingerprint().map_err(ApiError::internal)?;
    if settled.guild != envelope.guild_id || settled.fingerprint != fingerprint {
        return Err(Rejection::IdReused.into());
    }
    serde_json::from_str(&settled.outcome).map(Some).map_err(ApiError::internal)
}

/// Looks at the inbox until the outcome is there or the time is over.
async fn watch(state: &ApiState, envelope: &CommandEnvelope, time: Duration) -> Result<Option<Outcome>, ApiError> {
    let deadline = Instant::now() + time;
    let mut pause = FIRST_LOOK;
    while Instant::now() < deadline {
        tokio::time::sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
        match outcome(state, envelope).await {
            Ok(Some(outcome)) => return Ok(Some(outcome)),
            // It was taken, so that "accepted" stays true while the store can't be asked.
            Ok(None) | Err(ApiError::Unavailable(..) | ApiError::Lost) => {}
            Err(error) => return Err(error),
        }
        pause = (pause * 3 / 2).min(LAST_LOOK);
    }
    Ok(None)
}

/// The outcome as the answer to who waited for it.
fn told(outcome: Outcome) -> Response {
    let (code, detail) = match outcome {
        Outcome::Applied { .. } => return axum::Json(outcome).into_response(),
        Outcome::Rejected { code, detail } => (code, detail),
    };
    match Rejection::from_code(&code) {
        Some(rejection) => ApiError::Refused(rejection, detail),
        None => ApiError::Conflict(("rejected", detail.into())),
    }
    .into_response()
}

/// The id of a submission that a command makes.
pub(crate) fn submission_of(command: CommandId) -> SubmissionId {
    SubmissionId::derived(command.uuid(), "submission")
}
