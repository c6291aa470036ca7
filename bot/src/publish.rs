//! Owns how commands reach the broker, and what the caller is told when that isn't certain. The only place, with
//! the consumers, that knows the broker.

use broker::{Backoff, Broker, Message, PublishError};
use client::Client;
use domain::{Clock, CommandId, GuildId};
use messages::{
    command::{ActorRef, Command, CommandEnvelope, Via},
    trace::TraceParent,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    answer::{Answers, Caller, Place},
    reply::Reply,
    text,
};

/// Publishes commands. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    broker: Broker,
    api: Client,
    clock: Clock,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// A shutdown came before it was certain that a command was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShutDown;

impl Publisher {
    pub(crate) fn new(
        broker: Broker,
        api: Client,
        clock: Clock,
        tasks: TaskTracker,
        shutdown: CancellationToken,
    ) -> Self {
        Self { broker, api, clock, tasks, shutdown }
    }

    /// Publishes a command that an interaction waits for. Taken: its outcome will edit the reply. Not taken: the
    /// caller is told. Unknown: the caller is told so, and the same command is repeated until it's known.
    pub(crate) async fn publish_for(&self, envelope: &CommandEnvelope, answers: &Answers, caller: Caller) {
        let Some(message) = message(envelope) else { return tell(answers, &caller, text::NOT_TAKEN).await };
        match self.broker.publish(&message).await {
            Ok(()) => {}
            Err(PublishError::Refused(why)) => {
                tracing::warn!(guild.id = %envelope.guild_id, command.id = %envelope.id, why, "a command was not taken");
                tell(answers, &caller, text::NOT_TAKEN).await;
            }
            Err(PublishError::Unknown(why)) => {
                tracing::warn!(
                    guild.id = %envelope.guild_id, command.id = %envelope.id, why,
                    "it's unknown whether a command was taken; repeating it"
                );
                let repeat = Repeat { message, guild: envelope.guild_id, caller };
                self.tasks.spawn(self.clone().repeat(repeat, answers.clone()));
            }
        }
    }

    async fn repeat(self, repeat: Repeat, answers: Answers) {
        answers.mention(&repeat.caller, &Reply::private(text::STILL_WORKING)).await;
        let mut backoff = Backoff::nearby();
        while backoff.pause(&self.shutdown).await {
            match self.broker.publish(&repeat.message).await {
                Ok(()) => return self.show_outcome(&repeat, &answers).await,
                // This try surely wasn't taken, but the first may have been: only a confirm makes it certain.
                Err(PublishError::Refused(_) | PublishError::Unknown(_))
                    if self.clock.now() < repeat.caller.until() => {}
                Err(error) => {
                    tracing::error!(
                        guild.id = %repeat.guild, command.id = %repeat.message.id, %error,
                        "gave up finding out whether a command was taken: its interaction has expired"
                    );
                    return;
                }
            }
        }
        tell(&answers, &repeat.caller, text::GAVE_UP).await;
    }

    /// The first try may have been taken, and its outcome shown, before "still working" was written over it. So the
    /// outcome is asked for as well.
    async fn show_outcome(&self, repeat: &Repeat, answers: &Answers) {
        let api = self.api.guild(repeat.guild);
        let mut backoff = Backoff::nearby();
        while backoff.pause(&self.shutdown).await && self.clock.now() < repeat.caller.until() {
            if let Ok(outcome) = api.outcome(CommandId::new(repeat.message.id)).await {
                return tell(answers, &repeat.caller, &text::outcome(&outcome)).await;
            }
        }
    }

    /// A command of Guildhall's own.
    pub(crate) fn of_system(
        &self,
        id: CommandId,
        guild_id: GuildId,
        traceparent: TraceParent,
        command: Command,
    ) -> CommandEnvelope {
        let actor = ActorRef { user_id: None, via: Via::System };
        CommandEnvelope { id, guild_id, actor, accepted_at: self.clock.now(), traceparent, reply: None, command }
    }

    /// Publishes once; `Ok` when it's certain that the command was taken.
    pub(crate) async fn publish(&self, envelope: &CommandEnvelope) -> Result<(), PublishError> {
        match message(envelope) {
            Some(message) => self.broker.publish(&message).await,
            None => Err(PublishError::Refused("it can't be written".into())),
        }
    }

    /// Publishes until it's certain that the command was taken.
    pub(crate) async fn publish_surely(&self, envelope: &CommandEnvelope) -> Result<(), ShutDown> {
        let Some(message) = message(envelope) else { return Ok(()) };
        let mut backoff = Backoff::nearby();
        loop {
            match self.broker.publish(&message).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::warn!(guild.id = %envelope.guild_id, command.id = %envelope.id, %error, "publishing again");
                    if !backoff.pause(&self.shutdown).await {
                        return Err(ShutDown);
                    }
                }
            }
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// A command to repeat, and whom to tell.
struct Repeat {
    message: Message,
    guild: GuildId,
    caller: Caller,
}

/// A command as the broker carries it.
fn message(envelope: &CommandEnvelope) -> Option<Message> {
    match serde_json::to_vec(envelope) {
        Ok(body) => Some(Message {
            id: envelope.id.uuid(),
            route: envelope.route(),
            kind: envelope.command.kind().to_owned(),
            body: body.into(),
        }),
        Err(error) => {
            tracing::error!(guild.id = %envelope.guild_id, command.id = %envelope.id, %error, "a command can't be written");
            None
        }
    }
}

async fn tell(answers: &Answers, caller: &Caller, content: &str) {
    answers.show(caller, Place::First, &Reply::private(content)).await;
}
