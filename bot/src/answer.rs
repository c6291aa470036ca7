//! Owns the answers to interactions after the first response: tried until Discord shows them, or takes none any more.

use broker::Backoff;
use domain::{Clock, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    discord::{Discord, DiscordError},
    interaction::{Invocation, Token},
    reply::Reply,
};

/// Shows answers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    pub(crate) discord: Discord,
    pub(crate) clock: Clock,
    pub(crate) shutdown: CancellationToken,
}

/// Whom to answer, and until when that's possible.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    application: u64,
    token: Token,
    until: Timestamp,
}

impl Caller {
    pub(crate) fn of(invocation: &Invocation) -> Self {
        Self { application: invocation.application, token: invocation.token.clone(), until: invocation.expires_at() }
    }

    /// Until when Discord takes answers.
    pub(crate) fn until(&self) -> Timestamp {
        self.until
    }
}

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into the first response.
    First,
    /// Into a message of its own, and the first response goes away.
    InsteadOfFirst,
    /// Into a message of its own.
    New,
}

impl Answers {
    /// Shows an answer, again after every failure that will pass, until the interaction expires or a shutdown. False:
    /// the caller doesn't see it.
    pub(crate) async fn show(&self, caller: &Caller, mut place: Place, reply: &Reply) -> bool {
        let mut backoff = Backoff::nearby();
        loop {
            match self.try_to_show(caller, &mut place, reply).await {
                Ok(()) => return true,
                Err(error @ DiscordError::Unavailable(_)) if self.clock.now() < caller.until => {
                    tracing::warn!(%error, "waiting to show a caller their answer");
                    if !backoff.pause(&self.shutdown).await {
                        tracing::warn!("a shutdown kept an answer from its caller");
                        return false;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a caller can't be shown their answer");
                    return false;
                }
            }
        }
    }

    /// Writes into the first response, once: for what the next answer replaces anyway.
    pub(crate) async fn mention(&self, caller: &Caller, reply: &Reply) {
        if let Err(error) = self.try_to_show(caller, &mut Place::First, reply).await {
            tracing::warn!(%error, "a caller can't be told how it stands");
        }
    }

    async fn try_to_show(&self, caller: &Caller, place: &mut Place, reply: &Reply) -> Result<(), DiscordError> {
        let Caller { application, token: Token(token), .. } = caller;
        if *place == Place::InsteadOfFirst {
            match self.discord.delete_reply(*application, token).await {
                // A refusal: it's gone already, perhaps by a call whose answer was lost.
                Ok(()) | Err(DiscordError::Refused { .. }) => *place = Place::New,
                Err(error) => return Err(error),
            }
        }
        match place {
            Place::First => self.discord.edit_reply(*application, token, &reply.to_json()).await,
            Place::InsteadOfFirst | Place::New => {
                self.discord.follow_up(*application, token, &reply.to_new_json()).await
            }
        }
    }
}
