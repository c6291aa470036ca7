//! Owns `/submissions`: commands on points, and the list of what was handed in.

use axum::{Json, extract::State, response::Response};
use domain::{
    GuildId, Quantity, Rejection, SubmissionId,
    permit::{Act, permit},
};
use messages::{
    api::{Accepted, CorrectSubmission, Page, ReviewSubmission, SubmissionView, SubmitRequest},
    command::{Command, CorrectV1, ReviewV1, SubmitV1, VerdictV1, VoidV1},
    outcome::Outcome,
};
use serde::Deserialize;
use store::{Tx, submissions, views};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{looking, reading};
use crate::{
    auth::Caller,
    error::ApiError,
    extract::{self, Asked, Ids, Params},
    paging::{AtId, Paging},
    state::ApiState,
    text,
    writes::points::submission_of,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(submit, list)).routes(routes!(show, correct, void)).routes(routes!(review))
}

/// Hands something in: for oneself, or for officers in anybody's name.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/submissions", tag = "submissions",
    operation_id = "submit", request_body = SubmitRequest,
    responses((status = 202, body = Accepted), (status = 200, body = Outcome)))]
async fn submit(State(state): State<ApiState>, asked: Asked) -> Result<Response, ApiError> {
    let request: SubmitRequest = asked.json()?;
    quantity(request.quantity)?;
    let note = text::long(request.note.as_deref())?;
    let (tx, acting) = looking(&state, &asked.caller).await?;
    let user_id = request.user_id.unwrap_or(acting.actor.user);
    permit(&acting.actor, Act::Submit(user_id))?;
    tx.rollback().await?;
    let submission_id = submission_of(asked.id());
    let command = Command::Submit(SubmitV1 {
        submission_id,
        season_id: request.season_id,
        user_id,
        item_id: request.item_id,
        quantity: request.quantity,
        note,
    });
    asked.command(&state, &acting, command, Some(submission_id)).await
}

fn quantity(quantity: i64) -> Result<(), ApiError> {
    Quantity::new(quantity).map(drop).ok_or_else(|| Rejection::Quantity.into())
}

/// What is done to a submission, for the early look at rights.
enum To {
    Review,
    Manage,
}

/// Whether the caller may do it to that submission. One that is not there yet may be on its way.
async fn may(state: &ApiState, asked: &Asked, id: SubmissionId, to: To) -> Result<crate::auth::Acting, ApiError> {
    let (mut tx, acting) = looking(state, &asked.caller).await?;
    permit(&acting.actor, Act::ManageSubmissions)?;
    if submissions::belongs(&mut tx, &[id]).await?.get(&id).is_some_and(|found| found.guild != asked.caller.guild) {
        return Err(Rejection::UnknownSubmission.into());
    }
    if let To::Review = to
        && let Some(found) = views::submissions::find(&mut tx, asked.caller.guild, id).await?
    {
        permit(&acting.actor, Act::Review(found.user_id))?;
    }
    tx.rollback().await?;
    Ok(acting)
}

/// Decides on a pending submission. Officers only, and not on their own.
#[utoipa::path(post, path = "/api/v1/guilds/{guild_id}/submissions/{submission_id}/review", tag = "submissions",
    operation_id = "review_submission", request_body = ReviewSubmission,
    responses((status = 202, body = Accepted), (status = 200, body = Outcome)))]
async fn review(
    State(state): State<ApiState>,
    Ids((_guild, id)): Ids<(GuildId, SubmissionId)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let request: ReviewSubmission = asked.json()?;
    let reason = text::long(request.reason.as_deref())?;
    let verdict = match (request.approve, reason) {
        (true, _) => VerdictV1::Approve,
        (false, Some(reason)) => VerdictV1::Refuse { reason },
        (false, None) => {
            return Err(ApiError::invalid("reason_missing", "Say why it's refused: the member reads it."));
        }
    };
    let acting = may(&state, &asked, id, To::Review).await?;
    let command = Command::Review(ReviewV1 { submission_id: id, expected_version: request.expected_version, verdict });
    asked.command(&state, &acting, command, Some(id)).await
}

/// Puts a counted submission's quantity right. Officers only.
#[utoipa::path(patch, path = "/api/v1/guilds/{guild_id}/submissions/{submission_id}", tag = "submissions",
    operation_id = "correct_submission", request_body = CorrectSubmission,
    responses((status = 202, body = Accepted), (status = 200, body = Outcome)))]
