//! Consuming from RabbitMQ: one connection and channel per consumer, manual acknowledgements.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::join_all};
use lapin::{
    Channel, Consumer,
    options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::FieldTable,
};
use messages::topology::Queue;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    link::{Link, Links},
    publisher::Publisher,
    wire::{self, Outgoing},
};
use crate::{
    BrokerError, Received,
    backoff::Backoff,
    runner::{Delivery, Lost, Session, Settler, Verdict},
};

/// A redelivered message that was handled for this long doesn't kill the process.
const SURVIVAL: Duration = Duration::from_secs(1);
/// How often a copy for the retry or dead-letter queue is tried; then the message goes back to its own queue.
const COPY_TRIES: u32 = 8;

/// A channel that consumes a queue.
///
/// It starts with a prefetch of 1 and widens at the first message that is not redelivered, or when one that is has been
/// survived for a second. So when a message kills the process again and again, only that one's delivery count grows, not
/// that of everything that was prefetched behind it; and one that merely takes long holds nothing up.
pub(super) struct ChannelSession {
    queue: Queue,
    prefetch: u16,
    consumer: Consumer,
    widened: bool,
    /// When to widen although the latest message was redelivered, too.
    survived: Option<Instant>,
    /// Received, but not returned from `receive` yet.
    buffer: VecDeque<Delivery<u64>>,
    settler: Arc<ChannelSettler>,
    /// Last, so that everything else that holds the channel is gone when it closes.
    link: Link,
}

impl ChannelSession {
    pub(super) async fn open(
        links: &Links,
        publisher: Publisher,
        queue: Queue,
        prefetch: u16,
        shutdown: CancellationToken,
    ) -> Result<Self, BrokerError> {
        let link = links.connect().await?;
        let consumer = consume(link.channel(), queue, 1).await?;
        let settler = Arc::new(ChannelSettler {
            channel: link.channel().clone(),
            queue,
            publisher,
            shutdown,
            outstanding: Mutex::default(),
            acknowledging: tokio::sync::Mutex::default(),
        });
        Ok(Self {
            queue,
            prefetch,
            consumer,
            widened: prefetch == 1,
            survived: None,
            buffer: VecDeque::new(),
            settler,
            link,
        })
    }

    /// Requeues what is not settled and keeps the connection for others.
    pub(super) async fn end(self) {
        let Self { link, consumer, settler, .. } = self;
        drop((consumer, settler));
        link.give_back().await;
    }

    async fn widen(&mut self) -> Result<(), lapin::Error> {
        let channel = self.link.channel();
        // What is in hand stays in hand: it belongs to the channel, not to the consumer.
        channel.basic_cancel(self.consumer.tag(), BasicCancelOptions::default()).await?;
        // Delivered by the old consumer between the message at hand and its cancellation.
        while let Some(Some(Ok(delivery))) = self.consumer.next().now_or_never() {
            self.keep(delivery);
        }
        self.consumer = consume(self.link.channel(), self.queue, self.prefetch).await?;
        self.widened = true;
        Ok(())
    }

    /// Puts a delivery into the buffer; one without a usable id is dead-lettered at once. Awaits nothing, so that a
    /// cancelled `receive` can't lose it.
    fn keep(&mut self, delivery: lapin::message::Delivery) {
        let tag = delivery.delivery_tag;
        self.settler.note(tag);
        let delivery = Delivery { tag, received: wire::received(delivery) };
        if delivery.received.id.is_nil() {
            let why = "the message id is missing or no UUID".into();
            let settler = Arc::clone(&self.settler);
            tokio::spawn(async move { settler.settle(vec![(delivery, Verdict::Dead { why })]).await });
        } else {
            self.survived = Some(Instant::now() + SURVIVAL);
            self.buffer.push_back(delivery);
        }
    }

    /// The next delivery; `None` when it's time to widen.
    async fn next(&mut self) -> Option<Option<lapin::Result<lapin::message::Delivery>>> {
        match self.survived {
            Some(survived) if !self.widened => timeout_at(survived, self.consumer.next()).await.ok(),
            _ => Some(self.consumer.next().await),
        }
    }
}

async fn consume(channel: &Channel, queue: Queue, prefetch: u16) -> Result<Consumer, lapin::Error> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    channel.basic_consume(queue.name().into(), "".into(), options, FieldTable::default()).await
}

impl Session for ChannelSession {
    type Tag = u64;
    type Settler = ChannelSettler;

    async fn receive(&mut self, limit: usize) -> Result<Vec<Delivery<u64>>, Lost> {
        loop {
            while self.buffer.len() < limit
                && let Some(next) = self.consumer.next().now_or_never()
            {
                match next {
                    Some(Ok(delivery)) => self.keep(delivery),
                    // What came before the loss would only be redelivered: don't begin it.
                    Some(Err(error)) => return Err(Lost(error.to_string())),
                    None => return Err(Lost("the broker cancelled the consumer".into())),
                }
            }
            if !self.widened && self.buffer.front().is_some_and(|first| !first.received.redelivered) {
                self.widen().await.map_err(|error| Lost(error.to_string()))?;
                continue;
            }
            if !self.buffer.is_empty() {
                let count = self.buffer.len().min(limit);
                return Ok(self.buffer.drain(..count).collect());
            }
            match self.next().await {
                Some(Some(Ok(delivery))) => self.keep(delivery),
                Some(Some(Err(error))) => return Err(Lost(error.to_string())),
                Some(None) => return Err(Lost("the broker cancelled the consumer".into())),
                None => self.widen().await.map_err(|error| Lost(error.to_string()))?,
            }
        }
    }

