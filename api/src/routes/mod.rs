//! Owns the routes: one file per endpoint family, put together here. The OpenAPI document is made from the same place.

mod commands;
mod docs;
mod effects;
mod health;
mod items;
mod members;
mod participants;
mod ranks;
mod seasons;
mod settings;
mod submissions;
mod tokens;

use axum::{Router, middleware};
use store::{Tx, members as store_members, seasons as store_seasons};
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;

use domain::{
    GuildId, Rejection, SeasonId, UserId,
    member::Member,
    permit::{Act, permit},
    season::Season,
};

use crate::{
    auth::{Acting, Caller},
    error::ApiError,
    layers,
    state::ApiState,
};

pub use docs::openapi;

/// The API with everything around it.
pub fn router(state: ApiState) -> Router {
    let (work, _) = work().split_for_parts();
    let (watch, _) = health::routes().split_for_parts();
    Router::new()
        .merge(work.route_layer(middleware::from_fn_with_state(state.clone(), layers::work)))
        .merge(watch)
        .merge(docs::pages())
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_with_this_method)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(layers::observe))
        .with_state(state)
}

/// Every route that does work, so that its amount is bounded.
fn work() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(settings::routes())
        .merge(members::routes())
        .merge(tokens::routes())
        .merge(seasons::routes())
        .merge(participants::routes())
        .merge(items::routes())
        .merge(ranks::routes())
        .merge(submissions::routes())
        .merge(commands::routes())
        .merge(effects::routes())
}

async fn nothing_here() -> ApiError {
    ApiError::not_found("no_such_route", "There's nothing at this address. /docs lists what there is.")
}

async fn not_with_this_method() -> ApiError {
    ApiError::MethodNotAllowed
}

/// Begins a read in which the caller may do `act`.
async fn reading(state: &ApiState, caller: &Caller, act: Act) -> Result<(Tx, Acting), ApiError> {
    let (tx, acting) = looking(state, caller).await?;
    permit(&acting.actor, act)?;
    Ok((tx, acting))
}

/// Begins a read for which rights are asked later.
async fn looking(state: &ApiState, caller: &Caller) -> Result<(Tx, Acting), ApiError> {
    let mut tx = state.store.read().await?;
    let acting = caller.acting(&mut tx, state).await?;
    Ok((tx, acting))
}

/// The member behind an account.
async fn member(tx: &mut Tx, guild: GuildId, user: UserId) -> Result<Member, ApiError> {
    let found = store_members::of_users(tx, &[(guild, user)]).await?.remove(&(guild, user));
    found.ok_or_else(|| Rejection::UnknownMember.into())
}

/// The season of that id in the guild.
async fn season(tx: &mut Tx, guild: GuildId, id: SeasonId) -> Result<Season, ApiError> {
    store_seasons::find(tx, guild, id).await?.ok_or_else(|| Rejection::UnknownSeason.into())
}

/// The season of that id in the guild, which is not closed yet.
async fn unclosed(tx: &mut Tx, guild: GuildId, id: SeasonId) -> Result<Season, ApiError> {
    let season = season(tx, guild, id).await?;
    if season.closed_at.is_some() { Err(Rejection::SeasonClosed.into()) } else { Ok(season) }
}

/// The season of that id, or the current one when none is named.
async fn season_or_current(
    tx: &mut Tx,
    state: &ApiState,
    guild: GuildId,
    id: Option<SeasonId>,
) -> Result<Season, ApiError> {
    match id {
        Some(id) => season(tx, guild, id).await,
        None => {
            let current = store_seasons::current(tx, guild, state.clock.now()).await?;
            current.ok_or_else(|| Rejection::NoSeason.into())
        }
    }
}
