//! What both engines do alike between a delivery and its settlement: batches, lonely redeliveries, panics, attempts.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use messages::topology::{MAX_ATTEMPTS, Queue};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{BrokerError, Outcome, Received};

/// Decides what becomes of messages.
pub trait Handler: Send + Sync + 'static {
    /// Handles a batch and answers with one outcome per message, in the same order.
    ///
    /// A failure of the infrastructure is awaited inside, keeping the batch. A panic or an answer of the wrong length
    /// repeats a batch one by one; for a single message it counts as a failed attempt. Cancelled only when the future
    /// of [`run`](crate::Broker::run) is dropped.
    fn handle(&self, batch: Vec<Received>) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// A handler that others look at while it runs.
impl<H: Handler> Handler for Arc<H> {
    fn handle(&self, batch: Vec<Received>) -> impl Future<Output = Vec<Outcome>> + Send {
        H::handle(self, batch)
    }
}

/// How a consumer takes its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// The most messages in one batch, at least 1.
    pub max_batch: usize,
    /// How long a batch waits for more after its first message.
    pub linger: Duration,
    /// How many messages RabbitMQ hands out ahead, at least 1; the embedded queue claims only what is handled next.
    pub prefetch: u16,
    /// How many batches are handled at the same time, at least 1.
    pub concurrency: usize,
}

impl Default for RunOptions {
    /// One message at a time.
    fn default() -> Self {
        Self { max_batch: 1, linger: Duration::ZERO, prefetch: 20, concurrency: 1 }
    }
}

impl RunOptions {
    pub(crate) fn check(&self) -> Result<(), BrokerError> {
        if self.max_batch == 0 || self.prefetch == 0 || self.concurrency == 0 {
            return Err(BrokerError::Config("max_batch, prefetch and concurrency must be at least 1".into()));
        }
        Ok(())
    }
}

/// How long a lost session waits for what is in hand, so that it's rarely handled twice at the same time.
const FINISH: Duration = Duration::from_secs(5);

/// A message with what its engine needs to settle it.
#[derive(Debug)]
pub(crate) struct Delivery<T> {
    pub(crate) tag: T,
    pub(crate) received: Received,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    Retry { why: String },
    Dead { why: String },
    Release,
}

impl Verdict {
    fn label(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::Dead { .. } => "dead",
            Self::Release => "released",
        }
    }
}

/// One stretch of consuming: a connection's life, or a claim on the embedded queue.
pub(crate) trait Session: Send {
    /// How the engine recognises a delivery.
    type Tag: Send + 'static;
    /// What settles its deliveries.
    type Settler: Settler<Tag = Self::Tag>;

    /// Waits for messages and returns between 1 and `limit`. Cancelling it must lose nothing.
    fn receive(&mut self, limit: usize) -> impl Future<Output = Result<Vec<Delivery<Self::Tag>>, Lost>> + Send;

    /// Stops taking messages; what is in hand can still be settled.
    fn stop(&mut self) -> impl Future<Output = ()> + Send;

    /// Something that settles deliveries and may outlive the borrow of the session.
    fn settler(&self) -> Arc<Self::Settler>;
}

/// Carries out verdicts. What can't be carried out because the session is lost is redelivered.
pub(crate) trait Settler: Send + Sync + 'static {
    /// As in [`Session`].
    type Tag: Send + 'static;

    /// Carries out the verdicts, durably before it returns where the session still lives.
    fn settle(&self, verdicts: Vec<(Delivery<Self::Tag>, Verdict)>) -> impl Future<Output = ()> + Send;
}

/// Why a session ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) String);

/// Runs a session until shutdown (`Ok`), with nothing in hand afterwards, or until it is lost.
///
/// `in_hand` outlives the session: a handler that is stuck when it is lost keeps its place among the concurrent ones,
/// but doesn't keep the next session from beginning. What it has in hand is redelivered meanwhile.
pub(crate) async fn run_session<S: Session, H: Handler>(
    session: &mut S,
    queue: Queue,
    options: &RunOptions,
    shutdown: &CancellationToken,
    handler: &Arc<H>,
    in_hand: &mut JoinSet<()>,
) -> Result<(), Lost> {
    let settler = session.settler();
    let mut waiting = Waiting::default();
    let end = loop {
        while in_hand.try_join_next().is_some() {}
        let batch = tokio::select! {
            biased;
            () = shutdown.cancelled() => break Ok(()),
            batch = async {
                while in_hand.len() >= options.concurrency {
                    in_hand.join_next().await;
                }
                waiting.collect(session, options).await
            } => batch,
        };
        match batch {
            Ok(batch) => {
                in_hand.spawn(process(Arc::clone(handler), Arc::clone(&settler), queue, batch));
            }
            Err(lost) => break Err(lost),
        }
    };
    if end.is_ok() {
        session.stop().await;
        finish(in_hand).await;
    } else if tokio::time::timeout(FINISH, finish(in_hand)).await.is_err() {
        tracing::warn!(queue = queue.name(), batches = in_hand.len(), "a consumer goes on with batches in hand");
    }
    settle(&*settler, queue, waiting.rest().map(|delivery| (delivery, Verdict::Release)).collect()).await;
    end
}

