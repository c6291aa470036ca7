//! Owns what the bot hears about guilds beside interactions: whoever comes back gets their roles again, and whatever
//! may have removed an obstacle makes the parked effects go on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{CommandId, GuildId, Timestamp, UserId};
use messages::{
    command::{Command, RefreshEffectsV1},
    trace::TraceParent,
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::publish::Publisher;

/// Changes of roles and channels come in bursts, for example one for each role that a drag moved.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// What may wait to be told. Beyond it the worker's own reminders have to do.
const MOST: usize = 10_000;

/// Hears of changes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ears {
    publisher: Publisher,
    heard: Arc<Heard>,
}

/// What is still to be told: each thing once, however often it was heard.
#[derive(Debug, Default)]
struct Heard {
    waiting: Mutex<HashMap<What, Word>>,
    more: Notify,
}

/// Whose effects are to be looked at: a member's, or all parked ones of the guild.
type What = (GuildId, Option<UserId>);

/// When to tell it, and the moment it happened where Discord said that.
#[derive(Debug, Clone, Copy)]
struct Word {
    due: Instant,
    at: Option<Timestamp>,
}

impl Heard {
    fn note(&self, what: What, word: Word) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            waiting.entry(what).or_insert(word);
            self.more.notify_one();
        } else {
            tracing::warn!(guild.id = %what.0, "too much is waiting to be told; this is left out");
        }
    }

    /// Takes what is due next, or says when to look again.
    fn next(&self) -> Result<(What, Word), Option<Instant>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.iter().min_by_key(|(_, word)| word.due).map(|(what, word)| (*what, *word));
        match first {
            Some((what, word)) if word.due <= Instant::now() => {
                waiting.remove(&what);
                Ok((what, word))
            }
            first => Err(first.map(|(_, word)| word.due)),
        }
    }
}

impl Ears {
    pub(crate) fn new(publisher: Publisher) -> Self {
        Self { publisher, heard: Arc::default() }
    }

    /// Somebody joined, perhaps for the second time.
    pub(crate) fn joined(&self, guild: GuildId, user: UserId, at: Option<Timestamp>) {
        self.heard.note((guild, Some(user)), Word { due: Instant::now(), at });
    }

    /// Something changed that may have been in the way of effects. Told once a second and guild.
    pub(crate) fn changed(&self, guild: GuildId) {
        self.heard.note((guild, None), Word { due: Instant::now() + DEBOUNCE, at: None });
    }

    /// Tells the worker what was heard, one after the other, until `shutdown`.
    pub(crate) async fn tell(&self, shutdown: CancellationToken) {
        loop {
            match self.heard.next() {
                Ok((what, word)) => self.publish(what, word).await,
                Err(look) => tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = self.heard.more.notified() => {}
                    () = until(look) => {}
                },
            }
            if shutdown.is_cancelled() {
                return;
            }
        }
    }

    async fn publish(&self, (guild, user): What, word: Word) {
        let at = word.at.unwrap_or_else(|| self.publisher.clock().now());
        let (id, refresh) = match user {
            Some(user_id) => {
                (format!("rejoin:{guild}:{user_id}:{}", at.timestamp_micros()), RefreshEffectsV1::Member { user_id })
            }
            None => (format!("parked:{guild}:{}", at.timestamp_millis()), RefreshEffectsV1::Parked),
        };
        let id = CommandId::of_deed(&id);
        let refresh = Command::RefreshEffects(refresh);
        let envelope = self.publisher.of_system(id, guild, TraceParent::of(id.uuid()), refresh);
        if self.publisher.publish_surely(&envelope).await.is_err() {
            tracing::warn!(guild.id = %guild, command.id = %id, "a shutdown lost a command");
        }
    }
}

async fn until(look: Option<Instant>) {
    match look {
        Some(look) => tokio::time::sleep_until(look).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_and_told_once() {
        let heard = Heard::default();
        let guild = |id: usize| (GuildId::new(id as u64 + 1).unwrap(), None);
        let soon = |after| Word { due: Instant::now() + after, at: None };
        for _ in 0..3 {
            heard.note(guild(7), soon(DEBOUNCE));
        }
        assert_eq!(heard.next().unwrap_err(), Some(Instant::now() + DEBOUNCE));
        tokio::time::sleep(DEBOUNCE).await;
        assert_eq!(heard.next().unwrap().0, guild(7));
        assert_eq!(heard.next().unwrap_err(), None);
        for id in 0..=MOST {
            heard.note(guild(id), soon(Duration::ZERO));
        }
        assert_eq!(heard.waiting.lock().unwrap().len(), MOST);
    }
}
