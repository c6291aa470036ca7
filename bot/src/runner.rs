//! Owns the order of an interaction: the first response goes out, and only when Discord has it does the rest follow.

use std::{sync::Arc, time::Duration};

use messages::trace::TraceParent;
use serenity::all::Interaction;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::{
    answer::{Answers, Caller, Place},
    discord::{Discord, DiscordError, code},
    handle::{self, Deps, Handled, Then},
    interaction::Invocation,
    publish::Publisher,
    reply::First,
};

/// Interactions in hand at once.
const AT_ONCE: usize = 256;
/// How long an interaction waits for its turn; Discord gives up after three seconds.
const TURN: Duration = Duration::from_millis(2_500);

/// Runs interactions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    pub(crate) deps: Deps,
    pub(crate) discord: Discord,
    publisher: Publisher,
    answers: Answers,
    turns: Arc<Semaphore>,
}

impl Runner {
    pub(crate) fn new(deps: Deps, publisher: Publisher, answers: Answers) -> Self {
        Self { deps, discord: answers.discord.clone(), publisher, answers, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Answers an interaction to its end.
    pub(crate) async fn run(&self, interaction: Interaction) {
        let Some(invocation) = Invocation::read(interaction) else { return };
        let label = invocation.label();
        let Ok(Ok(_turn)) = tokio::time::timeout(TURN, self.turns.acquire()).await else {
            tracing::warn!(command = label, "too many interactions at once; one got no answer");
            count(label, "overload");
            return;
        };
        let trace = TraceParent::of(handle::command_id(&invocation).uuid());
        let span = tracing::info_span!(
            "interaction", command = label, trace.id = trace.trace_id(),
            guild.id = invocation.guild.map(tracing::field::display), user.id = %invocation.user,
        );
        let outcome = self.answer(invocation).instrument(span).await;
        count(label, outcome);
    }

    async fn answer(&self, invocation: Invocation) -> &'static str {
        let Handled { first, then } = handle::handle(invocation.clone(), &self.deps).await;
        let response = first.to_json();
        let mut sent = self.discord.respond(invocation.id, &invocation.token.0, &response).await;
        if matches!(sent, Err(DiscordError::Unavailable(_))) {
            // Perhaps Discord has it. Then a repeat is "already acknowledged", by us.
            sent = match self.discord.respond(invocation.id, &invocation.token.0, &response).await {
                Err(error) if error.code() == Some(code::ALREADY_ACKNOWLEDGED) => Ok(()),
                sent => sent,
            };
        }
        match sent {
            Ok(()) => {}
            // Another session of ours was first, and does the rest.
            Err(error) if error.code() == Some(code::ALREADY_ACKNOWLEDGED) => return "taken",
            Err(error) if error.code() == Some(code::UNKNOWN_INTERACTION) => {
                tracing::warn!("an interaction expired before it was answered");
                return "expired";
            }
            // What would follow is left undone: the caller sees that nothing came, and a repeat is another interaction.
            Err(error) => {
                tracing::warn!(%error, "an interaction can't be answered");
                return "unanswered";
            }
        }
        let Some(then) = then else { return "answered" };
        match then.await {
            Then::Publish(envelope) => {
                self.publisher.publish_for(&envelope, &self.answers, Caller::of(&invocation)).await;
                "published"
            }
            Then::Edit(reply) => {
                // What only the caller may see never takes a place that everybody sees.
                let place = match first {
                    First::Defer { private: false } if reply.private => Place::InsteadOfFirst,
                    First::Acknowledge if reply.private => Place::New,
                    _ => Place::First,
                };
                let shown = self.answers.show(&Caller::of(&invocation), place, &reply).await;
                if shown { "answered" } else { "unanswered" }
            }
        }
    }
}

fn count(command: &'static str, outcome: &'static str) {
    metrics::counter!("guildhall_interactions_total", "command" => command, "outcome" => outcome).increment(1);
}
