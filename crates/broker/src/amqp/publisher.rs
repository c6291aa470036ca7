//! The one task that publishes: one channel with confirms, many messages in flight, a fresh connection after any error.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::{
    Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{
    link::{Link, Links},
    wire::{Outgoing, message_id},
};
use crate::{
    PublishError,
    backoff::Backoff,
    ticket::{self, Ticket},
};

/// Messages that may wait for the task before publishers wait for room.
const WAITING_REQUESTS: usize = 4_096;
/// Messages written but not confirmed yet; more gain nothing.
const IN_FLIGHT: usize = 2_048;
/// Without a confirm for this long, while some are awaited, the channel is dead.
const DEAD_AFTER: Duration = Duration::from_secs(5);
/// How often an idle publisher looks whether its connection still lives.
const LOOK: Duration = Duration::from_millis(500);

type Outcome = Result<(), PublishError>;

#[derive(Debug)]
struct Request {
    outgoing: Outgoing,
    ticket: Ticket<Outcome>,
}

/// What the publisher's connection is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Connected,
    /// The server does not read from it.
    Blocked,
    /// Not connected, with the last reason.
    Away(String),
}

/// A handle on the publishing task.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    requests: mpsc::Sender<Request>,
    state: watch::Receiver<State>,
    deadline: Duration,
}

impl Publisher {
    /// Starts the task. It ends, and drops `done`, when `closing` is cancelled and the last message has its answer.
    pub(super) fn start(links: Links, deadline: Duration, closing: CancellationToken, done: DropGuard) -> Self {
        let (requests, received) = mpsc::channel(WAITING_REQUESTS);
        let (sender, state) = watch::channel(State::Away("not connected yet".into()));
        let task = Task { links, requests: received, state: sender, closing, waiting: VecDeque::new() };
        tokio::spawn(async move {
            task.run().await;
            drop(done);
        });
        Self { requests, state, deadline }
    }

    /// Publishes and waits for the confirm, within the deadline.
    pub(super) async fn publish(&self, outgoing: Outgoing) -> Outcome {
        let began = Instant::now();
        let answer = ticket::submit(&self.requests, self.deadline, |ticket| Request { outgoing, ticket }).await;
        metrics::histogram!("guildhall_publish_confirm_seconds").record(began.elapsed());
        answer.flatten()
    }

    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }
}

struct Task {
    links: Links,
    requests: mpsc::Receiver<Request>,
    state: watch::Sender<State>,
    closing: CancellationToken,
    /// Taken from the channel, not written yet.
    waiting: VecDeque<Request>,
}

