//! Owns `/members`, and what the ledger says of a member.

use axum::{Json, extract::State};
use domain::{
    GuildId, MemberId, Rejection, UserId,
    member::{Member, MemberStatus},
    permit::Act,
};
use messages::{
    api::{ChangeMember, EntryView, MemberRoles, MemberView, Page, Register, Summary},
    effect::Notice,
};
use serde::Deserialize;
use store::{awards, guilds, members, views};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{member, reading, season_or_current, seasons::shown};
use crate::{
    auth::Caller,
    error::ApiError,
    extract::{self, Asked, Ids, Params},
    paging::Paging,
    state::ApiState,
    text,
    writes::{Cx, Deed, Reply, deed::taken},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(register, list))
        .routes(routes!(show, change))
        .routes(routes!(summary))
        .routes(routes!(entries))
        .routes(routes!(roles))
}

/// Registers the member in whose name the bot calls. The bot only.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/members", tag = "members",
    operation_id = "register", request_body = Register, responses((status = 201, body = MemberView)))]
async fn register(State(state): State<ApiState>, asked: Asked) -> Result<Reply, ApiError> {
    asked.caller.only_bot()?;
    let mut register: Register = asked.json()?;
    register.game_id = text::short(register.game_id.as_deref())?;
    asked.once(&state, &register).await
}

impl Deed for Register {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        const REGISTERED: ApiError = ApiError::conflict("already_registered", "You're registered here already.");
        if cx.acting.member.is_some() {
            return Err(REGISTERED);
        }
        guilds::ensure(&mut cx.tx, cx.guild, cx.now).await?;
        let user = cx.acting.actor.user;
        let new = Member {
            id: MemberId::new(cx.derived("member")),
            guild: cx.guild,
            user,
            name: self.name.clone(),
            game_id: self.game_id.clone(),
            status: MemberStatus::Pending,
            admin: false,
        };
        members::insert(&mut cx.tx, &new, cx.now).await.map_err(|error| {
            let name_taken =
                ApiError::conflict("name_taken", "Somebody here has that name already. Choose another one.");
            taken(error, [("member_guild_id_user_id_key", REGISTERED), ("member_guild_id_name_key_key", name_taken)])
        })?;
        let name = new.name.to_string();
        let notice = Notice::Registered { user_id: user, name, game_id: new.game_id.clone() };
        cx.tell_officers(format!("registered:{}", new.id), notice).await?;
        let view = view(cx, user).await?;
        cx.audit("member.register", user, &(), &view).await?;
        Reply::created(format!("/api/v1/guilds/{}/members/{user}", cx.guild), &view)
    }
}

async fn view(cx: &mut Cx<'_>, user: UserId) -> Result<MemberView, ApiError> {
    views::members::find(&mut cx.tx, cx.guild, user).await?.ok_or_else(|| Rejection::UnknownMember.into())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// `pending`, `verified` or `banned`.
    status: Option<String>,
    /// What the name begins with, whatever its case.
    name: Option<String>,
    /// How many rows, 1 to 100; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The guild's members by name. Officers only.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/members", tag = "members",
    operation_id = "list_members", params(ListQuery), responses((status = 200, body = Page<MemberView>)))]
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<MemberView>>, ApiError> {
    let paging = Paging::<String>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let status = extract::word(query.status.as_deref())?;
    let prefix = text::short(query.name.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::ManageMembers).await?;
    let wanted = views::members::Wanted { status, prefix: prefix.as_deref() };
    let rows = views::members::page(&mut tx, caller.guild, &wanted, paging.after.as_deref(), paging.rows()).await?;
    Ok(Json(paging.page(rows, |row| row.name.key(), |row| row)?))
}

/// One member: oneself, or for officers anybody.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/members/{user_id}", tag = "members",
    operation_id = "show_member", responses((status = 200, body = MemberView)))]
async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
) -> Result<Json<MemberView>, ApiError> {
    let (mut tx, _) = reading(&state, &caller, Act::ReadMember(user)).await?;
    let found = views::members::find(&mut tx, guild, user).await?;
    Ok(Json(found.ok_or(Rejection::UnknownMember)?))
}

/// Verifies, bans or appoints a member; 409 `no_change` when they are so already. Officers only.
#[utoipa::path(patch, path = "/api/v1/guilds/{guild_id}/members/{user_id}", tag = "members",
    operation_id = "change_member", request_body = ChangeMember, responses((status = 200, body = MemberView)))]
