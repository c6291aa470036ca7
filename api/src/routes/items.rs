//! Owns `/seasons/{season_id}/items`: what can be handed in, and what it is worth.

use axum::{Json, extract::State};
use domain::{GuildId, ItemId, Points, Rejection, SeasonId, permit::Act, submission::ItemValue};
use messages::api::{AddItem, Page, PriceItem, SeasonItem};
use serde::Deserialize;
use store::items;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{reading, season, unclosed};
use crate::{
    auth::Caller,
    error::ApiError,
    extract::{Asked, Ids, Params},
    paging::Paging,
    state::ApiState,
    text,
    writes::{Cx, Deed, Reply},
};

/// The most that one item may be worth.
const MAX_VALUE: i64 = 1_000_000_000;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(add, list)).routes(routes!(price))
}

fn value(points: i64) -> Result<Points, ApiError> {
    Points::new(points)
        .ok()
        .filter(|points| (1..=MAX_VALUE).contains(&points.get()))
        .ok_or(ApiError::invalid("points_out_of_range", "An item has to be worth between 1 and 1000000000 points."))
}

/// Adds an item to a season, and to the guild's catalogue when no item has that name. Officers only.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}/items", tag = "items",
    operation_id = "add_item", request_body = AddItem, responses((status = 201, body = SeasonItem)))]
async fn add(
    State(state): State<ApiState>,
    Ids((_guild, season)): Ids<(GuildId, SeasonId)>,
    asked: Asked,
) -> Result<Reply, ApiError> {
    let mut item: AddItem = asked.json()?;
    item.game_id = text::short(item.game_id.as_deref())?;
    let points = value(item.points)?;
    asked.once(&state, &Add { season, item, points }).await
}

struct Add {
    season: SeasonId,
    item: AddItem,
    points: Points,
}

impl Deed for Add {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        cx.permit(Act::ManageSeasons).await?;
        let season = unclosed(&mut cx.tx, cx.guild, self.season).await?;
        let new = items::NewItem {
            id: ItemId::new(cx.derived("item")),
            name: &self.item.name,
            game_id: self.item.game_id.as_deref(),
        };
        let id = items::catalogue(&mut cx.tx, cx.guild, &new, cx.now).await?;
        if items::in_season(&mut cx.tx, season.id, id).await?.is_some() {
            return Err(ApiError::conflict("item_exists", "That item is part of this season already."));
        }
        let first = ItemValue { version: 1, points: self.points };
        let item = priced(cx, season.id, id, first).await?;
        cx.audit("item.add", id, &(), &item).await?;
        Reply::created(format!("/api/v1/guilds/{}/seasons/{}/items/{id}", cx.guild, season.id), &item)
    }
}

async fn priced(cx: &mut Cx<'_>, season: SeasonId, item: ItemId, value: ItemValue) -> Result<SeasonItem, ApiError> {
    items::price(&mut cx.tx, season, item, value, cx.now).await?;
    items::in_season(&mut cx.tx, season, item).await?.ok_or_else(|| Rejection::UnknownItem.into())
}

/// Changes what an item is worth from now on; what was handed in keeps its value. Officers only.
#[utoipa::path(put, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}/items/{item_id}", tag = "items",
    operation_id = "price_item", request_body = PriceItem, responses((status = 200, body = SeasonItem)))]
async fn price(
    State(state): State<ApiState>,
    Ids((_guild, season, item)): Ids<(GuildId, SeasonId, ItemId)>,
    asked: Asked,
) -> Result<Reply, ApiError> {
    let points = value(asked.json::<PriceItem>()?.points)?;
    asked.once(&state, &Price { season, item, points }).await
}

struct Price {
    season: SeasonId,
    item: ItemId,
    points: Points,
}

impl Deed for Price {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        cx.permit(Act::ManageSeasons).await?;
        let season = unclosed(&mut cx.tx, cx.guild, self.season).await?;
        items::lock(&mut cx.tx, self.item).await?;
        let before = items::in_season(&mut cx.tx, season.id, self.item).await?.ok_or(Rejection::UnknownItem)?;
        if before.points == self.points {
            return Reply::ok(&before);
        }
        let next = ItemValue { version: before.version.saturating_add(1), points: self.points };
        let after = priced(cx, season.id, self.item, next).await?;
        cx.audit("item.price", self.item, &before, &after).await?;
        Reply::ok(&after)
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// What the name holds, whatever its case.
    name: Option<String>,
    /// How many rows, 1 to 100; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A season's items by name, with what they are worth now.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}/items", tag = "items",
    operation_id = "list_items", params(ListQuery), responses((status = 200, body = Page<SeasonItem>)))]
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, id)): Ids<(GuildId, SeasonId)>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<SeasonItem>>, ApiError> {
    let paging = Paging::<String>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let text = text::short(query.name.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::Read).await?;
    let season = season(&mut tx, guild, id).await?;
    let rows = items::page(&mut tx, season.id, text.as_deref(), paging.after.as_deref(), paging.rows()).await?;
    Ok(Json(paging.page(rows, |row| row.name.key(), |row| row)?))
}
