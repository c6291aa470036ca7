//! Owns the names of the message topology: exchanges, queues, routing keys and delivery limits.
//!
//! `rabbitmq/definitions.json` declares the same topology for RabbitMQ, the embedded queue builds it from here;
//! a test in `broker` compares the two.

/// A topic exchange. Everything published goes through one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// What somebody wants done: consumed by the worker.
    Commands,
    /// What was done: consumed by the bot and by live streams.
    Events,
}

impl Exchange {
    /// Both exchanges.
    pub const ALL: [Self; 2] = [Self::Commands, Self::Events];

    /// The exchange's name in the broker.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commands => "guildhall.commands",
            Self::Events => "guildhall.events",
        }
    }

    /// The exchange of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|exchange| exchange.name() == name)
    }
}

/// A durable queue with its retry and dead-letter companions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Point commands, ticks and effect reports, for the workers.
    Scoring,
    /// Role effects, for the one active bot consumer.
    BotRoles,
    /// Outcomes that some Discord interaction waits for.
    BotReplies,
    /// Channel messages to send, for the one active bot consumer.
    BotMessages,
}

impl Queue {
    /// Every durable queue.
    pub const ALL: [Self; 4] = [Self::Scoring, Self::BotRoles, Self::BotReplies, Self::BotMessages];

    /// The queue's name in the broker.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scoring => "scoring",
            Self::BotRoles => "bot.roles",
            Self::BotReplies => "bot.replies",
            Self::BotMessages => "bot.messages",
        }
    }

    /// The queue of that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.name() == name)
    }

    /// Where a message waits for [`RETRY_DELAY_MS`] before it comes back to this queue.
    #[must_use]
    pub fn retry_name(self) -> String {
        format!("{}.retry", self.name())
    }

    /// Where a message ends that can't be handled.
    #[must_use]
    pub fn dead_name(self) -> String {
        format!("{}.dead", self.name())
    }

    /// The queue's place in [`Queue::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The exchange this queue is bound to.
    #[must_use]
    pub const fn exchange(self) -> Exchange {
        match self {
            Self::Scoring => Exchange::Commands,
            Self::BotRoles | Self::BotReplies | Self::BotMessages => Exchange::Events,
        }
    }

    /// The binding's topic pattern; `#` stands for any number of words.
    #[must_use]
    pub const fn binding(self) -> &'static str {
        match self {
            Self::Scoring => "scoring.#",
            Self::BotRoles => "effect.roles.#",
            Self::BotReplies => "reply.#",
            Self::BotMessages => "effect.message.#",
        }
    }

    /// Whether only one consumer at a time is served, the others standing by.
    #[must_use]
    pub const fn single_active_consumer(self) -> bool {
        matches!(self, Self::BotRoles | Self::BotMessages)
    }
}

/// How long a message stays in a `.retry` queue, in milliseconds.
pub const RETRY_DELAY_MS: u32 = 2_000;

/// How often a message may fail alone before it is dead-lettered.
pub const MAX_ATTEMPTS: u32 = 3;

/// The broker's own limit of deliveries: only the net for messages that kill the process.
pub const DELIVERY_LIMIT: u32 = 20;

/// The same limit on `.dead` queues, out of reach: every listing takes the messages and puts them back, and there is
/// nowhere for them to go.
pub const DEAD_DELIVERY_LIMIT: u32 = i32::MAX.unsigned_abs();

/// A message's address: exchange and routing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The exchange to publish to.
    pub exchange: Exchange,
    /// The topic, words separated by dots.
    pub key: String,
}

impl Route {
    /// Whether a durable queue must take a message with this route, so that a broker refuses it otherwise: every
    /// command (nobody would do it), and the events that have a queue.
    #[must_use]
    pub fn mandatory(&self) -> bool {
        self.exchange == Exchange::Commands || self.queue().is_some()
    }

    /// The durable queue that takes messages with this route; `None` when only live listeners do.
    #[must_use]
    pub fn queue(&self) -> Option<Queue> {
        Queue::ALL.into_iter().find(|queue| {
            let prefix = queue.binding().trim_end_matches(".#");
            let rest = self.key.strip_prefix(prefix);
            queue.exchange() == self.exchange && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