async fn change(
    State(state): State<ApiState>,
    Ids((_guild, user)): Ids<(GuildId, UserId)>,
    asked: Asked,
) -> Result<Reply, ApiError> {
    asked.once(&state, &Change { user, to: asked.json()? }).await
}

struct Change {
    user: UserId,
    to: ChangeMember,
}

impl Deed for Change {
    async fn carry_out(&self, cx: &mut Cx<'_>) -> Result<Reply, ApiError> {
        cx.permit(Act::ManageMembers).await?;
        let held = members::hold(&mut cx.tx, cx.guild, self.user).await?.ok_or(Rejection::UnknownMember)?;
        let before = view(cx, self.user).await?;
        let status = self.to.status.unwrap_or(held.status);
        let verified = status == MemberStatus::Verified;
        if self.to.admin == Some(true) && !verified {
            return Err(match status {
                MemberStatus::Banned => Rejection::MemberBanned,
                MemberStatus::Pending | MemberStatus::Verified => Rejection::MemberNotVerified,
            }
            .into());
        }
        // Who is no longer verified is no officer either, and does not become one again by being verified again.
        let admin = self.to.admin.unwrap_or(held.admin) && verified;
        if (status, admin) == (held.status, held.admin) {
            return Err(ApiError::conflict("no_change", "There's nothing to change: they are that already."));
        }
        members::write_standing(&mut cx.tx, &Member { status, admin, ..held }).await?;
        let after = view(cx, self.user).await?;
        cx.audit("member.change", self.user, &before, &after).await?;
        Reply::ok(&after)
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SeasonQuery {
    /// The season; the current one when absent.
    #[param(value_type = Option<uuid::Uuid>)]
    season_id: Option<String>,
}

/// How a member stands in a season: oneself, or for officers anybody.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/members/{user_id}/summary", tag = "members",
    operation_id = "show_summary", params(SeasonQuery), responses((status = 200, body = Summary)))]
async fn summary(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    Params(query): Params<SeasonQuery>,
) -> Result<Json<Summary>, ApiError> {
    let wanted = extract::id(query.season_id.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::ReadMember(user)).await?;
    let member = member(&mut tx, guild, user).await?;
    let season = season_or_current(&mut tx, &state, guild, wanted).await?;
    let view = shown(&season, state.clock.now());
    let summary = views::summary::find(&mut tx, &season, view, &member).await?;
    summary.map(Json).ok_or(NOT_JOINED)
}

const NOT_JOINED: ApiError =
    ApiError::not_found("not_joined", "Not part of that season yet. Join it first: /season join.");

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct EntriesQuery {
    /// The season; the current one when absent.
    #[param(value_type = Option<uuid::Uuid>)]
    season_id: Option<String>,
    /// How many rows, 1 to 100; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Why a member's total is what it is, the newest entry first: oneself, or for officers anybody.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/members/{user_id}/entries", tag = "members",
    operation_id = "list_entries", params(EntriesQuery), responses((status = 200, body = Page<EntryView>)))]
async fn entries(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    Params(query): Params<EntriesQuery>,
) -> Result<Json<Page<EntryView>>, ApiError> {
    let paging = Paging::<i64>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let wanted = extract::id(query.season_id.as_deref())?;
    let (mut tx, _) = reading(&state, &caller, Act::ReadMember(user)).await?;
    let member = member(&mut tx, guild, user).await?;
    let season = season_or_current(&mut tx, &state, guild, wanted).await?;
    let rows = views::entries::page(&mut tx, season.book, member.id, paging.after, paging.rows()).await?;
    Ok(Json(paging.page(rows, |row| row.seq, |row| row)?))
}

/// The roles a member should hold, and whether they do: oneself, or for officers anybody.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/members/{user_id}/roles", tag = "members",
    operation_id = "show_roles", responses((status = 200, body = MemberRoles)))]
async fn roles(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
) -> Result<Json<MemberRoles>, ApiError> {
    let (mut tx, _) = reading(&state, &caller, Act::ReadMember(user)).await?;
    let member = member(&mut tx, guild, user).await?;
    let roles = awards::roles_of(&mut tx, &[member.id]).await?.remove(&member.id).unwrap_or_default();
    let effect = views::effects::of_roles(&mut tx, guild, user).await?;
    Ok(Json(MemberRoles { user_id: user, roles: roles.into_iter().collect(), effect }))
}
