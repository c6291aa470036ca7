//! The control server's routes. Errors are `{"error": "…"}` with status 400.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::faults::{Fault, GatewayFault};
use crate::ids::{ChannelId, GuildId, InteractionId, MessageId, RoleId, UserId};
use crate::people::Act;
use crate::sim::Sim;
use crate::view::{ChannelPatch, NewRole, RolePatch};
use crate::world::InteractionState;

/// What went wrong, in words.
struct Wrong(anyhow::Error);

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": format!("{:#}", self.0) }))).into_response()
    }
}

impl From<anyhow::Error> for Wrong {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

type Told<T> = Result<Json<T>, Wrong>;

fn tell<T: Serialize>(result: anyhow::Result<T>) -> Told<T> {
    Ok(Json(result?))
}

pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/", get(|| async { page("text/html; charset=utf-8", include_str!("../console/index.html")) }))
        .route(
            "/console.css",
            get(|| async { page("text/css; charset=utf-8", include_str!("../console/console.css")) }),
        )
        .route(
            "/console.js",
            get(|| async { page("text/javascript; charset=utf-8", include_str!("../console/console.js")) }),
        )
        .route("/control/ca.pem", get(|State(sim): State<Sim>| async move { sim.ca_pem().to_owned() }))
        .route("/control/info", get(info))
        .route("/control/bot", get(|State(sim): State<Sim>| async move { tell(sim.bot().await) }))
        .route("/control/revision", get(revision))
        .route("/control/clock", post(clock))
        .route("/control/guilds", get(|State(sim): State<Sim>| async move { tell(sim.guilds().await) }))
        .route("/control/guilds/{guild}", get(guild))
        .route("/control/guilds/{guild}/members", get(members).post(join))
        .route("/control/guilds/{guild}/members/{user}", get(member).delete(leave).patch(nick))
        .route("/control/guilds/{guild}/members/{user}/roles/{role}", put(give_role).delete(take_role))
        .route("/control/guilds/{guild}/roles", post(create_role))
        .route("/control/guilds/{guild}/roles/{role}", patch(patch_role).delete(delete_role))
        .route("/control/guilds/{guild}/channels", post(create_channel))
        .route("/control/channels/{channel}", patch(patch_channel).delete(delete_channel))
        .route("/control/channels/{channel}/messages", get(messages).post(say))
        .route("/control/channels/{channel}/messages/{message}", delete(delete_message))
        .route("/control/users/{user}", patch(patch_user))
        .route("/control/users/{user}/messages", get(direct_messages))
        .route("/control/interactions", post(command))
        .route("/control/interactions/{id}", get(interaction))
        .route("/control/autocomplete", post(autocomplete))
        .route("/control/click", post(click))
        .route("/control/select", post(select))
        .route("/control/modal", post(modal))
        .route("/control/endpoint", put(endpoint))
        .route("/control/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/control/gateway", post(gateway_fault))
        .route("/control/rest", post(rest))
        .route("/control/violations", get(|State(sim): State<Sim>| async move { tell(sim.violations().await) }))
        .route("/control/requests", get(requests))
        .route("/control/role_changes", get(|State(sim): State<Sim>| async move { tell(sim.role_changes().await) }))
}

/// A part of the console. The policy lets it load nothing but its own parts.
fn page(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text)
}

async fn info(State(sim): State<Sim>) -> Json<Value> {
    Json(json!({
        "rest_addr": sim.rest_addr(), "gateway_url": sim.gateway_url(), "application_id": sim.application_id(),
        "token": sim.token(), "public_key": sim.public_key(), "clock_offset_ms": sim.clock().offset_ms(),
        "now": sim.clock().now(),
    }))
}

/// Long waits are cut; the caller asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Wait {
    after: Option<u64>,
    #[serde(default)]
    wait: u64,
}

impl Wait {
    fn duration(&self) -> Duration {
        Duration::from_millis(self.wait).min(LONGEST_WAIT)
    }
}

async fn revision(State(sim): State<Sim>, Query(wait): Query<Wait>) -> Told<u64> {
    tell(sim.revision(wait.after, wait.duration()).await)
}

#[derive(Deserialize)]
struct Advance {
    advance_ms: u64,
}

async fn clock(State(sim): State<Sim>, Json(body): Json<Advance>) -> Told<()> {
    tell(sim.advance_clock(Duration::from_millis(body.advance_ms)).await)
}

