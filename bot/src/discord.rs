//! Owns how Discord's REST API is called: address, rate limits, time-outs, and what an error answer means.
//!
//! serenity's own rate limiter stays on. Bodies are our own JSON, answers are read only for what is needed, so that a
//! new field of Discord's breaks nothing.

mod limits;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{ChannelId, GuildId, RoleId, UserId, ids::InteractionId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use serenity::{
    all::{ApplicationId, Http, HttpBuilder, HttpError, LightMethod, Request, Route},
    http::Ratelimiter,
};
use tokio::time::Instant;

use crate::BotConfig;
use limits::{Limits, Under};

/// How long a call may take, waiting for rate limits included: serenity itself would retry a 429 for ever.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// The same for a first response: later, Discord wouldn't take it any more.
const RESPONSE_DEADLINE: Duration = Duration::from_secs(3);

/// Discord's error codes that the bot tells apart.
/// Source: Discord documentation, "Opcodes and Status Codes", "JSON".
pub(crate) mod code {
    pub(crate) const UNKNOWN_CHANNEL: i64 = 10003;
    pub(crate) const UNKNOWN_MEMBER: i64 = 10007;
    pub(crate) const UNKNOWN_ROLE: i64 = 10011;
    pub(crate) const UNKNOWN_USER: i64 = 10013;
    pub(crate) const UNKNOWN_WEBHOOK: i64 = 10015;
    pub(crate) const UNKNOWN_INTERACTION: i64 = 10062;
    pub(crate) const ALREADY_ACKNOWLEDGED: i64 = 40060;
    pub(crate) const MISSING_ACCESS: i64 = 50001;
    pub(crate) const NOT_A_TEXT_CHANNEL: i64 = 50008;
    pub(crate) const MISSING_PERMISSIONS: i64 = 50013;
    pub(crate) const INVALID_WEBHOOK_TOKEN: i64 = 50027;
}

/// Why a call to Discord gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscordError {
    /// Discord doesn't take the bot's token. Nothing is asked any more: too many such answers ban the address.
    #[error("Discord refuses the bot's token")]
    TokenRefused,
    /// No answer, a fault on Discord's side, or a rate limit longer than patience. It may have been done.
    #[error("Discord can't be used now: {0}")]
    Unavailable(String),
    /// Discord understood and refused.
    #[error("Discord refused: {status}/{code} {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Discord's own code; 0 when it gave none.
        code: i64,
        /// Its words.
        message: String,
    },
}

impl DiscordError {
    /// Discord's own code, when it refused.
    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::TokenRefused | Self::Unavailable(_) => None,
        }
    }
}

/// What the bot knows of Discord beyond single calls.
#[derive(Debug, Default)]
struct State {
    token_refused: AtomicBool,
    limits: Limits,
}

/// Discord's REST API. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Discord {
    http: Arc<Http>,
    state: Arc<State>,
}

/// Where the gateway is, and how often it may be connected to.
#[derive(Deserialize)]
pub(crate) struct Gateway {
    pub(crate) url: String,
    pub(crate) session_start_limit: StartLimit,
}

/// How many connections may still be started.
#[derive(Deserialize)]
pub(crate) struct StartLimit {
    pub(crate) remaining: u32,
    /// When there will be more, in milliseconds.
    pub(crate) reset_after: u64,
}

#[derive(Deserialize)]
struct MemberRoles {
    roles: BTreeSet<RoleId>,
}

#[derive(Deserialize)]
struct Sent {
    id: String,
}

/// A role of a guild, as far as the bot needs it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RoleName {
    pub(crate) id: RoleId,
    pub(crate) name: String,
}

impl Discord {
    pub(crate) fn new(config: &BotConfig) -> anyhow::Result<Self> {
        let state = Arc::new(State::default());
        let client = rest_client(config)?;
        let mut limiter = Ratelimiter::new(client.clone(), format!("Bot {}", config.token.trim()));
        let pausing = Arc::clone(&state);
        limiter.set_ratelimit_callback(Box::new(move |limited| {
            let scope = if limited.global { "global" } else { "route" };
            metrics::counter!("guildhall_discord_limited_total", "scope" => scope).increment(1);
            pausing.limits.limited(limited.global, limited.timeout);
        }));
        let http = HttpBuilder::new(&config.token).client(client).ratelimiter(limiter).build();
        Ok(Self { http: Arc::new(http), state })
    }

    /// Whether Discord has refused the bot's token.
    pub(crate) fn token_refused(&self) -> bool {
        self.state.token_refused.load(Ordering::Relaxed)
    }

