//! Owns how what was typed or picked becomes a season or an item: by id, else by exact name. Every value is hostile.

use client::Guild;
use domain::{ItemId, SeasonId};
use messages::api::{MAX_LIMIT, PageQuery, SeasonView};

use crate::{
    handle::{Trouble, patiently},
    text,
};

/// The season that was named; the current one when none was.
pub(super) async fn season(api: &Guild, given: Option<&str>) -> Result<SeasonView, Trouble> {
    let Some(given) = given else { return Ok(patiently(|| api.current_season()).await?) };
    if let Ok(id) = given.parse::<SeasonId>() {
        return Ok(patiently(|| api.season(id)).await?);
    }
    let wanted = given.to_lowercase();
    let page = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
    let seasons = patiently(|| api.seasons(&page)).await?;
    let named = |season: &SeasonView| season.name.key() == wanted || season.number.to_string() == wanted;
    seasons.items.into_iter().find(named).ok_or_else(|| Trouble::Say(text::NO_SUCH_SEASON.into()))
}

/// The season's id only: without asking when it was picked from the list.
pub(super) async fn season_id(api: &Guild, given: Option<&str>) -> Result<Option<SeasonId>, Trouble> {
    match given {
        None => Ok(None),
        Some(given) => match given.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => Ok(Some(season(api, Some(given)).await?.id)),
        },
    }
}

/// The item of the current season that was named.
pub(super) async fn item(api: &Guild, given: &str) -> Result<ItemId, Trouble> {
    if let Ok(id) = given.parse() {
        return Ok(id);
    }
    let wanted = given.to_lowercase();
    let season = patiently(|| api.current_season()).await?.id;
    let mut page = PageQuery { limit: Some(MAX_LIMIT), cursor: None };
    loop {
        let found = patiently(|| api.items(season, Some(given), &page)).await?;
        if let Some(item) = found.items.iter().find(|item| item.name.key() == wanted) {
            return Ok(item.id);
        }
        match found.next_cursor {
            Some(next) => page.cursor = Some(next),
            None => return Err(Trouble::Say(text::NO_SUCH_ITEM.into())),
        }
    }
}