async fn correct(
    State(state): State<ApiState>,
    Ids((_guild, id)): Ids<(GuildId, SubmissionId)>,
    asked: Asked,
) -> Result<Response, ApiError> {
    let request: CorrectSubmission = asked.json()?;
    quantity(request.quantity)?;
    let acting = may(&state, &asked, id, To::Manage).await?;
    let command = Command::Correct(CorrectV1 {
        submission_id: id,
        expected_version: request.expected_version,
        quantity: request.quantity,
    });
    asked.command(&state, &acting, command, Some(id)).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct VoidParams {
    /// The version that was looked at; absent takes back whatever is there.
    #[param(value_type = Option<i32>)]
    expected_version: Option<String>,
    /// Why, at most 500 characters.
    reason: Option<String>,
}

/// Takes a submission back. Officers only.
#[utoipa::path(delete, path = "/api/v1/guilds/{guild_id}/submissions/{submission_id}", tag = "submissions",
    operation_id = "void_submission", params(VoidParams),
    responses((status = 202, body = Accepted), (status = 200, body = Outcome)))]
async fn void(
    State(state): State<ApiState>,
    Ids((_guild, id)): Ids<(GuildId, SubmissionId)>,
    Params(query): Params<VoidParams>,
    asked: Asked,
) -> Result<Response, ApiError> {
    asked.no_body()?;
    let unreadable = |_| ApiError::invalid("invalid_query", "The expected version has to be a whole number.");
    let expected_version = query.expected_version.map(|text| text.parse().map_err(unreadable)).transpose()?;
    let reason = text::long(query.reason.as_deref())?;
    let acting = may(&state, &asked, id, To::Manage).await?;
    let command = Command::Void(VoidV1 { submission_id: id, expected_version, reason });
    asked.command(&state, &acting, command, Some(id)).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Of one season.
    #[param(value_type = Option<uuid::Uuid>)]
    season_id: Option<String>,
    /// Of one member. Members who are no officers see their own only.
    user_id: Option<String>,
    /// `pending`, `counted`, `refused` or `void`.
    state: Option<String>,
    /// How many rows, 1 to 100; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What was handed in, the newest first.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/submissions", tag = "submissions",
    operation_id = "list_submissions", params(ListQuery), responses((status = 200, body = Page<SubmissionView>)))]
async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<SubmissionView>>, ApiError> {
    let paging = Paging::<AtId<SubmissionId>>::new(query.limit.as_deref(), query.cursor.as_deref())?;
    let mut wanted = views::submissions::Wanted {
        season: extract::id(query.season_id.as_deref())?,
        user: extract::id(query.user_id.as_deref())?,
        state: extract::word(query.state.as_deref())?,
    };
    let (mut tx, acting) = reading(&state, &caller, Act::Read).await?;
    if wanted.user.is_none() && !acting.actor.is_officer() {
        wanted.user = Some(acting.actor.user);
    }
    if let Some(user) = wanted.user {
        permit(&acting.actor, Act::ReadMember(user))?;
    }
    let after = paging.after.map(|key| (key.at, key.id));
    let rows = views::submissions::page(&mut tx, caller.guild, wanted, after, paging.rows()).await?;
    Ok(Json(paging.page(rows, |row| AtId { at: row.accepted_at, id: row.id }, |row| row)?))
}

/// One submission: one's own, or for officers anybody's.
#[utoipa::path(get, path = "/api/v1/guilds/{guild_id}/submissions/{submission_id}", tag = "submissions",
    operation_id = "show_submission", responses((status = 200, body = SubmissionView)))]
async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Ids((guild, id)): Ids<(GuildId, SubmissionId)>,
) -> Result<Json<SubmissionView>, ApiError> {
    let (mut tx, acting) = reading(&state, &caller, Act::Read).await?;
    let found = find(&mut tx, guild, id).await?;
    permit(&acting.actor, Act::ReadMember(found.user_id))?;
    Ok(Json(found))
}

async fn find(tx: &mut Tx, guild: GuildId, id: SubmissionId) -> Result<SubmissionView, ApiError> {
    views::submissions::find(tx, guild, id).await?.ok_or_else(|| Rejection::UnknownSubmission.into())
}
