//! What the embedded queue's writer can be asked, and how its answer comes back.

use std::time::Duration;

use messages::topology::Queue;
use tokio::sync::{mpsc, oneshot};

use super::session::Claim;
use crate::{
    BrokerError, Message, PublishError, Redrive,
    runner::{Delivery, Verdict},
    ticket::Ticket,
};

pub(super) type Answer<T> = oneshot::Sender<Result<T, BrokerError>>;
pub(super) type Published = Vec<Result<(), PublishError>>;

/// What the writer can be asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Publish { messages: Vec<Message>, ticket: Ticket<Published> },
    Claim { queue: Queue, limit: usize, reply: Answer<Claimed> },
    Settle { queue: Queue, settlements: Vec<Settlement>, reply: Answer<()> },
    Redrive { queue: Queue, which: Redrive, reply: Answer<usize> },
    Purge { queue: Queue, reply: Answer<()> },
    Check { reply: Answer<()> },
}

/// Messages handed to a consumer.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) deliveries: Vec<Delivery<Claim>>,
    /// When nothing is ready: how long until a retry is due.
    pub(super) next_due: Option<Duration>,
}

/// A verdict on a claimed message.
#[derive(Debug, Clone)]
pub(super) struct Settlement {
    pub(super) id: i64,
    pub(super) attempt: u32,
    pub(super) verdict: Verdict,
}

/// Sends a command and waits for its answer.
pub(super) async fn ask<T>(
    commands: &mpsc::Sender<Command>,
    command: impl FnOnce(Answer<T>) -> Command,
) -> Result<T, BrokerError> {
    let (reply, answer) = oneshot::channel();
    commands.send(command(reply)).await.map_err(|_| BrokerError::Closed)?;
    answer.await.map_err(|_| BrokerError::Closed)?
}

/// Answers a command that was not begun.
pub(super) fn refuse(command: Command, error: &sqlx::Error) {
    let storage = || BrokerError::Storage(error.to_string());
    match command {
        Command::Publish { messages, ticket } => {
            ticket.answer(vec![Err(PublishError::Refused(error.to_string())); messages.len()]);
        }
        Command::Claim { reply, .. } => drop(reply.send(Err(storage()))),
        Command::Settle { reply, .. } | Command::Purge { reply, .. } | Command::Check { reply } => {
            drop(reply.send(Err(storage())));
        }
        Command::Redrive { reply, .. } => drop(reply.send(Err(storage()))),
    }
}
