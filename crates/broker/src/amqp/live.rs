//! Live listeners on RabbitMQ: a bounded queue of their own that vanishes with their connection.

use std::sync::Arc;

use futures::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use messages::topology::Exchange;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{link::Links, wire};
use crate::{Live, backoff::Backoff};

/// How many messages are on their way to a listener beyond its queue.
const PREFETCH: u16 = 100;

/// Feeds a listener until it is dropped or the broker is closed.
pub(super) struct LiveTask {
    pub(super) links: Links,
    pub(super) exchange: Exchange,
    pub(super) pattern: Arc<str>,
    pub(super) capacity: u16,
    pub(super) feed: mpsc::Sender<Live>,
    pub(super) closing: CancellationToken,
}

impl LiveTask {
    pub(super) async fn run(self) {
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = self.feed.closed() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&self) {
        let mut backoff = Backoff::nearby();
        loop {
            match self.follow_once(&mut backoff).await {
                // The listener is gone.
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, exchange = self.exchange.name(), "a live listener lost the broker");
                }
            }
            tokio::time::sleep(backoff.step()).await;
        }
    }

    async fn follow_once(&self, backoff: &mut Backoff) -> Result<(), crate::BrokerError> {
        let link = self.links.connect().await?;
        let mut consumer = super::bounded(self.declare(link.channel())).await?;
        *backoff = Backoff::nearby();
        // Also at the very start: what came before the queue existed was missed.
        if self.feed.send(Live::Missed).await.is_err() {
            return Ok(());
        }
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            let tag = delivery.delivery_tag;
            if self.feed.send(Live::Message(wire::received(delivery))).await.is_err() {
                return Ok(());
            }
            link.channel().basic_ack(tag, BasicAckOptions::default()).await?;
        }
        Err(crate::BrokerError::Unavailable("the broker cancelled the listener".into()))
    }

    async fn declare(&self, channel: &Channel) -> Result<Consumer, lapin::Error> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(i32::from(self.capacity.max(1))));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, arguments).await?;
        let (name, exchange) = (queue.name().clone(), self.exchange.name());
        let pattern = (*self.pattern).into();
        channel
            .queue_bind(name.clone(), exchange.into(), pattern, QueueBindOptions::default(), FieldTable::default())
            .await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        channel.basic_consume(name, "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
    }
}
