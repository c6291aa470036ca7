//! The one task that writes the embedded queue's file. Commands that arrive together share a transaction; nobody is
//! answered before it is committed.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use messages::topology::Queue;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    command::{Answer, Claimed, Command, Published, Settlement, refuse},
    session::Claim,
    shared::Shared,
    statements,
};
use crate::{
    BrokerError, Message, PublishError, Received,
    runner::{Delivery, Verdict},
    ticket::Ticket,
};

/// The most commands in one transaction.
const GROUP: usize = 512;
/// SQLite's code for a full disk: the one failed commit that surely left nothing behind.
const SQLITE_FULL: i32 = 13;

/// How long a failed write counts against the health; after it somebody must try again to know.
const NOT_READY_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// How often a full queue is counted anew: it takes time, and only another process makes the count drift.
const COUNT_AGAIN: Duration = Duration::from_secs(1);

/// A command that was carried out, and is answered once the transaction is committed.
enum Applied {
    Published { messages: Vec<Message>, results: Published, ticket: Ticket<Published> },
    Claimed { queue: Queue, claimed: Vec<(i64, Received)>, next_due: Option<Duration>, reply: Answer<Claimed> },
    Settled { queue: Queue, ids: Vec<i64>, reply: Answer<()> },
    Redriven { queue: Queue, count: usize, reply: Answer<usize> },
    Answered { reply: Answer<()> },
}

impl Applied {
    /// Whether its success shows that the file can be written. A claim may have found nothing to change.
    fn writes(&self) -> bool {
        matches!(self, Self::Published { .. } | Self::Settled { .. })
    }
}

/// What consumers hold of one queue.
#[derive(Debug, Default, Clone)]
struct Hands {
    in_hand: HashSet<i64>,
    /// Handed out before without an outcome: each is claimed alone, before anything else.
    suspects: BTreeSet<i64>,
    /// Whether the file was searched for suspects of an earlier process, or of a rolled back claim.
    searched: bool,
}

/// See the module.
pub(super) struct Writer {
    db: SqliteConnection,
    shared: Arc<Shared>,
    hands: Vec<Hands>,
    /// Messages not dead. Another process may change it a little, so it is counted anew before it refuses anything.
    live: u64,
    counted: Instant,
    capacity: u64,
    /// When and why a transaction failed, if nothing was written since.
    failed: Option<(Instant, String)>,
}

impl Writer {
    pub(super) async fn new(mut db: SqliteConnection, shared: Arc<Shared>, capacity: u64) -> Result<Self, BrokerError> {
        let live = statements::count_live(&mut db).await?;
        Ok(Self {
            db,
            shared,
            hands: vec![Hands::default(); Queue::ALL.len()],
            live,
            counted: Instant::now(),
            capacity,
            failed: None,
        })
    }

