//! Owns `/seasons/{season_id}/ranks`: the ladder and what its ranks give.

use axum::{Json, extract::State};
use domain::{CommandId, GuildId, Points, PrizeId, RankId, Rejection, SeasonId, permit::Act};
use messages::{
    api::{AddRank, Page, PrizeView, SeasonRank},
    command::{ActivateLadderV1, ActorRef, Command, CommandEnvelope, Via},
};
use serde::Deserialize;
use store::{ladders, outbox, seasons, views};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{reading, season, unclosed};
use crate::{
    auth::Caller,
    error::ApiError,
    extract::{Asked, Ids, Params},
    paging::Paging,
    state::ApiState,
    writes::{Cx, Deed, Reply, deed::taken},
};

/// The most prizes of a rank, besides its role.
const MAX_PRIZES: usize = 20;
/// The most ranks of a season: each change writes the ladder anew.
const MAX_RANKS: usize = 100;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(add, list))
}

/// Adds a rank to a season's ladder; members who have the points already are awarded it. Officers only.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}/ranks", tag = "ranks",
    operation_id = "add_rank", request_body = AddRank, responses((status = 201, body = SeasonRank)))]
async fn add(
    State(state): State<ApiState>,
    Ids((_guild, season)): Ids<(GuildId, SeasonId)>,
    asked: Asked,
) -> Result<Reply, ApiError> {
    let rank: AddRank = asked.json()?;
    if rank.prizes.len() > MAX_PRIZES {
        return Err(ApiError::invalid("too_many_prizes", "A rank gives at most 20 prizes besides its role."));
    }
    if rank.number.is_some_and(|number| number < 1) {
        return Err(ApiError::invalid("number_out_of_range", "A rank's number is 1 or more."));
    }
    let threshold = Points::new(rank.threshold).map_err(Rejection::from)?;
    asked.once(&state, &Add { season, rank, threshold }).await
}

struct Add {
    season: SeasonId,
    rank: AddRank,
    threshold: Points,
}

impl Add {
    /// What the rank gives: its role first.
    fn prizes(&self, cx: &Cx<'_>) -> Vec<PrizeView> {
        let role = self.rank.role_id.map(|role| ("Discord role".to_owned(), Some(role)));
        let others = self.rank.prizes.iter().map(|prize| (prize.description.to_string(), prize.role_id));
        role.into_iter()
            .chain(others)
            .zip(1_u32..)
            .map(|((description, role_id), position)| {
                let id = PrizeId::new(cx.derived(&format!("prize:{position}")));
                PrizeView { id, description, role_id }
            })
            .collect()
    }
}

impl Deed for Add {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        cx.permit(Act::ManageSeasons).await?;
        let season = unclosed(&mut cx.tx, cx.guild, self.season).await?;
        // Held before the ladder is read: two new ranks make two versions, one after the other.
        seasons::lock_book(&mut cx.tx, season.book).await?;
        let season = unclosed(&mut cx.tx, cx.guild, self.season).await?;
        let (version, ladder) = ladders::newest(&mut cx.tx, season.book).await?;
        if ladder.rungs().len() >= MAX_RANKS {
            return Err(ApiError::conflict("too_many_ranks", "A season has at most 100 ranks."));
        }
        let id = RankId::new(cx.derived("rank"));
        let ladder = ladder.with(id, self.rank.number, self.threshold).map_err(Rejection::from)?;
        let number = ladder.rungs().iter().find(|rung| rung.rank == id).map_or(0, |rung| rung.number);
        let prizes = self.prizes(cx);
        ladders::insert_rank(&mut cx.tx, season.id, id, &self.rank.name, &prizes, cx.now).await.map_err(|error| {
            let name = ApiError::conflict("rank_name_taken", "This season has a rank with that name already.");
            taken(error, [("season_rank_season_id_name_key_key", name)])
        })?;
        let version = version.saturating_add(1);
        ladders::write(&mut cx.tx, season.book, version, &ladder).await?;
        // Awarding by it is the worker's: only it writes what follows from points.
        let activate = CommandEnvelope {
            id: CommandId::of_deed(&format!("ladder:{}:{version}", season.book)),
            guild_id: cx.guild,
            actor: ActorRef { user_id: None, via: Via::System },
            accepted_at: cx.now,
            traceparent: cx.trace.clone(),
            reply: None,
            command: Command::ActivateLadder(ActivateLadderV1 { book_id: season.book, version }),
        };
        outbox::put(&mut cx.tx, &[outbox::Outgoing::command(&activate)?]).await?;
        let rank = SeasonRank { id, number, name: self.rank.name.clone(), threshold: self.threshold, prizes };
        cx.audit("rank.add", id, &(), &rank).await?;
        Reply::created(format!("/api/v1/guilds/{}/seasons/{}/ranks", cx.guild, season.id), &rank)
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// How many rows, 1 to 100; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A season's ranks, the lowest first.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}/ranks", tag = "ranks",
    operation_id = "list_ranks", params(ListQuery), responses((status = 200, body = Page<SeasonRank>)))]
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, id)): Ids<(GuildId, SeasonId)>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<SeasonRank>>, ApiError> {
    let paging = Paging::<i32>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::Read).await?;
    let season = season(&mut tx, guild, id).await?;
    let rows = views::seasons::ranks(&mut tx, season.book, paging.after, paging.rows()).await?;
    Ok(Json(paging.page(rows, |row| row.number, |row| row)?))
}
