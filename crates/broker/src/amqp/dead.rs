//! Dead letters on RabbitMQ: listing takes them and puts them back, redriving publishes them before it removes them.

use futures::future::join_all;
use lapin::{
    Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicGetOptions},
};
use messages::topology::Queue;

use super::{
    Amqp,
    link::Link,
    wire::{self, Outgoing},
};
use crate::{BrokerError, DeadLetter, Redrive};

/// How many dead letters are moved at once.
const CHUNK: usize = 256;

impl Amqp {
    pub(crate) async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<DeadLetter>, BrokerError> {
        // One at a time in this process: what is taken is missing from another's list.
        let _alone = self.dead.lock().await;
        let link = self.links.connect().await?;
        let mut letters = Vec::new();
        while letters.len() < limit
            && let Some(delivery) = get(link.channel(), queue).await?
        {
            letters.push(wire::dead_letter(delivery, queue));
        }
        // Closing the channel puts them back, in their old places.
        link.give_back().await;
        Ok(letters)
    }

    pub(crate) async fn redrive(&self, queue: Queue, which: Redrive) -> Result<usize, BrokerError> {
        let _alone = self.dead.lock().await;
        let link = self.links.connect().await?;
        // What dies again meanwhile is not redriven twice.
        let mut left = super::count(link.channel(), &queue.dead_name()).await?;
        let mut moved = 0;
        while left > 0 {
            let mut chunk = Vec::new();
            while left > 0 && chunk.len() < CHUNK {
                let Some(delivery) = get(link.channel(), queue).await? else {
                    left = 0;
                    break;
                };
                left -= 1;
                let tag = delivery.delivery_tag;
                let letter = wire::dead_letter(delivery, queue);
                if which == Redrive::All || which == Redrive::Id(letter.id) {
                    chunk.push((tag, letter));
                }
            }
            moved += self.move_back(&link, chunk).await?;
        }
        link.give_back().await;
        Ok(moved)
    }

    async fn move_back(&self, link: &Link, letters: Vec<(u64, DeadLetter)>) -> Result<usize, BrokerError> {
        let published = letters.iter().map(|(_, letter)| self.publisher.publish(Outgoing::redriven(letter)));
        let published = join_all(published).await;
        let mut moved = 0;
        let mut failed = None;
        for ((tag, _), result) in letters.iter().zip(published) {
            match result {
                Ok(()) => {
                    link.channel().basic_ack(*tag, BasicAckOptions::default()).await?;
                    moved += 1;
                }
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(moved), |error| Err(BrokerError::Unavailable(error.to_string())))
    }
}

async fn get(channel: &Channel, queue: Queue) -> Result<Option<Delivery>, BrokerError> {
    let got = super::bounded(channel.basic_get(queue.dead_name().into(), BasicGetOptions::default())).await?;
    Ok(got.map(|message| message.delivery))
}