    /// Serves until `closing`, or until nobody can ask any more.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        closing: CancellationToken,
        _closed: DropGuard,
    ) {
        let mut group = Vec::new();
        let mut open = true;
        loop {
            let received = tokio::select! {
                () = closing.cancelled(), if open => {
                    open = false;
                    commands.close();
                    continue;
                }
                received = commands.recv_many(&mut group, GROUP) => received,
            };
            if received == 0 {
                break;
            }
            self.commit_group(std::mem::take(&mut group)).await;
        }
        if let Err(error) = self.db.close().await {
            tracing::warn!(%error, "the embedded queue's file was not closed cleanly");
        }
    }

    async fn commit_group(&mut self, group: Vec<Command>) {
        let live = self.live;
        let mut applied = Vec::with_capacity(group.len());
        let mut outcome = sqlx::query("BEGIN IMMEDIATE").execute(&mut self.db).await.map(drop);
        let mut commands = group.into_iter();
        while outcome.is_ok()
            && let Some(command) = commands.next()
        {
            match self.apply(command).await {
                Ok(done) => applied.extend(done),
                Err((failed, error)) => {
                    applied.extend(failed);
                    outcome = Err(error);
                }
            }
        }
        let written = outcome.is_ok();
        if written {
            outcome = sqlx::query("COMMIT").execute(&mut self.db).await.map(drop);
        }
        match outcome {
            Ok(()) => {
                if applied.iter().any(Applied::writes) {
                    self.failed = None;
                }
                applied.into_iter().for_each(|done| self.finish(done));
            }
            Err(error) => {
                // After some errors SQLite has rolled back by itself and says so: nothing to learn from the result.
                drop(sqlx::query("ROLLBACK").execute(&mut self.db).await);
                self.live = live;
                let surely = !written || is_full(&error);
                // Once, however many fail until the next success.
                if self.failed.replace((Instant::now(), error.to_string())).is_none() {
                    tracing::error!(%error, commands = applied.len(), "the embedded queue's file can't be written");
                }
                applied.into_iter().for_each(|done| self.fail(done, &error, surely));
                commands.for_each(|command| refuse(command, &error));
            }
        }
    }

    /// Carries a command out inside the transaction. `Ok(None)`: its caller has given up before it began.
    async fn apply(&mut self, command: Command) -> Result<Option<Applied>, (Option<Applied>, sqlx::Error)> {
        match command {
            Command::Publish { ticket, .. } if !ticket.start() => Ok(None),
            Command::Publish { messages, ticket } => {
                let inserted = self.publish(&messages).await;
                let results = inserted.as_ref().map_or_else(|_| Vec::new(), Clone::clone);
                finish_with(inserted, Applied::Published { messages, results, ticket })
            }
            Command::Claim { reply, .. } if reply.is_closed() => Ok(None),
            Command::Claim { queue, limit, reply } => match self.claim(queue, limit).await {
                Ok((claimed, next_due)) => Ok(Some(Applied::Claimed { queue, claimed, next_due, reply })),
                Err(error) => {
                    Err((Some(Applied::Claimed { queue, claimed: Vec::new(), next_due: None, reply }), error))
                }
            },
            Command::Settle { queue, settlements, reply } => {
                let settled = self.settle(&settlements).await;
                let ids = settlements.into_iter().map(|settlement| settlement.id).collect();
                finish_with(settled, Applied::Settled { queue, ids, reply })
            }
            Command::Redrive { queue, which, reply } => {
                let redriven = statements::redrive(&mut self.db, queue, which).await;
                let count = *redriven.as_ref().unwrap_or(&0);
                self.live += count;
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                finish_with(redriven, Applied::Redriven { queue, count, reply })
            }
            Command::Purge { queue, reply } => {
                let purged = self.purge(queue).await;
                finish_with(purged, Applied::Answered { reply })
            }
            Command::Check { reply } => match &self.failed {
                Some((when, why)) if when.elapsed() < NOT_READY_AFTER_FAILURE => {
                    drop(reply.send(Err(BrokerError::Storage(why.clone()))));
                    Ok(None)
                }
                _ => Ok(Some(Applied::Answered { reply })),
            },
        }
    }

    async fn publish(&mut self, messages: &[Message]) -> Result<Published, sqlx::Error> {
        let mut queued = Vec::with_capacity(messages.len());
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            results.push(match (message.check(), message.route.queue()) {
                (Err(error), _) => Err(error),
                (_, None) if message.route.mandatory() => {
                    Err(PublishError::Refused("no queue takes this route".into()))
                }
                (_, None) => Ok(()),
                _ if self.is_full(queued.len() as u64).await? => {
                    Err(PublishError::Refused("the embedded queue is full".into()))
                }
                (_, Some(queue)) => {
                    queued.push((queue, message));
                    Ok(())
                }
            });
        }
        statements::insert(&mut self.db, &queued).await?;
        self.live += queued.len() as u64;
        Ok(results)
    }

    async fn is_full(&mut self, more: u64) -> Result<bool, sqlx::Error> {
        if self.live + more >= self.capacity && self.counted.elapsed() > COUNT_AGAIN {
            self.live = statements::count_live(&mut self.db).await?;
            self.counted = Instant::now();
        }
        Ok(self.live + more >= self.capacity)
    }

    async fn claim(
        &mut self,
        queue: Queue,
        limit: usize,
    ) -> Result<(Vec<(i64, Received)>, Option<Duration>), sqlx::Error> {
        let hands = &mut self.hands[queue.index()];
        if !hands.searched {
            let delivered = statements::delivered_before(&mut self.db, queue).await?;
            hands.suspects.extend(delivered.into_iter().filter(|id| !hands.in_hand.contains(id)));
            hands.searched = true;
        }
        for id in self.shared.take_abandoned(queue) {
            hands.in_hand.remove(&id);
            hands.suspects.insert(id);
        }
        let mut claimed = Vec::new();
        while let Some(&id) = hands.suspects.first()
            && claimed.is_empty()
        {
            claimed.extend(statements::claim_again(&mut self.db, id).await?);
            hands.suspects.remove(&id);
        }
        if claimed.is_empty() {
            statements::promote_due(&mut self.db, queue).await?;
            claimed = statements::claim_next(&mut self.db, queue, hands.in_hand.iter(), limit).await?;
        }
        hands.in_hand.extend(claimed.iter().map(|(id, _)| *id));
        let next_due = match claimed.is_empty() {
            true => statements::next_due_in_ms(&mut self.db, queue).await?.map(Duration::from_millis),
            false => None,
        };
        Ok((claimed, next_due))
    }

    async fn settle(&mut self, settlements: &[Settlement]) -> Result<(), sqlx::Error> {
        let ids = |wanted: Verdict| -> Vec<i64> {
            settlements
                .iter()
                .filter(|settlement| settlement.verdict == wanted)
                .map(|settlement| settlement.id)
                .collect()
        };
        let (done, released) = (ids(Verdict::Done), ids(Verdict::Release));
        if !done.is_empty() {
            statements::delete(&mut self.db, &done).await?;
            self.live = self.live.saturating_sub(done.len() as u64);
        }
        if !released.is_empty() {
            statements::release(&mut self.db, &released).await?;
        }
        for Settlement { id, attempt, verdict } in settlements {
            match verdict {
                Verdict::Done | Verdict::Release => {}
                Verdict::Retry { why } => statements::retry(&mut self.db, *id, attempt + 1, why).await?,
                Verdict::Dead { why } => {
                    statements::bury(&mut self.db, *id, why).await?;
                    self.live = self.live.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    async fn purge(&mut self, queue: Queue) -> Result<(), sqlx::Error> {
        statements::purge(&mut self.db, queue, self.hands[queue.index()].in_hand.iter()).await?;
        self.live = statements::count_live(&mut self.db).await?;
        Ok(())
    }

    /// Answers after the commit.
    fn finish(&mut self, applied: Applied) {
        match applied {
            Applied::Published { messages, results, ticket } => {
                for (message, result) in messages.iter().zip(&results) {
                    if result.is_ok() {
                        self.announce(message);
                    }
                }
                ticket.answer(results);
            }
            Applied::Claimed { queue, claimed, next_due, reply } => {
                let delivery =
                    |(id, received)| Delivery { tag: Claim::new(id, queue, Arc::clone(&self.shared)), received };
                let deliveries = claimed.into_iter().map(delivery).collect();
                self.show(queue);
                // When the consumer is gone, dropping the claims gives the messages back.
                drop(reply.send(Ok(Claimed { deliveries, next_due })));
            }
            Applied::Settled { queue, ids, reply } => {
                let in_hand = &mut self.hands[queue.index()].in_hand;
                for id in &ids {
                    in_hand.remove(id);
                }
                self.show(queue);
                self.shared.wake(queue);
                drop(reply.send(Ok(())));
            }
            Applied::Redriven { queue, count, reply } => {
                self.shared.wake(queue);
                drop(reply.send(Ok(count)));
            }
            Applied::Answered { reply } => drop(reply.send(Ok(()))),
        }
    }

    fn announce(&self, message: &Message) {
        if let Some(queue) = message.route.queue() {
            self.shared.wake(queue);
        }
        if self.shared.has_listeners() {
            let Message { id, route, kind, body } = message.clone();
            let received = Received { id, kind, key: route.key.clone(), body, attempt: 1, redelivered: false };
            self.shared.feed(&route, &received);
        }
    }

    /// Shows how much is in hand to those who ask for the depth.
    fn show(&self, queue: Queue) {
        self.shared.set_in_hand(queue, self.hands[queue.index()].in_hand.len());
    }

    /// Answers after a rollback. `surely`: nothing of the group can have reached the file.
    fn fail(&mut self, applied: Applied, error: &sqlx::Error, surely: bool) {
        let storage = || BrokerError::Storage(error.to_string());
        match applied {
            Applied::Published { messages, ticket, .. } => {
                let why = error.to_string();
                let failed = if surely { PublishError::Refused(why) } else { PublishError::Unknown(why) };
                ticket.answer(vec![Err(failed); messages.len()]);
            }
            Applied::Claimed { queue, claimed, reply, .. } => {
                let hands = &mut self.hands[queue.index()];
                for (id, _) in claimed {
                    hands.in_hand.remove(&id);
                }
                // What the rollback brought back is in the file.
                hands.searched = false;
                drop(reply.send(Err(storage())));
            }
            Applied::Settled { reply, .. } | Applied::Answered { reply } => drop(reply.send(Err(storage()))),
            Applied::Redriven { reply, .. } => drop(reply.send(Err(storage()))),
        }
    }
}

fn finish_with<T>(
    outcome: Result<T, sqlx::Error>,
    applied: Applied,
) -> Result<Option<Applied>, (Option<Applied>, sqlx::Error)> {
    match outcome {
        Ok(_) => Ok(Some(applied)),
        Err(error) => Err((Some(applied), error)),
    }
}

fn is_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == SQLITE_FULL)
}
