//! What the writer and the consumers of one process share in memory: wake-ups, claims dropped without an outcome,
//! who is the active consumer, and live listeners.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use messages::topology::{Exchange, Queue, Route};
use tokio::sync::{mpsc, watch};

use crate::{Live, Received, topic};

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    queues: Vec<PerQueue>,
    listeners: Mutex<Vec<LiveFeed>>,
}

#[derive(Debug)]
struct PerQueue {
    /// Changes when there may be something new to claim.
    changes: watch::Sender<()>,
    /// Ids whose claim was dropped without an outcome.
    abandoned: Mutex<Vec<i64>>,
    /// How many messages are in consumers' hands.
    in_hand: AtomicU64,
    active: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct LiveFeed {
    exchange: Exchange,
    pattern: String,
    feed: mpsc::Sender<Live>,
    missed: bool,
}

impl Shared {
    pub(super) fn new() -> Self {
        let queue = |_| PerQueue {
            changes: watch::Sender::new(()),
            abandoned: Mutex::default(),
            in_hand: AtomicU64::new(0),
            active: tokio::sync::Mutex::new(()),
        };
        Self { queues: Queue::ALL.iter().map(queue).collect(), listeners: Mutex::default() }
    }

    fn queue(&self, queue: Queue) -> &PerQueue {
        &self.queues[queue.index()]
    }

    /// Tells consumers of a queue to look again.
    pub(super) fn wake(&self, queue: Queue) {
        self.queue(queue).changes.send_replace(());
    }

    /// Learns of wake-ups from now on.
    pub(super) fn changes(&self, queue: Queue) -> watch::Receiver<()> {
        self.queue(queue).changes.subscribe()
    }

    /// Held by the one active consumer of a queue that allows only one.
    pub(super) fn active(&self, queue: Queue) -> &tokio::sync::Mutex<()> {
        &self.queue(queue).active
    }

    /// Notes a claim dropped without an outcome: the message is to be delivered again, alone.
    pub(super) fn abandon(&self, queue: Queue, id: i64) {
        lock(&self.queue(queue).abandoned).push(id);
        self.wake(queue);
    }

    /// Takes the ids noted so far.
    pub(super) fn take_abandoned(&self, queue: Queue) -> Vec<i64> {
        std::mem::take(&mut lock(&self.queue(queue).abandoned))
    }

    pub(super) fn set_in_hand(&self, queue: Queue, count: usize) {
        self.queue(queue).in_hand.store(count as u64, Ordering::Relaxed);
    }

    pub(super) fn in_hand(&self, queue: Queue) -> u64 {
        let abandoned = lock(&self.queue(queue).abandoned).len() as u64;
        self.queue(queue).in_hand.load(Ordering::Relaxed).saturating_sub(abandoned)
    }

    pub(super) fn listen(&self, exchange: Exchange, pattern: &str, feed: mpsc::Sender<Live>) {
        lock(&self.listeners).push(LiveFeed { exchange, pattern: pattern.to_owned(), feed, missed: false });
    }

    /// Whether anybody listens, so that a message is worth copying.
    pub(super) fn has_listeners(&self) -> bool {
        !lock(&self.listeners).is_empty()
    }

    /// Feeds what has passed to those who listen; a full listener misses it and is told so later.
    pub(super) fn feed(&self, route: &Route, received: &Received) {
        lock(&self.listeners).retain_mut(|listener| {
            if listener.exchange == route.exchange && topic::matches(&listener.pattern, &route.key) {
                listener.missed = listener.missed && listener.feed.try_send(Live::Missed).is_err();
                listener.missed = listener.missed || listener.feed.try_send(Live::Message(received.clone())).is_err();
            }
            !listener.feed.is_closed()
        });
    }

    /// Ends all listeners.
    pub(super) fn close(&self) {
        lock(&self.listeners).clear();
    }
}

/// Nothing under these locks can panic half-way, so a poisoned one is still sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
