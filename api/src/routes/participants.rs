//! Owns `/seasons/{season_id}/participants`.

use axum::extract::State;
use domain::{GuildId, Rejection, SeasonId, member::MemberStatus, permit::Act};
use messages::api::{JoinSeason, Participant};
use store::{seasons, standings};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{member, unclosed};
use crate::{
    error::ApiError,
    extract::{Asked, Ids},
    state::ApiState,
    writes::{Cx, Deed, Reply},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(join))
}

/// Joins a season: oneself, or for officers anybody. An empty body means oneself.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/seasons/{season_id}/participants", tag = "seasons",
    operation_id = "join_season", request_body = JoinSeason, responses((status = 201, body = Participant)))]
async fn join(
    State(state): State<ApiState>,
    Ids((_guild, season)): Ids<(GuildId, SeasonId)>,
    asked: Asked,
) -> Result<Reply, ApiError> {
    asked.once(&state, &Join { season, whom: asked.json_or_default()? }).await
}

struct Join {
    season: SeasonId,
    whom: JoinSeason,
}

impl Deed for Join {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        let user = self.whom.user_id.unwrap_or(cx.acting.actor.user);
        cx.permit(Act::Join(user)).await?;
        let season = unclosed(&mut cx.tx, cx.guild, self.season).await?;
        // Held before it is looked at: nobody closes the season while somebody joins.
        seasons::share_books(&mut cx.tx, &[season.book]).await?;
        let season = unclosed(&mut cx.tx, cx.guild, self.season).await?;
        if cx.now >= season.ends_at {
            return Err(Rejection::SeasonEnded.into());
        }
        let who = member(&mut cx.tx, cx.guild, user).await?;
        match who.status {
            MemberStatus::Verified => {}
            MemberStatus::Pending => return Err(Rejection::MemberNotVerified.into()),
            MemberStatus::Banned => return Err(Rejection::MemberBanned.into()),
        }
        if standings::join(&mut cx.tx, &[(season.book, who.id)], cx.now).await?.is_empty() {
            return Err(ApiError::conflict("already_joined", "They take part in that season already."));
        }
        let participant =
            Participant { season_id: season.id, user_id: user, name: who.name.to_string(), joined_at: cx.now };
        cx.audit("season.join", season.id, &(), &participant).await?;
        let location = format!("/api/v1/guilds/{}/members/{user}/summary?season_id={}", cx.guild, season.id);
        Reply::created(location, &participant)
    }
}
