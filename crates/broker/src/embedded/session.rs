//! A consumer's side of the embedded queue: claims messages from the writer and settles them.

use std::{sync::Arc, time::Duration};

use messages::topology::Queue;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    command::{Claimed, Command, Settlement, ask},
    shared::Shared,
};
use crate::{
    BrokerError,
    backoff::Backoff,
    runner::{Delivery, Lost, Session, Settler, Verdict},
};

/// How often a consumer looks without being woken: another process may have redriven something.
const POLL: Duration = Duration::from_secs(1);

/// A claimed message. Dropped without being settled, it is delivered again, alone.
#[derive(Debug)]
pub(super) struct Claim {
    id: i64,
    queue: Queue,
    shared: Option<Arc<Shared>>,
}

impl Claim {
    pub(super) fn new(id: i64, queue: Queue, shared: Arc<Shared>) -> Self {
        Self { id, queue, shared: Some(shared) }
    }

    fn settled(mut self) {
        self.shared = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.abandon(self.queue, self.id);
        }
    }
}

type ClaimAnswer = oneshot::Receiver<Result<Claimed, BrokerError>>;

/// See the module.
pub(super) struct ClaimSession {
    queue: Queue,
    commands: mpsc::Sender<Command>,
    changes: watch::Receiver<()>,
    /// A claim under way, kept so that cancelling `receive` loses nothing.
    claiming: Option<ClaimAnswer>,
    settler: Arc<ClaimSettler>,
}

impl ClaimSession {
    pub(super) fn new(
        queue: Queue,
        commands: mpsc::Sender<Command>,
        shared: &Shared,
        shutdown: CancellationToken,
    ) -> Self {
        let settler = Arc::new(ClaimSettler { queue, commands: commands.clone(), shutdown });
        Self { queue, commands, changes: shared.changes(queue), claiming: None, settler }
    }
}

impl Session for ClaimSession {
    type Tag = Claim;
    type Settler = ClaimSettler;

    async fn receive(&mut self, limit: usize) -> Result<Vec<Delivery<Claim>>, Lost> {
        loop {
            let answer = match &mut self.claiming {
                Some(answer) => answer,
                none => {
                    let slot = self.commands.reserve().await.map_err(|_| Lost("closed".into()))?;
                    // From here on a wake-up counts: the claim may look before what it tells of is committed.
                    self.changes.borrow_and_update();
                    let (reply, answer) = oneshot::channel();
                    slot.send(Command::Claim { queue: self.queue, limit, reply });
                    none.insert(answer)
                }
            };
            let claimed = answer.await;
            self.claiming = None;
            let claimed = claimed.map_err(|_| Lost("closed".into()))?.map_err(|error| Lost(error.to_string()))?;
            if !claimed.deliveries.is_empty() {
                return Ok(claimed.deliveries);
            }
            let pause = claimed.next_due.unwrap_or(POLL).min(POLL);
            tokio::select! {
                changed = self.changes.changed() => changed.map_err(|_| Lost("closed".into()))?,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn stop(&mut self) {
        let Some(answer) = self.claiming.take() else { return };
        if let Ok(Ok(claimed)) = answer.await {
            let released = claimed.deliveries.into_iter().map(|delivery| (delivery, Verdict::Release));
            self.settler.settle(released.collect()).await;
        }
    }

    fn settler(&self) -> Arc<ClaimSettler> {
        Arc::clone(&self.settler)
    }
}

/// Hands verdicts to the writer, and keeps trying while the file can't be written.
pub(super) struct ClaimSettler {
    queue: Queue,
    commands: mpsc::Sender<Command>,
    shutdown: CancellationToken,
}

impl Settler for ClaimSettler {
    type Tag = Claim;

    async fn settle(&self, verdicts: Vec<(Delivery<Claim>, Verdict)>) {
        let mut claims = Vec::with_capacity(verdicts.len());
        let mut settlements = Vec::with_capacity(verdicts.len());
        for (delivery, verdict) in verdicts {
            settlements.push(Settlement { id: delivery.tag.id, attempt: delivery.received.attempt, verdict });
            claims.push(delivery.tag);
        }
        let mut backoff = Backoff::nearby();
        loop {
            let request = settlements.clone();
            let settled =
                ask(&self.commands, |reply| Command::Settle { queue: self.queue, settlements: request, reply });
            match settled.await {
                Ok(()) => {
                    claims.into_iter().for_each(Claim::settled);
                    return;
                }
                // Dropping the claims delivers the messages again, at the latest after the next start.
                Err(BrokerError::Closed) => return,
                Err(error) => {
                    tracing::warn!(queue = self.queue.name(), %error, "can't settle messages; trying again");
                    if self.shutdown.is_cancelled() {
                        return;
                    }
                    tokio::time::sleep(backoff.step()).await;
                }
            }
        }
    }
}
