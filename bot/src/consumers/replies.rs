//! `bot.replies`: outcomes, shown where somebody waits for them.

use std::time::Duration;

use broker::Outcome;
use messages::{
    event::{Event, EventEnvelope, OutcomeV1},
    topology::MAX_ATTEMPTS,
};

use super::{Consumer, Cx, Halt, Patience, answered, misplaced};
use crate::{discord::code, reply::Reply, text};

/// How long one outcome is tried before it goes back to its queue, perhaps to another bot. Short enough for fairness,
/// and long enough that its fifteen minutes hold fewer deliveries than the broker allows.
const PATIENCE: Duration = Duration::from_secs(60);

/// The consumer.
pub(super) struct Replies(pub(super) Cx);

impl Consumer for Replies {
    async fn consume(&self, envelope: EventEnvelope, attempt: u32) -> Outcome {
        let outcome = match envelope.event {
            Event::Outcome(outcome) => outcome,
            other => return misplaced(&other),
        };
        let mut patience = Patience::of(PATIENCE);
        loop {
            match self.show(&outcome, attempt).await {
                Ok(()) => return Outcome::Done,
                Err(Halt::Settled(outcome)) => return outcome,
                Err(Halt::Passing(why)) => {
                    if let Err(outcome) = patience.pause(&why, Outcome::Release, &self.0.shutdown).await {
                        return outcome;
                    }
                }
            }
        }
    }
}

impl Replies {
    async fn show(&self, outcome: &OutcomeV1, attempt: u32) -> Result<(), Halt> {
        let OutcomeV1 { command_id, reply, outcome } = outcome;
        let application = match reply.application_id.parse() {
            Ok(application) if application != 0 => application,
            _ => return Err(Outcome::Reject { why: "the application's id is no number".into() }.into()),
        };
        if self.0.clock.now() >= reply.expires_at {
            tracing::info!(command.id = %command_id, "an outcome came after its interaction had expired");
            return Ok(());
        }
        let message = Reply::private(text::outcome(outcome)).to_json();
        match answered(self.0.discord.edit_reply(application, &reply.token, &message).await)? {
            Ok(()) => Ok(()),
            // The first response isn't there yet, or never will be: nobody needs a dead letter to say that.
            Err(refusal) if refusal.code == code::UNKNOWN_WEBHOOK && attempt < MAX_ATTEMPTS => {
                Err(Outcome::Retry { why: "the interaction has no first response yet".into() }.into())
            }
            Err(refusal) => {
                tracing::info!(
                    command.id = %command_id, code = refusal.code, message = refusal.message,
                    "an outcome can't be shown any more"
                );
                Ok(())
            }
        }
    }
}