    async fn stop(&mut self) {
        let cancelled = self.link.channel().basic_cancel(self.consumer.tag(), BasicCancelOptions::default());
        if let Err(error) = super::bounded(cancelled).await {
            tracing::debug!(%error, queue = self.queue.name(), "the consumer was gone before it was cancelled");
        }
    }

    fn settler(&self) -> Arc<ChannelSettler> {
        Arc::clone(&self.settler)
    }
}

/// Acknowledges on the channel, after publishing what a verdict asks for.
pub(super) struct ChannelSettler {
    channel: Channel,
    queue: Queue,
    publisher: Publisher,
    shutdown: CancellationToken,
    /// Tags delivered and not settled, to know what one cumulative acknowledgement may cover.
    outstanding: Mutex<BTreeSet<u64>>,
    /// Held from looking at `outstanding` until the acknowledgement is written: a cumulative one that overtakes
    /// another would cover its tags too, and RabbitMQ closes the channel on the second.
    acknowledging: tokio::sync::Mutex<()>,
}

impl Settler for ChannelSettler {
    type Tag = u64;

    async fn settle(&self, verdicts: Vec<(Delivery<u64>, Verdict)>) {
        let mut done = Vec::with_capacity(verdicts.len());
        let mut copies = Vec::new();
        let mut released = Vec::new();
        for (Delivery { tag, received }, verdict) in verdicts {
            match verdict {
                Verdict::Done => done.push(tag),
                Verdict::Release => released.push(tag),
                Verdict::Retry { why } => {
                    let to = self.queue.retry_name();
                    copies.push((tag, self.copy(&received, to, received.attempt + 1, &why)));
                }
                Verdict::Dead { why } => {
                    copies.push((tag, self.copy(&received, self.queue.dead_name(), received.attempt, &why)));
                }
            }
        }
        self.acknowledge(&done).await;
        self.release(&released).await;
        let mut backoff = Backoff::nearby();
        let mut tries = 0;
        while !copies.is_empty() {
            let published = join_all(copies.iter().map(|(_, copy)| self.publisher.publish(copy.clone()))).await;
            let mut done = Vec::new();
            let mut left = Vec::new();
            let mut reason = None;
            for ((tag, copy), result) in copies.into_iter().zip(published) {
                match result {
                    Ok(()) => done.push(tag),
                    Err(error) => {
                        reason = Some(error);
                        left.push((tag, copy));
                    }
                }
            }
            self.acknowledge(&done).await;
            copies = left;
            let Some(error) = reason else { break };
            tracing::warn!(queue = self.queue.name(), %error, messages = copies.len(), "can't put messages aside yet");
            tries += 1;
            if tries == COPY_TRIES {
                let tags: Vec<u64> = copies.into_iter().map(|(tag, _)| tag).collect();
                return self.release(&tags).await;
            }
            // Whatever is not acknowledged is redelivered; there is no more to do than that.
            if !self.channel.status().connected() || self.shutdown.is_cancelled() {
                return;
            }
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = tokio::time::sleep(backoff.step()) => {}
            }
        }
    }
}

impl ChannelSettler {
    fn copy(&self, received: &Received, to: String, attempt: u32, why: &str) -> Outgoing {
        Outgoing::copy(received, self.queue, to, attempt, why)
    }

    fn note(&self, tag: u64) {
        self.outstanding.lock().unwrap_or_else(PoisonError::into_inner).insert(tag);
    }

    /// Forgets settled tags; the highest of them below which nothing is outstanding, and the others.
    fn split(&self, tags: &[u64]) -> (Option<u64>, Vec<u64>) {
        let mut outstanding = self.outstanding.lock().unwrap_or_else(PoisonError::into_inner);
        for tag in tags {
            outstanding.remove(tag);
        }
        let lowest = outstanding.first().copied().unwrap_or(u64::MAX);
        let (below, above): (Vec<u64>, Vec<u64>) = tags.iter().partition(|tag| **tag < lowest);
        (below.into_iter().max(), above)
    }

    async fn acknowledge(&self, tags: &[u64]) {
        let _turn = self.acknowledging.lock().await;
        let (upto, others) = self.split(tags);
        if let Some(tag) = upto {
            self.ack(tag, true).await;
        }
        for tag in others {
            self.ack(tag, false).await;
        }
    }

    async fn ack(&self, tag: u64, multiple: bool) {
        if let Err(error) = self.channel.basic_ack(tag, BasicAckOptions { multiple }).await {
            tracing::debug!(%error, queue = self.queue.name(), "not acknowledged; it will be redelivered");
        }
    }

    async fn release(&self, tags: &[u64]) {
        let _turn = self.acknowledging.lock().await;
        self.split(tags);
        for tag in tags {
            let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            if let Err(error) = self.channel.basic_nack(*tag, options).await {
                tracing::debug!(%error, queue = self.queue.name(), "not given back; it will be redelivered");
            }
        }
    }
}
