//! Owns `/effects`: what must become true in Discord, and where that stands.

use axum::{Json, extract::State, response::Response};
use domain::{
    EffectId, GuildId,
    permit::{Act, permit},
};
use messages::{
    api::{Accepted, EffectView, Page},
    command::{Command, RefreshEffectsV1},
    effect::EffectOrder,
    outcome::Outcome,
};
use serde::Deserialize;
use store::{effects, views};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{looking, reading};
use crate::{
    auth::Caller,
    error::ApiError,
    extract::{self, Asked, Ids, Params},
    paging::{AtId, Paging},
    state::ApiState,
};

const UNKNOWN: ApiError = ApiError::not_found("unknown_effect", "There's no such effect.");

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(retry))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// `waiting`, `done`, `parked` or `dead`.
    state: Option<String>,
    /// How many rows, 1 to 100; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What must become true in Discord, the newest first. Officers only.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/effects", tag = "effects",
    operation_id = "list_effects", params(ListQuery), responses((status = 200, body = Page<EffectView>)))]
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<EffectView>>, ApiError> {
    let paging = Paging::<AtId<EffectId>>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let wanted = extract::word(query.state.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::ManageGuild).await?;
    let after = paging.after.map(|key| (key.at, key.id));
    let rows = views::effects::page(&mut tx, caller.guild, wanted, after, paging.rows()).await?;
    Ok(Json(paging.page(rows, |((at, id), _)| AtId { at: *at, id: *id }, |(_, view)| view)?))
}

/// What the bot is to do, as it is wanted now. The bot only.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/effects/{effect_id}", tag = "effects",
    operation_id = "show_effect", responses((status = 200, body = Object)))]
async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, id)): Ids<(GuildId, EffectId)>,
) -> Result<Json<EffectOrder>, ApiError> {
    caller.only_bot()?;
    let mut tx = state.store.read().await?;
    // Named members have the rights of members, also through the bot.
    if !caller.is_bot_alone() {
        let acting = caller.acting(&mut tx, &state).await?;
        permit(&acting.actor, Act::ManageGuild)?;
    }
    effects::find(&mut tx, guild, id).await?.map(Json).ok_or(UNKNOWN)
}

/// Asks for an effect to be tried again. Officers only.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/effects/{effect_id}/retry", tag = "effects",
    operation_id = "retry_effect", responses((status = 202, body = Accepted), (status = 200, body = Outcome)))]
async fn retry(
    State(state): State<ApiState>,
    Ids((guild, id)): Ids<(GuildId, EffectId)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    asked.no_body()?;
    let (mut tx, acting) = looking(&state, &asked.caller).await?;
    permit(&acting.actor, Act::ManageGuild)?;
    effects::find(&mut tx, guild, id).await?.ok_or(UNKNOWN)?;
    tx.rollback().await?;
    let command = Command::RefreshEffects(RefreshEffectsV1::Effect { effect_id: id });
    asked.command(&state, &acting, command, None).await
}