/// Why serving ended.
enum End {
    /// Everything is answered and nobody can ask any more.
    Closed,
    /// The connection can't be used any more.
    Lost(String),
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::nearby();
        loop {
            let connected = tokio::select! {
                // Whoever still waits is told "refused" when the ticket is dropped.
                () = self.closing.cancelled() => return,
                connected = self.connect() => connected,
            };
            let lost = match connected {
                Ok(link) => {
                    self.set(State::Connected);
                    tracing::info!("the publisher is connected to the broker");
                    backoff = Backoff::nearby();
                    match self.serve(&link).await {
                        End::Closed => return link.give_back().await,
                        End::Lost(reason) => reason,
                    }
                }
                Err(reason) => reason,
            };
            if !matches!(*self.state.borrow(), State::Away(_)) {
                tracing::warn!(reason = lost, "the publisher lost the broker; reconnecting");
            }
            self.set(State::Away(lost));
            // No handle is left, and what they asked for is answered or given up.
            if self.requests.is_closed() && self.requests.is_empty() {
                return;
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = tokio::time::sleep(backoff.step()) => {}
            }
        }
    }

    fn set(&self, state: State) {
        if *self.state.borrow() != state {
            metrics::gauge!("guildhall_broker_connected").set(if state == State::Connected { 1.0 } else { 0.0 });
            self.state.send_replace(state);
        }
    }

    async fn connect(&self) -> Result<Link, String> {
        let link = self.links.connect().await.map_err(|error| error.to_string())?;
        let confirms = link.channel().confirm_select(ConfirmSelectOptions::default());
        match tokio::time::timeout(DEAD_AFTER, confirms).await {
            Ok(Ok(())) => Ok(link),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer to confirm.select".into()),
        }
    }

    async fn serve(&mut self, link: &Link) -> End {
        let mut flight = Flight::new(link.channel().clone());
        let mut look = tokio::time::interval(LOOK);
        let mut closing = false;
        let end = loop {
            if !link.alive() {
                break End::Lost("connection closed".into());
            }
            self.set(if link.blocked() { State::Blocked } else { State::Connected });
            while flight.has_room()
                && let Some(request) = self.waiting.pop_front()
            {
                if link.blocked() {
                    request.ticket.answer(Err(PublishError::Refused("the broker is short of memory or disk".into())));
                } else {
                    flight.take_off(request);
                }
            }
            if closing && self.requests.is_closed() && self.requests.is_empty() && flight.is_empty() {
                break End::Closed;
            }
            let room = IN_FLIGHT.saturating_sub(flight.len());
            let (empty, dead_at) = (flight.is_empty(), flight.progress + DEAD_AFTER);
            tokio::select! {
                biased;
                landed = flight.land(), if !empty => {
                    if let Err(reason) = landed {
                        break End::Lost(reason);
                    }
                }
                () = tokio::time::sleep_until(dead_at), if !empty => {
                    break End::Lost("no confirm within 5 s".into());
                }
                () = self.closing.cancelled(), if !closing => {
                    closing = true;
                    self.requests.close();
                }
                request = self.requests.recv(), if room > 0 && !(closing && self.requests.is_empty()) => {
                    match request {
                        Some(request) => {
                            self.waiting.push_back(request);
                            while self.waiting.len() < room && let Ok(more) = self.requests.try_recv() {
                                self.waiting.push_back(more);
                            }
                        }
                        // No handle is left, so nobody can close this task otherwise.
                        None => {
                            closing = true;
                            self.requests.close();
                        }
                    }
                }
                _ = look.tick() => {}
            }
        };
        if let End::Lost(reason) = &end {
            flight.crash(reason);
        }
        end
    }
}

type Landing = futures::future::BoxFuture<'static, (u64, lapin::Result<Confirmation>)>;

/// Messages written to a channel and not confirmed yet.
struct Flight {
    channel: Channel,
    landings: FuturesUnordered<Landing>,
    passengers: HashMap<u64, Passenger>,
    next: u64,
    /// When the last confirm came, or the first message took off.
    progress: Instant,
    /// Messages the server returned as unroutable. lapin attaches them to whichever confirm it resolves next.
    returned: Vec<Address>,
}

#[derive(Debug)]
struct Passenger {
    address: Address,
    ticket: Ticket<Outcome>,
}

/// Enough to recognise a returned message: the same id may be on its way to two places.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    id: Uuid,
    exchange: String,
    key: String,
}

impl Flight {
    fn new(channel: Channel) -> Self {
        Self {
            channel,
            landings: FuturesUnordered::new(),
            passengers: HashMap::new(),
            next: 0,
            progress: Instant::now(),
            returned: Vec::new(),
        }
    }

    fn len(&self) -> usize {
        self.landings.len()
    }

    fn is_empty(&self) -> bool {
        self.landings.is_empty()
    }

    fn has_room(&self) -> bool {
        self.len() < IN_FLIGHT
    }

    /// Publishes, unless the caller was already told that it will not be.
    fn take_off(&mut self, request: Request) {
        let Request { outgoing, ticket } = request;
        if !ticket.start() {
            return;
        }
        if self.is_empty() {
            self.progress = Instant::now();
        }
        let number = self.next;
        self.next += 1;
        let address = Address { id: outgoing.id, exchange: outgoing.exchange.to_owned(), key: outgoing.key.clone() };
        self.passengers.insert(number, Passenger { address, ticket });
        let channel = self.channel.clone();
        self.landings.push(
            async move {
                let options = BasicPublishOptions { mandatory: outgoing.mandatory, ..BasicPublishOptions::default() };
                let Outgoing { exchange, key, body, properties, .. } = outgoing;
                let written = channel.basic_publish(exchange.into(), key.into(), options, &body, properties).await;
                let confirmed = match written {
                    Ok(confirm) => confirm.await,
                    Err(error) => Err(error),
                };
                (number, confirmed)
            }
            .boxed(),
        );
    }

