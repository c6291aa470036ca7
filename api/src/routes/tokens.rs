//! Owns `/members/{user_id}/tokens`.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use chrono::{SubsecRound, TimeDelta};
use domain::{
    GuildId, MemberId, Rejection, TokenId, UserId,
    permit::{Act, Scope},
};
use messages::api::{CreateToken, IssuedToken, Page, TokenView};
use serde::{Deserialize, Serialize};
use store::tokens;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{member, reading};
use crate::{
    auth::{Caller, Claims, signed},
    config::{AUDIENCE, ISSUER},
    error::ApiError,
    extract::{Asked, Ids, Params},
    paging::{AtId, Paging},
    state::ApiState,
    text,
    writes::{Cx, Deed, Reply},
};

/// For how many days a token is good when nobody says, and at most.
const DAYS: (u32, u32) = (30, 365);
/// How many tokens of a member may count at once.
const MAX_TOKENS: i64 = 20;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(revoke))
}

/// Makes a token for oneself; it is shown this once. Through the bot only: a token that makes tokens would never end.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/members/{user_id}/tokens", tag = "tokens",
    operation_id = "create_token", request_body = CreateToken, responses((status = 201, body = IssuedToken)))]
async fn create(
    State(state): State<ApiState>,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    asked.caller.only_bot()?;
    let create: CreateToken = asked.json_or_default()?;
    let days = create.expires_in_days.unwrap_or(DAYS.0);
    if !(1..=DAYS.1).contains(&days) {
        return Err(ApiError::invalid("expiry_out_of_range", "A token is good for 1 to 365 days."));
    }
    let mut scopes = if create.scopes.is_empty() { vec![Scope::Read] } else { create.scopes };
    scopes.sort_unstable();
    scopes.dedup();
    let label = text::short(create.label.as_deref())?;
    let issue = Issue { user, label, scopes, life: TimeDelta::days(days.into()) };
    let mut reply = asked.once(&state, &issue).await?;
    // The token is not kept, but follows from what is: a repeat gets the same one.
    let issued: Issued = serde_json::from_value(reply.body).map_err(ApiError::internal)?;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: issued.member,
        jti: issued.view.id,
        gid: guild,
        scope: tokens::scope_words(&issued.view.scopes)?,
        iat: issued.view.created_at.timestamp(),
        nbf: issued.view.created_at.timestamp(),
        exp: issued.view.expires_at.timestamp(),
    };
    let shown = IssuedToken { token: signed(&claims, &state)?, view: issued.view };
    reply.body = serde_json::to_value(shown).map_err(ApiError::internal)?;
    Ok(reply.into_response())
}

struct Issue {
    user: UserId,
    label: Option<String>,
    scopes: Vec<Scope>,
    life: TimeDelta,
}

/// What is kept of the answer.
#[derive(Serialize, Deserialize)]
struct Issued {
    member: MemberId,
    view: TokenView,
}

impl Deed for Issue {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        cx.permit(Act::Tokens(self.user)).await?;
        // An officer manages other people's tokens, but must not be able to act in their name.
        if self.user != cx.acting.actor.user {
            return Err(ApiError::forbidden(
                "own_tokens_only",
                "Everybody makes their own tokens; officers can revoke them.",
            ));
        }
        let owner = member(&mut cx.tx, cx.guild, self.user).await?;
        store::members::lock(&mut cx.tx, &[owner.id]).await?;
        if tokens::counting(&mut cx.tx, owner.id, cx.now).await? >= MAX_TOKENS {
            return Err(ApiError::conflict("too_many_tokens", "You have 20 tokens already. Revoke one first."));
        }
        // Whole seconds, as the token itself has them.
        let created_at = cx.now.trunc_subsecs(0);
        let view = TokenView {
            id: TokenId::new(cx.derived("token")),
            label: self.label.clone(),
            scopes: self.scopes.clone(),
            created_at,
            expires_at: created_at + self.life,
            revoked_at: None,
        };
        let token = tokens::Token { guild: cx.guild, member: owner.id, view: view.clone() };
        tokens::insert(&mut cx.tx, &token).await?;
        cx.audit("token.create", view.id, &(), &view).await?;
        let location = format!("/api/v1/guilds/{}/members/{}/tokens/{}", cx.guild, self.user, view.id);
        Reply::created(location, &Issued { member: owner.id, view })
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

/// A member's tokens, the newest first: one's own, or for officers anybody's.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/members/{user_id}/tokens", tag = "tokens",
    operation_id = "list_tokens", params(ListQuery), responses((status = 200, body = Page<TokenView>)))]
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<TokenView>>, ApiError> {
    let paging = Paging::<AtId<TokenId>>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::Tokens(user)).await?;
    let member = member(&mut tx, guild, user).await?;
    let after = paging.after.map(|key| (key.at, key.id));
    let rows = tokens::of_member(&mut tx, member.id, after, paging.rows()).await?;
    Ok(Json(paging.page(rows, |row| AtId { at: row.created_at, id: row.id }, |row| row)?))
}

/// Revokes a token: one's own, or for officers anybody's.
#[utoipa::path(delete, path = "/api/v1/guilds/{guild_id}/members/{user_id}/tokens/{token_id}", tag = "tokens",
    operation_id = "revoke_token", responses((status = 204)))]
async fn revoke(
    State(state): State<ApiState>,
    Ids((_guild, user, token)): Ids<(GuildId, UserId, TokenId)>,
    asked: Asked,
) -> Result<Reply, ApiError> {
    asked.no_body()?;
    asked.once(&state, &Revoke { user, token }).await
}

struct Revoke {
    user: UserId,
    token: TokenId,
}

impl Deed for Revoke {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        const UNKNOWN: ApiError =
            ApiError::not_found("unknown_token", "They have no such token, or it was revoked before.");
        cx.permit(Act::Tokens(self.user)).await?;
        let owner = match member(&mut cx.tx, cx.guild, self.user).await {
            Err(ApiError::Rejected(Rejection::UnknownMember)) => return Err(UNKNOWN),
            found => found?,
        };
        if !tokens::revoke(&mut cx.tx, owner.id, self.token, cx.now).await? {
            return Err(UNKNOWN);
        }
        cx.audit("token.revoke", self.token, &self.user, &()).await?;
        Ok(Reply::empty())
    }
}
