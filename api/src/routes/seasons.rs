//! Owns `/seasons`: making and listing seasons, and their leaderboards.

use axum::{Json, extract::State};
use chrono::{Datelike, SubsecRound};
use domain::{BookId, GuildId, MemberId, Points, Rejection, SeasonId, Timestamp, permit::Act, season::Season};
use messages::api::{CreateSeason, Page, SeasonView, StandingView};
use serde::{Deserialize, Serialize};
use store::{seasons, views};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{reading, season, season_or_current};
use crate::{
    auth::Caller,
    error::ApiError,
    extract::{Asked, Ids, Params},
    paging::{CursorKey, Paging, is_storable},
    state::ApiState,
    writes::{Cx, Deed, Reply, deed::taken},
};

/// The years in which seasons can be: generous, and safe to write and compare in both databases.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2999;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(current))
        .routes(routes!(show))
        .routes(routes!(standings))
}

/// A season as it is shown at `now`.
pub(super) fn shown(season: &Season, now: Timestamp) -> SeasonView {
    SeasonView {
        id: season.id,
        number: season.number,
        name: season.name.clone(),
        starts_at: season.starts_at,
        ends_at: season.ends_at,
        phase: season.phase(now),
        review: season.review,
        on_fall: season.on_fall,
        closed_at: season.closed_at,
    }
}

/// Creates a season with its ledger. Officers only.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/seasons", tag = "seasons",
    operation_id = "create_season", request_body = CreateSeason, responses((status = 201, body = SeasonView)))]
async fn create(State(state): State<ApiState>, asked: Asked) -> Result<Reply, ApiError> {
    let mut create: CreateSeason = asked.json()?;
    create.starts_at = create.starts_at.trunc_subsecs(6);
    create.ends_at = create.ends_at.trunc_subsecs(6);
    if ![create.starts_at, create.ends_at].iter().all(|at| YEARS.contains(&at.year())) {
        return Err(ApiError::invalid("time_out_of_range", "A season has to be between the years 2000 and 2999."));
    }
    if create.starts_at >= create.ends_at {
        return Err(Rejection::EndsBeforeStart.into());
    }
    if create.number.is_some_and(|number| number < 1) {
        return Err(ApiError::invalid("number_out_of_range", "A season's number is 1 or more."));
    }
    asked.once(&state, &create).await
}

impl Deed for CreateSeason {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        cx.permit(Act::ManageSeasons).await?;
        let number = match self.number {
            Some(number) => number,
            None => seasons::next_number(&mut cx.tx, cx.guild).await?,
        };
        let new = Season {
            id: SeasonId::new(cx.derived("season")),
            guild: cx.guild,
            book: BookId::new(cx.derived("book")),
            number,
            name: self.name.clone(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            review: self.review,
            on_fall: self.on_fall,
            closed_at: None,
        };
        seasons::insert(&mut cx.tx, &new, cx.now).await.map_err(|error| {
            let number = match self.number {
                Some(_) => ApiError::conflict("season_number_taken", "There's a season with that number already."),
                // Nobody asked for that number: somebody else was faster, and the next one is free.
                None => ApiError::Lost,
            };
            let name = ApiError::conflict("season_name_taken", "There's a season with that name already.");
            taken(error, [("season_guild_id_number_key", number), ("season_guild_id_name_key_key", name)])
        })?;
        let view = shown(&new, cx.now);
        cx.audit("season.create", new.id, &(), &view).await?;
        Reply::created(format!("/api/v1/guilds/{}/seasons/{}", cx.guild, new.id), &view)
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    /// How many rows, 1 to 100; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The guild's seasons, the highest number first.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/seasons", tag = "seasons",
    operation_id = "list_seasons", params(PageQuery), responses((status = 200, body = Page<SeasonView>)))]
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<SeasonView>>, ApiError> {
    let paging = Paging::<i32>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::Read).await?;
    let rows = views::seasons::page(&mut tx, caller.guild, paging.after, paging.rows()).await?;
    let now = state.clock.now();
    Ok(Json(paging.page(rows, |row| row.number, |row| shown(&row, now))?))
}

/// The season people mean when they name none: the running one, else the one that ended last.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/seasons/current", tag = "seasons",
    operation_id = "current_season", responses((status = 200, body = SeasonView)))]
async fn current(State(state): State<ApiState>, caller: Caller) -> Result<Json<SeasonView>, ApiError> {
    let (mut tx, _) = reading(&state, &caller, Act::Read).await?;
    let season = season_or_current(&mut tx, &state, caller.guild, None).await?;
    Ok(Json(shown(&season, state.clock.now())))
}

/// One season.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}", tag = "seasons",
    operation_id = "show_season", responses((status = 200, body = SeasonView)))]
async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, id)): Ids<(GuildId, SeasonId)>,
) -> Result<Json<SeasonView>, ApiError> {
    let (mut tx, _) = reading(&state, &caller, Act::Read).await?;
    let season = season(&mut tx, guild, id).await?;
    Ok(Json(shown(&season, state.clock.now())))
}

/// A leaderboard row's place, as its cursor carries it.
#[derive(Serialize, Deserialize)]
struct PlaceKey {
    points: Points,
    reached_at: Timestamp,
    member: MemberId,
    position: i64,
}

impl CursorKey for PlaceKey {
    fn is_sound(&self) -> bool {
        is_storable(self.reached_at) && self.position >= 0 && self.position < i64::from(u32::MAX)
    }
}

/// The leaderboard: more points first, then who had them earlier. Banned members are not shown.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}/standings", tag = "seasons",
    operation_id = "list_standings", params(PageQuery), responses((status = 200, body = Page<StandingView>)))]
async fn standings(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, id)): Ids<(GuildId, SeasonId)>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<StandingView>>, ApiError> {
    let paging = Paging::<PlaceKey>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::Read).await?;
    let season = season(&mut tx, guild, id).await?;
    let after = paging.after.as_ref().map(|key| views::standings::Key {
        points: key.points,
        reached_at: key.reached_at,
        member: key.member,
        position: key.position,
    });
    let rows = views::standings::page(&mut tx, season.book, after, paging.rows()).await?;
    let key = |(key, _): &(views::standings::Key, _)| PlaceKey {
        points: key.points,
        reached_at: key.reached_at,
        member: key.member,
        position: key.position,
    };
    Ok(Json(paging.page(rows, key, |(_, view)| view)?))
}
