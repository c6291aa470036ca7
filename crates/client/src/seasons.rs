//! `/seasons` and what hangs on a season: participants, standings, items, ranks.

use domain::{ItemId, SeasonId};
use messages::api::{
    AddItem, AddRank, CreateSeason, JoinSeason, Page, PageQuery, Participant, PriceItem, SeasonItem, SeasonRank,
    SeasonView, StandingView,
};
use reqwest::Method;
use serde::Serialize;

use crate::{ClientError, Guild};

#[derive(Serialize)]
struct ItemQuery<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(flatten)]
    page: &'a PageQuery,
}

impl Guild {
    /// Creates a season.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_season(&self, season: &CreateSeason) -> Result<SeasonView, ClientError> {
        self.write(Method::POST, "/seasons", season).await
    }

    /// The guild's seasons, the highest number first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn seasons(&self, page: &PageQuery) -> Result<Page<SeasonView>, ClientError> {
        self.list("/seasons", page).await
    }

    /// The season people mean when they name none.
    ///
    /// # Errors
    /// [`ClientError`]; 404 `no_season` when none has begun.
    pub async fn current_season(&self) -> Result<SeasonView, ClientError> {
        self.get("/seasons/current").await
    }

    /// One season.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn season(&self, season: SeasonId) -> Result<SeasonView, ClientError> {
        self.get(&format!("/seasons/{season}")).await
    }

    /// Joins a season; 409 `already_joined` when that was done before.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn join_season(&self, season: SeasonId, join: &JoinSeason) -> Result<Participant, ClientError> {
        self.write(Method::POST, &format!("/seasons/{season}/participants"), join).await
    }

    /// The leaderboard, best first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn standings(&self, season: SeasonId, page: &PageQuery) -> Result<Page<StandingView>, ClientError> {
        self.list(&format!("/seasons/{season}/standings"), page).await
    }

    /// Adds an item to a season; 409 `item_exists` when it is part of it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_item(&self, season: SeasonId, item: &AddItem) -> Result<SeasonItem, ClientError> {
        self.write(Method::POST, &format!("/seasons/{season}/items"), item).await
    }

    /// A season's items, or those whose name contains some text, whatever its case.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn items(
        &self,
        season: SeasonId,
        name: Option<&str>,
        page: &PageQuery,
    ) -> Result<Page<SeasonItem>, ClientError> {
        self.list(&format!("/seasons/{season}/items"), &ItemQuery { name, page }).await
    }

    /// Changes what an item is worth from now on.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn price_item(
        &self,
        season: SeasonId,
        item: ItemId,
        price: &PriceItem,
    ) -> Result<SeasonItem, ClientError> {
        self.write(Method::PUT, &format!("/seasons/{season}/items/{item}"), price).await
    }

    /// Adds a rank to a season's ladder.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_rank(&self, season: SeasonId, rank: &AddRank) -> Result<SeasonRank, ClientError> {
        self.write(Method::POST, &format!("/seasons/{season}/ranks"), rank).await
    }

    /// A season's ranks, lowest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ranks(&self, season: SeasonId, page: &PageQuery) -> Result<Page<SeasonRank>, ClientError> {
        self.list(&format!("/seasons/{season}/ranks"), page).await
    }
}