    /// Notes that Discord refused the bot's token; from now on nothing is asked.
    pub(crate) fn refuse_token(&self) {
        if !self.state.token_refused.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "Discord refuses the bot's token: the bot stops calling Discord. Set a valid DISCORD_TOKEN and restart."
            );
        }
    }

    pub(crate) async fn gateway(&self) -> Result<Gateway, DiscordError> {
        self.read("gateway", Under::route("gateway", ""), Request::new(Route::GatewayBot, LightMethod::Get)).await
    }

    pub(crate) async fn commands(&self, application: u64) -> Result<Vec<Value>, DiscordError> {
        let route = Route::Commands { application_id: ApplicationId::new(application) };
        self.read("list_commands", Under::route("commands", ""), Request::new(route, LightMethod::Get)).await
    }

    pub(crate) async fn put_commands(&self, application: u64, commands: &[Value]) -> Result<(), DiscordError> {
        let route = Route::Commands { application_id: ApplicationId::new(application) };
        self.write("put_commands", Under::route("commands", ""), Request::new(route, LightMethod::Put), commands)
            .await
            .map(drop)
    }

    /// Sends the first response to an interaction.
    pub(crate) async fn respond(
        &self,
        interaction: InteractionId,
        token: &str,
        response: &Value,
    ) -> Result<(), DiscordError> {
        let route = Route::InteractionResponse { interaction_id: interaction.get().into(), token };
        let body = written(response)?;
        let request = Request::new(route, LightMethod::Post).body(Some(body));
        let answered = self
            .call_within(RESPONSE_DEADLINE, "respond", Under::interaction(token), self.request(request))
            .await
            .map(drop);
        self.forget(route).await;
        answered
    }

    /// Edits the first response.
    pub(crate) async fn edit_reply(&self, application: u64, token: &str, reply: &Value) -> Result<(), DiscordError> {
        let application_id = ApplicationId::new(application);
        let route = Route::WebhookOriginalInteractionResponse { application_id, token };
        self.forget(route).await;
        self.write("edit_reply", Under::interaction(token), Request::new(route, LightMethod::Patch), reply)
            .await
            .map(drop)
    }

    /// Deletes the first response.
    pub(crate) async fn delete_reply(&self, application: u64, token: &str) -> Result<(), DiscordError> {
        let application_id = ApplicationId::new(application);
        let route = Route::WebhookOriginalInteractionResponse { application_id, token };
        self.forget(route).await;
        self.call("delete_reply", Under::interaction(token), self.request(Request::new(route, LightMethod::Delete)))
            .await
            .map(drop)
    }

    /// Adds a message to an interaction.
    pub(crate) async fn follow_up(&self, application: u64, token: &str, reply: &Value) -> Result<(), DiscordError> {
        let route = Route::WebhookFollowupMessages { application_id: ApplicationId::new(application), token };
        self.forget(route).await;
        self.write("follow_up", Under::interaction(token), Request::new(route, LightMethod::Post), reply)
            .await
            .map(drop)
    }

    /// The roles a member holds.
    pub(crate) async fn member_roles(&self, guild: GuildId, user: UserId) -> Result<BTreeSet<RoleId>, DiscordError> {
        let route = Route::GuildMember { guild_id: guild.get().into(), user_id: user.get().into() };
        let member: MemberRoles =
            self.read("get_member", Under::route("member", guild), Request::new(route, LightMethod::Get)).await?;
        Ok(member.roles)
    }

    /// The roles of a guild.
    pub(crate) async fn guild_roles(&self, guild: GuildId) -> Result<Vec<RoleName>, DiscordError> {
        let route = Route::GuildRoles { guild_id: guild.get().into() };
        self.read("get_roles", Under::route("guild_roles", guild), Request::new(route, LightMethod::Get)).await
    }

    /// Gives a member a role.
    pub(crate) async fn add_role(
        &self,
        guild: GuildId,
        user: UserId,
        role: RoleId,
        reason: &str,
    ) -> Result<(), DiscordError> {
        let under = Under::route("member_roles", guild);
        let (guild, user, role) = (guild.get().into(), user.get().into(), role.get().into());
        self.call("add_role", under, self.http.add_member_role(guild, user, role, Some(reason))).await
    }

    /// Takes a role from a member.
    pub(crate) async fn remove_role(
        &self,
        guild: GuildId,
        user: UserId,
        role: RoleId,
        reason: &str,
    ) -> Result<(), DiscordError> {
        let under = Under::route("member_roles", guild);
        let (guild, user, role) = (guild.get().into(), user.get().into(), role.get().into());
        self.call("remove_role", under, self.http.remove_member_role(guild, user, role, Some(reason))).await
    }

    /// Sends a message and returns its id.
    pub(crate) async fn send(&self, channel: ChannelId, message: &Value) -> Result<String, DiscordError> {
        let route = Route::ChannelMessages { channel_id: channel.get().into() };
        let body = self
            .write("send_message", Under::route("messages", channel), Request::new(route, LightMethod::Post), message)
            .await?;
        let sent: Sent = decoded(&body)?;
        Ok(sent.id)
    }

    /// Forgets the limiter's state of a route. serenity keeps one bucket per interaction for ever, and shares one
    /// between all replies, although Discord counts them per reply token.
    async fn forget(&self, route: Route<'_>) {
        if let Some(limiter) = &self.http.ratelimiter {
            limiter.routes().write().await.remove(&route.ratelimiting_bucket());
        }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        name: &'static str,
        under: Under,
        request: Request<'_>,
    ) -> Result<T, DiscordError> {
        decoded(&self.call(name, under, self.request(request)).await?)
    }

    async fn write<B: Serialize + ?Sized>(
        &self,
        name: &'static str,
        under: Under,
        request: Request<'_>,
        body: &B,
    ) -> Result<Vec<u8>, DiscordError> {
        self.call(name, under, self.request(request.body(Some(written(body)?)))).await
    }

    async fn request(&self, request: Request<'_>) -> Result<Vec<u8>, serenity::Error> {
        Ok(self.http.request(request).await?.bytes().await.map_err(HttpError::Request)?.to_vec())
    }

    async fn call<T>(
        &self,
        name: &'static str,
        under: Under,
        call: impl Future<Output = Result<T, serenity::Error>>,
    ) -> Result<T, DiscordError> {
        self.call_within(CALL_DEADLINE, name, under, call).await
    }

    /// Makes one call within its deadline.
    async fn call_within<T>(
        &self,
        deadline: Duration,
        name: &'static str,
        under: Under,
        call: impl Future<Output = Result<T, serenity::Error>>,
    ) -> Result<T, DiscordError> {
        if self.token_refused() {
            return Err(DiscordError::TokenRefused);
        }
        let result = match self.state.limits.within(under, Instant::now() + deadline, call).await {
            Ok(result) => result.map_err(meaning),
            Err(why) => Err(DiscordError::Unavailable(why.into())),
        };
        let status = match &result {
            Ok(_) => "ok".to_owned(),
            Err(DiscordError::Refused { status, .. }) => status.to_string(),
            Err(DiscordError::TokenRefused) => "401".to_owned(),
            Err(DiscordError::Unavailable(_)) => "unavailable".to_owned(),
        };
        metrics::counter!("guildhall_discord_calls_total", "route" => name, "status" => status).increment(1);
        if matches!(result, Err(DiscordError::TokenRefused)) {
            self.refuse_token();
        }
        result
    }
}

