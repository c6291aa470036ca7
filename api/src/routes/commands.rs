//! Owns `/commands/{command_id}`: what became of a command.

use axum::{Json, extract::State};
use domain::{
    CommandId, GuildId,
    permit::{Act, permit},
};
use messages::outcome::Outcome;
use store::inbox;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{auth::Caller, error::ApiError, extract::Ids, state::ApiState};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What became of a command; 404 `not_applied_yet` while it is on its way, or was never taken.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/commands/{command_id}", tag = "submissions",
    operation_id = "show_outcome", responses((status = 200, body = Outcome)))]
async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, id)): Ids<(GuildId, CommandId)>,
) -> Result<Json<Outcome>, ApiError> {
    let mut tx = state.store.read().await?;
    // The bot asks for its own sake too, for an interaction whose member it need not name.
    if !caller.is_bot_alone() {
        let acting = caller.acting(&mut tx, &state).await?;
        permit(&acting.actor, Act::Read)?;
    }
    let settled = inbox::find(&mut tx, id).await?.filter(|settled| settled.guild == guild);
    let settled = settled.ok_or(ApiError::NotAppliedYet)?;
    serde_json::from_str(&settled.outcome).map(Json).map_err(ApiError::internal)
}
