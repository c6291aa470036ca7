//! Owns `/settings`.

use axum::{Json, extract::State};
use domain::permit::Act;
use messages::api::{ChangeSettings, Settings};
use store::guilds;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::reading;
use crate::{
    auth::Caller,
    error::ApiError,
    extract::Asked,
    state::ApiState,
    writes::{Cx, Deed, Reply},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show, change))
}

/// The guild's settings. Officers only.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/settings", tag = "settings",
    operation_id = "show_settings", responses((status = 200, body = Settings)))]
async fn show(State(state): State<ApiState>, caller: Caller) -> Result<Json<Settings>, ApiError> {
    let (mut tx, _) = reading(&state, &caller, Act::ManageGuild).await?;
    Ok(Json(guilds::settings(&mut tx, caller.guild).await?))
}

/// Changes the guild's settings: what is absent stays, `null` clears. Officers only.
#[utoipa::path(patch, path = "/api/v1/guilds/{guild_id}/settings", tag = "settings",
    operation_id = "change_settings", request_body = ChangeSettings, responses((status = 200, body = Settings)))]
async fn change(State(state): State<ApiState>, asked: Asked) -> Result<Reply, ApiError> {
    asked.once(&state, &asked.json::<ChangeSettings>()?).await
}

impl Deed for ChangeSettings {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        cx.permit(Act::ManageGuild).await?;
        guilds::lock(&mut cx.tx, cx.guild).await?;
        let before = guilds::settings(&mut cx.tx, cx.guild).await?;
        let after = Settings {
            officer_channel_id: self.officer_channel_id.unwrap_or(before.officer_channel_id),
            announcement_channel_id: self.announcement_channel_id.unwrap_or(before.announcement_channel_id),
        };
        guilds::write_settings(&mut cx.tx, cx.guild, &after).await?;
        cx.audit("settings.change", cx.guild, &before, &after).await?;
        Reply::ok(&after)
    }
}