/// Waits for what is in hand.
pub(crate) async fn finish(in_hand: &mut JoinSet<()>) {
    while in_hand.join_next().await.is_some() {}
}

/// Messages received but in no batch yet.
struct Waiting<T> {
    /// Redelivered: each runs alone, before anything else.
    suspects: VecDeque<Delivery<T>>,
    fresh: VecDeque<Delivery<T>>,
    /// When the batch at hand must go.
    due: Option<Instant>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { suspects: VecDeque::new(), fresh: VecDeque::new(), due: None }
    }
}

impl<T: Send + 'static> Waiting<T> {
    /// The next batch. Cancelling it loses nothing.
    async fn collect<S: Session<Tag = T>>(
        &mut self,
        session: &mut S,
        options: &RunOptions,
    ) -> Result<Vec<Delivery<T>>, Lost> {
        loop {
            if let Some(suspect) = self.suspects.pop_front() {
                return Ok(vec![suspect]);
            }
            let room = options.max_batch.saturating_sub(self.fresh.len());
            let received = match self.due {
                _ if room == 0 => return Ok(self.take(options)),
                None => session.receive(room).await?,
                Some(due) => match tokio::time::timeout_at(due, session.receive(room)).await {
                    Ok(received) => received?,
                    Err(_) => return Ok(self.take(options)),
                },
            };
            for delivery in received {
                if delivery.received.redelivered {
                    self.suspects.push_back(delivery);
                } else {
                    self.due.get_or_insert_with(|| Instant::now() + options.linger);
                    self.fresh.push_back(delivery);
                }
            }
        }
    }

    fn take(&mut self, options: &RunOptions) -> Vec<Delivery<T>> {
        self.due = None;
        self.fresh.drain(..self.fresh.len().min(options.max_batch)).collect()
    }

    fn rest(self) -> impl Iterator<Item = Delivery<T>> {
        self.suspects.into_iter().chain(self.fresh)
    }
}

/// Handles one batch to the end.
async fn process<H: Handler, S: Settler>(handler: Arc<H>, settler: Arc<S>, queue: Queue, batch: Vec<Delivery<S::Tag>>) {
    let received = batch.iter().map(|delivery| delivery.received.clone()).collect();
    match attempt(&*handler, received).await {
        Ok(outcomes) => {
            let verdicts = batch.into_iter().zip(outcomes).map(|(delivery, outcome)| {
                let verdict = judge(delivery.received.attempt, outcome);
                (delivery, verdict)
            });
            settle(&*settler, queue, verdicts.collect()).await;
        }
        Err(why) => {
            tracing::error!(queue = queue.name(), size = batch.len(), why, "a handler failed on a batch");
            let alone = batch.len() == 1;
            for delivery in batch {
                let outcome = if alone {
                    Outcome::Retry { why: why.into() }
                } else {
                    let answer = attempt(&*handler, vec![delivery.received.clone()]).await;
                    answer
                        .map_or_else(|why| Some(Outcome::Retry { why: why.into() }), |mut one| one.pop())
                        .unwrap_or(Outcome::Release)
                };
                let verdict = judge(delivery.received.attempt, outcome);
                settle(&*settler, queue, vec![(delivery, verdict)]).await;
            }
        }
    }
}

/// Calls the handler; a panic or an answer of the wrong length is an error with its reason.
async fn attempt<H: Handler>(handler: &H, batch: Vec<Received>) -> Result<Vec<Outcome>, &'static str> {
    let expected = batch.len();
    // The handler is shared across calls anyway, so it has to cope with its own broken invariants.
    let call = AssertUnwindSafe(async { handler.handle(batch).await });
    match call.catch_unwind().await {
        Ok(outcomes) if outcomes.len() == expected => Ok(outcomes),
        Ok(_) => Err("the handler answered for another number of messages"),
        Err(_) => Err("the handler panicked"),
    }
}

fn judge(attempt: u32, outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Done => Verdict::Done,
        Outcome::Retry { why } if attempt >= MAX_ATTEMPTS => Verdict::Dead { why },
        Outcome::Retry { why } => Verdict::Retry { why },
        Outcome::Reject { why } => Verdict::Dead { why },
        Outcome::Release => Verdict::Release,
    }
}

async fn settle<S: Settler>(settler: &S, queue: Queue, verdicts: Vec<(Delivery<S::Tag>, Verdict)>) {
    if verdicts.is_empty() {
        return;
    }
    let mut counts = BTreeMap::new();
    for (_, verdict) in &verdicts {
        *counts.entry(verdict.label()).or_insert(0) += 1;
    }
    for (outcome, count) in counts {
        metrics::counter!("guildhall_consumed_total", "queue" => queue.name(), "outcome" => outcome).increment(count);
    }
    settler.settle(verdicts).await;
}
