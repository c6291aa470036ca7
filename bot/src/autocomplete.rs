//! Owns the choices offered while somebody types: from a small cache of at most ten seconds' age, within what Discord
//! waits for even when the API is slow. An empty list is a fair answer; what is typed then is resolved by name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use client::{ClientError, Guild, SubmissionQuery};
use domain::{GuildId, UserId, submission::SubmissionState};
use messages::api::{MAX_LIMIT, PageQuery};

use crate::{components, handle::Ask, text};

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(10);
/// How long somebody who types waits.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// How many lists are kept.
const KEPT: usize = 1_000;
/// How many choices Discord takes.
const SHOWN: usize = 25;

/// What is looked up. Lists are each caller's own, so that nobody is shown what only others may read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    guild: GuildId,
    user: UserId,
    of: Of,
    /// Empty for the whole list.
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Items,
    Seasons,
    Pending,
}

/// A list, or the beginning of one.
#[derive(Debug, Clone)]
struct Listing {
    /// Name shown and value sent.
    choices: Arc<Vec<(String, String)>>,
    complete: bool,
    at: Instant,
}

/// One lookup under way or done; who waits for the lock waits for the same call.
type Slot = Arc<tokio::sync::Mutex<Option<Listing>>>;

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    slots: Mutex<HashMap<Key, (Slot, Instant)>>,
}

impl Lookup {
    fn slot(&self, key: &Key) -> Slot {
        let now = Instant::now();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT && !slots.contains_key(key) {
            slots.retain(|_, (_, used)| now.duration_since(*used) < FRESH);
            if slots.len() >= KEPT {
                slots.clear();
            }
        }
        let (slot, used) = slots.entry(key.clone()).or_insert_with(|| (Slot::default(), now));
        *used = now;
        Arc::clone(slot)
    }

    /// A list, asked for at most once in ten seconds. `None` when the API takes too long or says no.
    async fn listing(&self, key: Key, api: Guild) -> Option<Listing> {
        let slot = self.slot(&key);
        // A task of its own: when the caller has lost patience, the answer still serves their next keystroke.
        let lookup = tokio::spawn(async move {
            let mut slot = slot.lock().await;
            if let Some(listing) = slot.as_ref().filter(|listing| listing.at.elapsed() < FRESH) {
                return Some(listing.clone());
            }
            match fetch(&key, &api).await {
                Ok((choices, complete)) => {
                    let listing = Listing { choices: Arc::new(choices), complete, at: Instant::now() };
                    *slot = Some(listing.clone());
                    Some(listing)
                }
                Err(error) => {
                    tracing::debug!(guild.id = %key.guild, %error, "no choices to offer");
                    None
                }
            }
        });
        tokio::time::timeout(PATIENCE, lookup).await.ok()?.ok()?
    }

    /// At most 25 choices whose name contains what is typed.
    async fn choices(&self, guild: GuildId, user: UserId, of: Of, typed: &str, api: Guild) -> Vec<(String, String)> {
        let typed = typed.trim().to_lowercase();
        let key = Key { guild, user, of, name: String::new() };
        let Some(all) = self.listing(key.clone(), api.clone()).await else { return Vec::new() };
        // Only items can be too many for one page and be asked for by name.
        let listing = if all.complete || of != Of::Items || typed.is_empty() {
            all
        } else {
            match self.listing(Key { name: text::clip(&typed, 100), ..key }, api).await {
                Some(named) => named,
                None => return Vec::new(),
            }
        };
        let matching = listing.choices.iter().filter(|(name, _)| name.to_lowercase().contains(&typed));
        matching.take(SHOWN).cloned().collect()
    }
}

/// The choices for an option.
pub(crate) async fn choices(ask: &Ask, path: &str, option: &str, typed: &str) -> Vec<(String, String)> {
    let of = match (path, option) {
        ("submit", "item") => Of::Items,
        ("review approve" | "review refuse", "submission") => Of::Pending,
        (_, "season") => Of::Seasons,
        _ => return Vec::new(),
    };
    ask.deps.lookup.choices(ask.guild, ask.user, of, typed, ask.api()).await
}

async fn fetch(key: &Key, api: &Guild) -> Result<(Vec<(String, String)>, bool), ClientError> {
    let page = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
    match key.of {
        Of::Items => {
            let season = api.current_season().await?.id;
            let name = Some(key.name.as_str()).filter(|name| !name.is_empty());
            let found = api.items(season, name, &page).await?;
            let choices = found.items.iter().map(|item| (text::item_choice(item), item.id.to_string()));
            Ok((choices.collect(), found.next_cursor.is_none()))
        }
        Of::Seasons => {
            let found = api.seasons(&page).await?;
            let choices = found.items.iter().map(|season| (text::season_choice(season), season.id.to_string()));
            Ok((choices.collect(), found.next_cursor.is_none()))
        }
        Of::Pending => {
            let query = SubmissionQuery { state: Some(SubmissionState::Pending), page, ..SubmissionQuery::default() };
            let found = api.submissions(&query).await?;
            let choices = found.items.iter().map(|submission| {
                (text::pending_choice(submission), components::pending(submission.id, submission.version))
            });
            Ok((choices.collect(), found.next_cursor.is_none()))
        }
    }
}