async fn guild(State(sim): State<Sim>, Path(guild): Path<GuildId>) -> Result<Response, Wrong> {
    Ok(Json(sim.guild(guild).await?).into_response())
}

async fn members(State(sim): State<Sim>, Path(guild): Path<GuildId>) -> Result<Response, Wrong> {
    Ok(Json(sim.members(guild).await?).into_response())
}

#[derive(Deserialize)]
struct Join {
    name: String,
    user: Option<UserId>,
}

async fn join(State(sim): State<Sim>, Path(guild): Path<GuildId>, Json(body): Json<Join>) -> Result<Response, Wrong> {
    Ok(Json(sim.join(guild, &body.name, body.user).await?).into_response())
}

async fn member(State(sim): State<Sim>, Path((guild, user)): Path<(GuildId, UserId)>) -> Result<Response, Wrong> {
    Ok(Json(sim.member(guild, user).await?).into_response())
}

async fn leave(State(sim): State<Sim>, Path((guild, user)): Path<(GuildId, UserId)>) -> Told<()> {
    tell(sim.leave(guild, user).await)
}

#[derive(Deserialize)]
struct Nick {
    nick: Option<String>,
}

async fn nick(
    State(sim): State<Sim>,
    Path((guild, user)): Path<(GuildId, UserId)>,
    Json(body): Json<Nick>,
) -> Told<()> {
    tell(sim.set_nick(guild, user, body.nick).await)
}

async fn give_role(State(sim): State<Sim>, Path((guild, user, role)): Path<(GuildId, UserId, RoleId)>) -> Told<()> {
    tell(sim.give_role(guild, user, role).await)
}

async fn take_role(State(sim): State<Sim>, Path((guild, user, role)): Path<(GuildId, UserId, RoleId)>) -> Told<()> {
    tell(sim.take_role(guild, user, role).await)
}

async fn create_role(
    State(sim): State<Sim>,
    Path(guild): Path<GuildId>,
    Json(role): Json<NewRole>,
) -> Result<Response, Wrong> {
    Ok(Json(sim.create_role(guild, role).await?).into_response())
}

async fn patch_role(
    State(sim): State<Sim>,
    Path((guild, role)): Path<(GuildId, RoleId)>,
    Json(patch): Json<RolePatch>,
) -> Result<Response, Wrong> {
    Ok(Json(sim.patch_role(guild, role, patch).await?).into_response())
}

