//! Owns the consumers of events: what the worker decided is brought to Discord. One file per queue.
//!
//! A failure of the API, of Discord or of the broker is waited out here and never costs a message a try; a shutdown
//! gives the message back.

mod notices;
mod replies;
mod roles;

use broker::{Broker, Handler, Outcome, Received, RunOptions};
use client::{Client, ClientError};
use domain::{Clock, CommandId, EffectId, GuildId};
use messages::{
    command::Command,
    effect::{EffectOrder, EffectReport, EffectResult, EffectState, ParkReason},
    event::{EffectWantedV1, Event, EventEnvelope},
    topology::Queue,
    trace::TraceParent,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    backoff::Backoff,
    discord::{Discord, DiscordError},
    publish::Publisher,
};

/// What consumers need.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) api: Client,
    pub(crate) discord: Discord,
    pub(crate) publisher: Publisher,
    pub(crate) clock: Clock,
    pub(crate) shutdown: CancellationToken,
}

/// Runs all consumers until `shutdown`.
pub(crate) async fn run(broker: &Broker, cx: Cx, shutdown: CancellationToken) -> anyhow::Result<()> {
    let options = |concurrency: usize| RunOptions {
        prefetch: u16::try_from(concurrency * 2).unwrap_or(u16::MAX),
        concurrency,
        ..RunOptions::default()
    };
    tokio::try_join!(
        broker.run(Queue::BotReplies, options(16), shutdown.clone(), One(replies::Replies(cx.clone()))),
        broker.run(Queue::BotRoles, options(4), shutdown.clone(), One(roles::Roles::new(cx.clone()))),
        broker.run(Queue::BotMessages, options(4), shutdown.clone(), One(notices::Notices(cx))),
    )?;
    Ok(())
}

/// A consumer of one event at a time.
trait Consumer: Send + Sync + 'static {
    /// Does what the event asks for; `attempt` is 1 at first.
    fn consume(&self, envelope: EventEnvelope, attempt: u32) -> impl Future<Output = Outcome> + Send;
}

/// Lets a [`Consumer`] handle the broker's batches, which hold one message each.
struct One<C>(C);

impl<C: Consumer> Handler for One<C> {
    async fn handle(&self, batch: Vec<Received>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for received in batch {
            outcomes.push(match serde_json::from_slice::<EventEnvelope>(&received.body) {
                Ok(envelope) => {
                    let span = tracing::info_span!(
                        "event", kind = envelope.event.kind(), guild.id = %envelope.guild_id,
                        trace.id = envelope.traceparent.trace_id(), message.id = %received.id,
                    );
                    self.0.consume(envelope, received.attempt).instrument(span).await
                }
                Err(error) => Outcome::Reject { why: format!("not an event this bot knows: {error}") },
            });
        }
        outcomes
    }
}

/// An event that doesn't belong into the queue it came from.
fn misplaced(event: &Event) -> Outcome {
    Outcome::Reject { why: format!("{} doesn't belong here", event.kind()) }
}

/// Why something can't be done now.
enum Passing {
    Api(ClientError),
    Discord(DiscordError),
}

impl std::fmt::Display for Passing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Api(error) => error.fmt(f),
            Self::Discord(error) => error.fmt(f),
        }
    }
}

impl Cx {
    /// Pauses after a failure that will pass. An `Err` is the outcome for the message: a shutdown came.
    async fn wait_out(&self, backoff: &mut Backoff, why: &Passing) -> Result<(), Outcome> {
        tracing::warn!(%why, "waiting to bring an event to Discord");
        if backoff.pause(&self.shutdown).await { Ok(()) } else { Err(Outcome::Release) }
    }

    /// Calls Discord until it gives an answer: yes, or a refusal.
    async fn asking<T, F>(&self, call: impl Fn() -> F + Send) -> Result<Result<T, Refusal>, Outcome>
    where
        F: Future<Output = Result<T, DiscordError>> + Send,
        T: Send,
    {
        let mut backoff = Backoff::nearby();
        loop {
            match call().await {
                Ok(answer) => return Ok(Ok(answer)),
                Err(DiscordError::Refused { code, message, .. }) => return Ok(Err(Refusal { code, message })),
                Err(error @ (DiscordError::Unavailable(_) | DiscordError::TokenRefused)) => {
                    self.wait_out(&mut backoff, &Passing::Discord(error)).await?;
                }
            }
        }
    }

    /// What is to be done, read just before acting. `Err` is the outcome when there's nothing to do.
    async fn order(
        &self,
        guild: GuildId,
        wanted: &EffectWantedV1,
        trace: &TraceParent,
    ) -> Result<EffectOrder, Outcome> {
        let api = self.api.guild(guild).traced(trace);
        let mut backoff = Backoff::nearby();
        loop {
            match api.effect_order(wanted.effect_id).await {
                // Done or given up meanwhile, at this version or a later one.
                Ok(order) if matches!(order.state, EffectState::Done | EffectState::Dead) => return Err(Outcome::Done),
                Ok(order) => return Ok(order),
                Err(error) if error.status() == Some(404) => {
                    return Err(Outcome::Reject { why: format!("no such effect: {error}") });
                }
                Err(error) => self.wait_out(&mut backoff, &Passing::Api(error)).await?,
            }
        }
    }

    /// Tells the worker what came of an effect.
    async fn report(&self, guild: GuildId, trace: &TraceParent, report: EffectReport) -> Outcome {
        let EffectReport { effect_id, version, result } = &report;
        match result {
            EffectResult::Done { .. } => {
                tracing::info!(effect.id = %effect_id, version, "an effect is true in Discord")
            }
            EffectResult::Parked { reason, detail } => {
                tracing::warn!(effect.id = %effect_id, version, reason = reason.as_str(), detail, "an effect is parked");
            }
        }
        let id = report_id(&report);
        let envelope = self.publisher.of_system(id, guild, trace.clone(), Command::ReportEffect(report));
        match self.publisher.publish_surely(&envelope).await {
            Ok(()) => Outcome::Done,
            // Doing it again finds it done.
            Err(_) => Outcome::Release,
        }
    }
}

/// Discord's no.
struct Refusal {
    code: i64,
    message: String,
}

/// The report's own id: the same finding about the same version is one deed.
fn report_id(report: &EffectReport) -> CommandId {
    let EffectReport { effect_id, version, result } = report;
    let finding = match result {
        EffectResult::Done { external_id } => format!("done:{}", external_id.as_deref().unwrap_or_default()),
        EffectResult::Parked { reason, detail } => format!("parked:{}:{detail}", reason.as_str()),
    };
    CommandId::of_deed(&format!("report:{effect_id}:{version}:{finding}"))
}

fn parked(effect_id: EffectId, version: i64, reason: ParkReason, detail: String) -> EffectReport {
    EffectReport { effect_id, version, result: EffectResult::Parked { reason, detail } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_finding_is_one_deed_and_another_is_not() {
        let effect = EffectId::new(uuid::Uuid::nil());
        let done = |version, external_id| EffectReport {
            effect_id: effect,
            version,
            result: EffectResult::Done { external_id },
        };
        assert_eq!(report_id(&done(1, None)), report_id(&done(1, None)));
        let others = [
            done(2, None),
            done(1, Some("5".into())),
            parked(effect, 1, ParkReason::UnknownRole, "x".into()),
            parked(effect, 1, ParkReason::RoleAboveBot, "x".into()),
        ];
        for other in others {
            assert_ne!(report_id(&done(1, None)), report_id(&other));
        }
    }
}