    /// Waits for confirms and answers their callers. An error means that the channel is lost.
    ///
    /// It takes all that have come before it answers any: the message returned for one may be attached to another,
    /// which lapin resolved earlier, and is then among them.
    async fn land(&mut self) -> Result<(), String> {
        let mut landed = Vec::new();
        landed.extend(self.landings.next().await);
        while let Some(Some(more)) = self.landings.next().now_or_never() {
            landed.push(more);
        }
        self.progress = Instant::now();
        let mut confirmed = Vec::with_capacity(landed.len());
        let mut lost = Ok(());
        for (number, result) in landed {
            let (outcome, returned) = match result {
                Ok(Confirmation::Ack(returned)) => (Ok(()), returned),
                Ok(Confirmation::Nack(returned)) => {
                    (Err(PublishError::Refused("the queue is full or unavailable".into())), returned)
                }
                Ok(Confirmation::NotRequested) => {
                    (Err(PublishError::Unknown("the channel gives no confirms".into())), None)
                }
                Err(error) => {
                    lost = Err(error.to_string());
                    (Err(PublishError::Unknown(error.to_string())), None)
                }
            };
            let carried = returned.map(|message| address(&message));
            let foreign = carried.is_some() && carried.as_ref() != self.passengers.get(&number).map(|p| &p.address);
            self.returned.extend(carried);
            confirmed.push((number, outcome, foreign));
        }
        for (number, outcome, foreign) in confirmed {
            let Some(Passenger { address, ticket }) = self.passengers.remove(&number) else { continue };
            ticket.answer(verdict(&mut self.returned, &address, outcome, foreign));
        }
        // What was returned for a message that has its answer already must not speak for its repeat.
        self.returned.retain(|returned| self.passengers.values().any(|passenger| passenger.address == *returned));
        lost
    }

    /// Answers everybody whose confirm will never come.
    fn crash(self, reason: &str) {
        for (_, passenger) in self.passengers {
            passenger.ticket.answer(Err(PublishError::Unknown(reason.to_owned())));
        }
    }
}

/// What a confirm means, with what was returned so far. `foreign` says that it carried another message's return: then
/// its own, if there is one, may still be to come with a later confirm.
fn verdict(returned: &mut Vec<Address>, own: &Address, outcome: Outcome, foreign: bool) -> Outcome {
    outcome?;
    match returned.iter().position(|returned| returned == own) {
        Some(position) => {
            returned.swap_remove(position);
            Err(PublishError::Refused("no queue takes this route".into()))
        }
        None if foreign => Err(PublishError::Unknown("its confirm came with another message's return".into())),
        None => Ok(()),
    }
}

fn address(returned: &lapin::message::BasicReturnMessage) -> Address {
    Address {
        id: message_id(&returned.delivery.properties),
        exchange: returned.delivery.exchange.to_string(),
        key: returned.delivery.routing_key.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirm_with_a_foreign_return_proves_nothing() {
        let address = |n| Address { id: Uuid::from_u128(n), exchange: "x".into(), key: "k".into() };
        let mut returned = vec![address(1)];
        // Confirmed together: 2 carries the return of 1, while its own is attached to a later one.
        let second = verdict(&mut returned, &address(2), Ok(()), true);
        assert!(matches!(second, Err(PublishError::Unknown(_))), "{second:?}");
        let first = verdict(&mut returned, &address(1), Ok(()), false);
        assert!(matches!(first, Err(PublishError::Refused(_))), "{first:?}");
        assert!(returned.is_empty());
        assert_eq!(verdict(&mut returned, &address(3), Ok(()), false), Ok(()));
    }
}
