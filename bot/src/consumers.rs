//! Owns the consumers of events: what the worker decided is brought to Discord. One file per queue.
//!
//! A failure of the API, of Discord or of the broker never costs a message a try. It's waited out with a patience of its
//! own, so that one event that can't be done holds nothing else up; a shutdown gives the message back.

mod effect;
mod notices;
mod replies;
mod roles;

use std::time::Duration;

use broker::{Backoff, Broker, Handler, Outcome, PublishError, Received, RunOptions};
use client::{Client, ClientError};
use domain::Clock;
use messages::{
    event::{Event, EventEnvelope},
    topology::Queue,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
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
        // Many at once: a reply that can't be shown yet keeps its place.
        broker.run(Queue::BotReplies, options(64), shutdown.clone(), One(replies::Replies(cx.clone()))),
        broker.run(Queue::BotRoles, options(4), shutdown.clone(), One(roles::consumer(cx.clone()))),
        broker.run(Queue::BotMessages, options(4), shutdown.clone(), One(notices::consumer(cx))),
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

/// Why an attempt at an event ended early.
enum Halt {
    /// There's nothing more to do about the event than this.
    Settled(Outcome),
    /// It can't be done now.
    Passing(String),
}

impl From<Outcome> for Halt {
    fn from(outcome: Outcome) -> Self {
        Self::Settled(outcome)
    }
}

impl From<ClientError> for Halt {
    fn from(error: ClientError) -> Self {
        Self::Passing(error.to_string())
    }
}

impl From<DiscordError> for Halt {
    fn from(error: DiscordError) -> Self {
        Self::Passing(error.to_string())
    }
}

impl From<PublishError> for Halt {
    fn from(error: PublishError) -> Self {
        Self::Passing(error.to_string())
    }
}

/// How long an event is tried, with growing pauses.
struct Patience {
    until: Instant,
    backoff: Backoff,
}

impl Patience {
    fn of(patience: Duration) -> Self {
        Self { until: Instant::now() + patience, backoff: Backoff::nearby() }
    }

    /// Pauses before another attempt. An `Err` is the outcome for the event: `spent` when patience is at its end, or a
    /// shutdown came.
    async fn pause(&mut self, why: &str, spent: Outcome, shutdown: &CancellationToken) -> Result<(), Outcome> {
        if Instant::now() >= self.until {
            tracing::warn!(why, "an event is left for later");
            return Err(spent);
        }
        tracing::warn!(why, "waiting to bring an event to Discord");
        if self.backoff.pause(shutdown).await { Ok(()) } else { Err(Outcome::Release) }
    }
}

/// Discord's no.
struct Refusal {
    code: i64,
    message: String,
}

/// Tells Discord's no from what will pass.
fn answered<T>(result: Result<T, DiscordError>) -> Result<Result<T, Refusal>, Halt> {
    match result {
        Ok(answer) => Ok(Ok(answer)),
        Err(DiscordError::Refused { code, message, .. }) => Ok(Err(Refusal { code, message })),
        Err(error) => Err(error.into()),
    }
}