async fn delete_role(State(sim): State<Sim>, Path((guild, role)): Path<(GuildId, RoleId)>) -> Told<()> {
    tell(sim.delete_role(guild, role).await)
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn create_channel(
    State(sim): State<Sim>,
    Path(guild): Path<GuildId>,
    Json(body): Json<Named>,
) -> Result<Response, Wrong> {
    Ok(Json(sim.create_channel(guild, &body.name).await?).into_response())
}

async fn patch_channel(
    State(sim): State<Sim>,
    Path(channel): Path<ChannelId>,
    Json(patch): Json<ChannelPatch>,
) -> Result<Response, Wrong> {
    Ok(Json(sim.patch_channel(channel, patch).await?).into_response())
}

async fn delete_channel(State(sim): State<Sim>, Path(channel): Path<ChannelId>) -> Told<()> {
    tell(sim.delete_channel(channel).await)
}

#[derive(Deserialize)]
struct SeenBy {
    seen_by: Option<UserId>,
}

async fn messages(
    State(sim): State<Sim>,
    Path(channel): Path<ChannelId>,
    Query(query): Query<SeenBy>,
) -> Result<Response, Wrong> {
    Ok(Json(sim.messages(channel, query.seen_by).await?).into_response())
}

#[derive(Deserialize)]
struct Say {
    user: UserId,
    content: String,
}

async fn say(State(sim): State<Sim>, Path(channel): Path<ChannelId>, Json(body): Json<Say>) -> Result<Response, Wrong> {
    Ok(Json(sim.say(channel, body.user, &body.content).await?).into_response())
}

async fn delete_message(State(sim): State<Sim>, Path((channel, message)): Path<(ChannelId, MessageId)>) -> Told<()> {
    tell(sim.delete_message(channel, message).await)
}

#[derive(Deserialize)]
struct PatchUser {
    takes_dms: bool,
}

async fn patch_user(State(sim): State<Sim>, Path(user): Path<UserId>, Json(body): Json<PatchUser>) -> Told<()> {
    tell(sim.set_takes_dms(user, body.takes_dms).await)
}

async fn direct_messages(State(sim): State<Sim>, Path(user): Path<UserId>) -> Result<Response, Wrong> {
    Ok(Json(sim.direct_messages(user).await?).into_response())
}

/// Performs a deed; the answer is the interaction as it is right after.
async fn act(sim: &Sim, act: Act) -> Result<Response, Wrong> {
    let handle = sim.act(act).await?;
    Ok((StatusCode::CREATED, Json(handle.view().await?)).into_response())
}

#[derive(Deserialize)]
struct CommandBody {
    guild: GuildId,
    user: UserId,
    channel: ChannelId,
    command: String,
    #[serde(default)]
    options: Value,
}

async fn command(State(sim): State<Sim>, Json(body): Json<CommandBody>) -> Result<Response, Wrong> {
    let CommandBody { guild, user, channel, command, options } = body;
    act(&sim, Act::Command { guild, user, channel, command, options }).await
}

#[derive(Deserialize)]
struct AutocompleteBody {
    #[serde(flatten)]
    command: CommandBody,
    focused: String,
}

async fn autocomplete(State(sim): State<Sim>, Json(body): Json<AutocompleteBody>) -> Result<Response, Wrong> {
    let CommandBody { guild, user, channel, command, options } = body.command;
    act(&sim, Act::Autocomplete { guild, user, channel, command, options, focused: body.focused }).await
}

#[derive(Deserialize)]
struct ClickBody {
    user: UserId,
    channel: ChannelId,
    message: MessageId,
    custom_id: String,
}

async fn click(State(sim): State<Sim>, Json(body): Json<ClickBody>) -> Result<Response, Wrong> {
    let ClickBody { user, channel, message, custom_id } = body;
    act(&sim, Act::Click { user, channel, message, custom_id }).await
}

#[derive(Deserialize)]
struct SelectBody {
    #[serde(flatten)]
    click: ClickBody,
    values: Vec<String>,
}

async fn select(State(sim): State<Sim>, Json(body): Json<SelectBody>) -> Result<Response, Wrong> {
    let ClickBody { user, channel, message, custom_id } = body.click;
    act(&sim, Act::Select { user, channel, message, custom_id, values: body.values }).await
}

#[derive(Deserialize)]
struct ModalBody {
    interaction: InteractionId,
    values: Map<String, Value>,
}

async fn modal(State(sim): State<Sim>, Json(body): Json<ModalBody>) -> Result<Response, Wrong> {
    act(&sim, Act::Submit { interaction: body.interaction, values: body.values }).await
}

async fn interaction(
    State(sim): State<Sim>,
    Path(id): Path<InteractionId>,
    Query(wait): Query<Wait>,
) -> Result<Response, Wrong> {
    let deadline = Instant::now() + wait.duration();
    let mut view = sim.interaction(id, wait.after, wait.duration()).await?;
    // Without `after` the wait is for an answer: something other than silence or "thinking".
    let open = |state| {
        matches!(state, InteractionState::Waiting | InteractionState::Deferred | InteractionState::DeferredUpdate)
    };
    while wait.after.is_none() && open(view.state) && Instant::now() < deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        view = sim.interaction(id, Some(view.revision), left).await?;
    }
    Ok(Json(view).into_response())
}

#[derive(Deserialize)]
struct Endpoint {
    url: Option<String>,
}

async fn endpoint(State(sim): State<Sim>, Json(body): Json<Endpoint>) -> Told<()> {
    tell(sim.set_interactions_endpoint(body.url).await)
}

async fn faults(State(sim): State<Sim>) -> Result<Response, Wrong> {
    Ok(Json(sim.faults().await?).into_response())
}

async fn add_fault(State(sim): State<Sim>, Json(fault): Json<Fault>) -> Told<()> {
    tell(sim.add_fault(fault).await)
}

async fn clear_faults(State(sim): State<Sim>) -> Told<()> {
    tell(sim.clear_faults().await)
}

async fn gateway_fault(State(sim): State<Sim>, Json(fault): Json<GatewayFault>) -> Told<()> {
    tell(sim.gateway_fault(fault).await)
}

#[derive(Deserialize)]
struct Rest {
    refuse: bool,
}

async fn rest(State(sim): State<Sim>, Json(body): Json<Rest>) -> Told<()> {
    tell(sim.refuse_rest(body.refuse).await)
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

async fn requests(State(sim): State<Sim>, Query(query): Query<Since>) -> Result<Response, Wrong> {
    Ok(Json(sim.requests(query.since).await?).into_response())
}
