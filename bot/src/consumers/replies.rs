//! `bot.replies`: outcomes, shown where somebody waits for them.

use broker::Outcome;
use messages::{
    event::{Event, EventEnvelope, OutcomeV1},
    topology::MAX_ATTEMPTS,
};

use super::{Consumer, Cx, misplaced};
use crate::{discord::code, reply::Reply, text};

/// The consumer.
pub(super) struct Replies(pub(super) Cx);

impl Consumer for Replies {
    async fn consume(&self, envelope: EventEnvelope, attempt: u32) -> Outcome {
        match envelope.event {
            Event::Outcome(outcome) => self.show(outcome, attempt).await.unwrap_or_else(|outcome| outcome),
            other => misplaced(&other),
        }
    }
}

impl Replies {
    async fn show(&self, outcome: OutcomeV1, attempt: u32) -> Result<Outcome, Outcome> {
        let OutcomeV1 { command_id, reply, outcome } = outcome;
        let application = match reply.application_id.parse() {
            Ok(application) if application != 0 => application,
            _ => return Ok(Outcome::Reject { why: "the application's id is no number".into() }),
        };
        if self.expired(&reply.expires_at) {
            tracing::info!(command.id = %command_id, "an outcome came after its interaction had expired");
            return Ok(Outcome::Done);
        }
        let message = Reply::private(text::outcome(&outcome)).to_json();
        let shown = self.0.asking(|| async {
            if self.expired(&reply.expires_at) {
                return Ok(());
            }
            self.0.discord.edit_reply(application, &reply.token, &message).await
        });
        match shown.await? {
            Ok(()) => Ok(Outcome::Done),
            // The first response isn't there yet, or never will be: nobody needs a dead letter to say that.
            Err(refusal) if refusal.code == code::UNKNOWN_WEBHOOK && attempt < MAX_ATTEMPTS => {
                Ok(Outcome::Retry { why: "the interaction has no first response yet".into() })
            }
            Err(refusal) => {
                tracing::info!(
                    command.id = %command_id, code = refusal.code, message = refusal.message,
                    "an outcome can't be shown any more"
                );
                Ok(Outcome::Done)
            }
        }
    }

    fn expired(&self, at: &domain::Timestamp) -> bool {
        self.0.clock.now() >= *at
    }
}
