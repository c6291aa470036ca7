//! Owns the `scoring` queue's handler: decodes, groups, repeats what failed for reasons that pass, and says what becomes
//! of each message.

use std::{collections::HashSet, time::Duration};

use broker::{Handler, Outcome, Received};
use domain::CommandId;
use messages::{
    command::{Command, CommandEnvelope},
    topology::MAX_ATTEMPTS,
};
use store::StoreError;
use tracing::{Instrument, info_span, warn};

use crate::{Context, batch, singles};

/// How long a transaction may take before its connection is given up: one that was cut silently never answers.
const ATTEMPT: Duration = Duration::from_secs(60);

/// A command in hand.
#[derive(Debug, Clone)]
pub(crate) struct InHand {
    pub envelope: CommandEnvelope,
    pub fingerprint: [u8; 32],
    /// Whether it comes back no more when it can't be done yet.
    pub last_try: bool,
}

/// What became of a command in a committed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It has its outcome.
    Done,
    /// What it is about isn't there yet: come back later.
    NotYet(&'static str),
    /// It voids a submission that isn't there: that takes the whole guild's books, so it is done alone.
    VoidUnknown,
}

/// Handles the `scoring` queue.
pub(crate) struct Scoring {
    context: Context,
}

impl Scoring {
    pub(crate) const fn new(context: Context) -> Self {
        Self { context }
    }

    /// Does the work until it succeeds, fails for a reason of its own, or the worker shuts down (`None`).
    async fn persist<T, F>(&self, work: impl Fn() -> F) -> Option<Result<T, StoreError>>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = Duration::from_millis(20);
        let mut told = false;
        loop {
            match tokio::time::timeout(ATTEMPT, work()).await {
                Err(_) => warn!(seconds = ATTEMPT.as_secs(), "the store does not answer; trying anew"),
                Ok(Err(error)) if error.is_transient() => {
                    if matches!(error, StoreError::Unavailable(_)) && !told {
                        warn!(
                            error = &error as &dyn std::error::Error,
                            "the store is away; the batch is kept until it is back"
                        );
                        told = true;
                    }
                }
                Ok(result) => return Some(result),
            }
            tokio::select! {
                () = self.context.shutdown.cancelled() => return None,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(1)),
            }
        }
    }

    /// Applies a group in one transaction, or one by one when the whole fails for a reason in one of them.
    async fn group(&self, commands: &[InHand]) -> Vec<Outcome> {
        match self.persist(|| batch::apply(&self.context, commands)).await {
            None => vec![Outcome::Release; commands.len()],
            Some(Ok(settled)) => {
                let mut outcomes = Vec::with_capacity(settled.len());
                for (command, settled) in commands.iter().zip(settled) {
                    outcomes.push(match settled {
                        Settled::Done => Outcome::Done,
                        Settled::NotYet(why) => Outcome::Retry { why: why.into() },
                        Settled::VoidUnknown => self.alone(command).await,
                    });
                }
                outcomes
            }
            Some(Err(error)) if commands.len() == 1 => vec![failed(&commands[0], &error)],
            Some(Err(error)) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    commands = commands.len(),
                    "a batch failed; redoing it one by one"
                );
                let mut outcomes = Vec::with_capacity(commands.len());
                for command in commands {
                    outcomes.extend(Box::pin(self.group(std::slice::from_ref(command))).await);
                }
                outcomes
            }
        }
    }

    /// Applies one command in a transaction of its own.
    async fn alone(&self, command: &InHand) -> Outcome {
        match self.persist(|| singles::apply(&self.context, command)).await {
            None => Outcome::Release,
            Some(Ok(())) => Outcome::Done,
            Some(Err(error)) => failed(command, &error),
        }
    }
}

fn failed(command: &InHand, error: &StoreError) -> Outcome {
    let envelope = &command.envelope;
    warn!(
        error = error as &dyn std::error::Error,
        command.id = %envelope.id,
        command.kind = envelope.command.kind(),
        guild.id = %envelope.guild_id,
        trace.id = envelope.traceparent.trace_id(),
        "a command failed by itself"
    );
    Outcome::Retry { why: error.to_string() }
}

impl Handler for Scoring {
    async fn handle(&self, batch: Vec<Received>) -> Vec<Outcome> {
        let span = info_span!("batch", commands = batch.len());
        async move {
            let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.len()];
            let mut waiting: Vec<(usize, InHand)> = Vec::with_capacity(batch.len());
            for (at, received) in batch.iter().enumerate() {
                match decode(received) {
                    Ok(command) => waiting.push((at, command)),
                    Err(why) => outcomes[at] = Some(Outcome::Reject { why }),
                }
            }
            // A deed that is in the batch twice is done in two rounds, so that the second finds the first done.
            while !waiting.is_empty() {
                let mut seen: HashSet<CommandId> = HashSet::with_capacity(waiting.len());
                let (round, later): (Vec<_>, Vec<_>) =
                    waiting.into_iter().partition(|(_, command)| seen.insert(command.envelope.id));
                waiting = later;
                let (group, alone): (Vec<_>, Vec<_>) = round.into_iter().partition(|(_, c)| is_on_submission(c));
                let (places, commands): (Vec<usize>, Vec<InHand>) = group.into_iter().unzip();
                if !commands.is_empty() {
                    for (at, outcome) in places.into_iter().zip(self.group(&commands).await) {
                        outcomes[at] = Some(outcome);
                    }
                }
                for (at, command) in alone {
                    outcomes[at] = Some(self.alone(&command).await);
                }
            }
            outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Release)).collect()
        }
        .instrument(span)
        .await
    }
}

fn is_on_submission(command: &InHand) -> bool {
    match command.envelope.command {
        Command::Submit(_) | Command::Review(_) | Command::Correct(_) | Command::Void(_) => true,
        Command::ActivateLadder(_)
        | Command::CloseSeason(_)
        | Command::ReportEffect(_)
        | Command::RefreshEffects(_) => false,
    }
}

/// Reads a command; what can't be read never can be.
fn decode(received: &Received) -> Result<InHand, String> {
    let envelope: CommandEnvelope =
        serde_json::from_slice(&received.body).map_err(|error| format!("not a command this version knows: {error}"))?;
    if envelope.id.uuid() != received.id {
        return Err("the message's id is not its command's".into());
    }
    let fingerprint = envelope.fingerprint().map_err(|error| error.to_string())?;
    let command = InHand { envelope, fingerprint, last_try: received.attempt >= MAX_ATTEMPTS };
    if is_on_submission(&command) && command.envelope.actor.user_id.is_none() {
        return Err("a command on a submission needs an actor".into());
    }
    Ok(command)
}