/// What an error of serenity's means for the caller.
fn meaning(error: serenity::Error) -> DiscordError {
    let serenity::Error::Http(HttpError::UnsuccessfulRequest(answer)) = error else {
        return DiscordError::Unavailable(error.to_string());
    };
    let status = answer.status_code.as_u16();
    // serenity says -1 when the answer's body wasn't Discord's.
    let code = i64::try_from(answer.error.code).unwrap_or_default().max(0);
    match status {
        // An expired interaction token is no fault of the bot's own token.
        401 if code != code::INVALID_WEBHOOK_TOKEN => DiscordError::TokenRefused,
        408 | 429 | 500.. => DiscordError::Unavailable(format!("it answered {status}")),
        _ => DiscordError::Refused { status, code, message: answer.error.message },
    }
}

fn written<B: Serialize + ?Sized>(body: &B) -> Result<Vec<u8>, DiscordError> {
    serde_json::to_vec(body).map_err(|error| DiscordError::Unavailable(format!("unwritable body: {error}")))
}

fn decoded<T: DeserializeOwned>(body: &[u8]) -> Result<T, DiscordError> {
    serde_json::from_slice(body).map_err(|error| DiscordError::Unavailable(format!("unreadable answer: {error}")))
}

/// An HTTP client that reaches the real Discord, or the one the configuration names.
fn rest_client(config: &BotConfig) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .use_rustls_tls()
        .connect_timeout(Duration::from_secs(5))
        // A call's own deadline comes first; this ends what nobody waits for.
        .timeout(CALL_DEADLINE * 2);
    if let Some(addr) = config.discord_addr {
        builder = builder.resolve("discord.com", addr).no_proxy();
    }
    if let Some(pem) = &config.discord_ca {
        builder = builder.add_root_certificate(reqwest::Certificate::from_pem(pem.as_bytes())?);
    }
    Ok(builder.build()?)
}

/// serenity's own handle for the gateway, with limits of its own: it only asks for the gateway's address.
pub(crate) fn gateway_http(config: &BotConfig) -> anyhow::Result<Http> {
    Ok(HttpBuilder::new(&config.token).client(rest_client(config)?).build())
}
