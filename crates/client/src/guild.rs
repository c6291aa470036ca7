//! Owns the handle for one guild: in whose name a call is made, as which deed, and in which trace.

use std::time::Duration;

use domain::{GuildId, UserId};
use messages::{
    api::{BOT_KEY_HEADER, BOT_USER_HEADER, IDEMPOTENCY_HEADER},
    trace::TraceParent,
};
use reqwest::{Method, Response};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Client, ClientError, Credential, TRY_DEADLINE, error};

/// The part of the API that is about one guild. Cheap to clone and to change for one call.
#[derive(Debug, Clone)]
pub struct Guild {
    client: Client,
    guild: GuildId,
    user: Option<UserId>,
    key: Option<String>,
    trace: Option<TraceParent>,
    wait: Option<u32>,
}

/// A request without a body.
pub(crate) const NOTHING: Option<&()> = None;

impl Guild {
    pub(crate) fn new(client: Client, guild: GuildId) -> Self {
        Self { client, guild, user: None, key: None, trace: None, wait: None }
    }

    /// The same, in this member's name (with the bot's key only).
    #[must_use]
    pub fn as_user(&self, user: UserId) -> Self {
        Self { user: Some(user), ..self.clone() }
    }

    /// The same, as the deed with this key: repeating it does nothing more.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self.clone() }
    }

    /// The same, in this trace.
    #[must_use]
    pub fn traced(&self, trace: &TraceParent) -> Self {
        Self { trace: Some(trace.clone()), ..self.clone() }
    }

    /// The same, waiting up to `seconds` for the outcome of a point command (`Prefer: wait=N`).
    #[must_use]
    pub fn waiting(&self, seconds: u32) -> Self {
        Self { wait: Some(seconds), ..self.clone() }
    }

    /// The guild it is about.
    #[must_use]
    pub fn id(&self) -> GuildId {
        self.guild
    }

    pub(crate) async fn send<B: Serialize + Sync, Q: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        query: Option<&Q>,
        body: Option<&B>,
    ) -> Result<Response, ClientError> {
        let url = format!("{}/api/v1/guilds/{}{path}", self.client.base, self.guild);
        let reading = method == Method::GET;
        let mut request = self.client.http.request(method, url);
        request = match &self.client.credential {
            Credential::BotKey(key) => request.header(BOT_KEY_HEADER, key),
            Credential::Token(token) => request.bearer_auth(token),
        };
        if let Some(user) = self.user {
            request = request.header(BOT_USER_HEADER, user.to_string());
        }
        if let Some(key) = self.key.as_ref().filter(|_| !reading) {
            request = request.header(IDEMPOTENCY_HEADER, key);
        }
        if let Some(trace) = &self.trace {
            request = request.header("traceparent", trace.to_string());
        }
        let mut deadline = TRY_DEADLINE;
        if let Some(seconds) = self.wait {
            request = request.header("Prefer", format!("wait={seconds}"));
            deadline += Duration::from_secs(seconds.into());
        }
        if let Some(query) = query {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        error::checked(request.timeout(deadline).send().await?).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        error::decoded(self.send(Method::GET, path, NOTHING, NOTHING).await?).await
    }

    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        error::decoded(self.send(Method::GET, path, Some(query), NOTHING).await?).await
    }

    pub(crate) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        error::decoded(self.send(method, path, NOTHING, Some(body)).await?).await
    }
}
