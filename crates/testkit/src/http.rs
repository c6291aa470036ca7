//! Owns requests as a stranger would make them: any method, path, header and body.

use anyhow::{Context, Result, ensure};
use domain::UserId;
use messages::api::{BOT_KEY_HEADER, BOT_USER_HEADER, IDEMPOTENCY_HEADER, PROBLEM_JSON};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::Value;

use crate::GuildTest;

/// A request under way to being sent.
#[derive(Debug)]
pub struct Request {
    inner: reqwest::RequestBuilder,
    bot_key: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: JSON, or text, or null.
    pub body: Value,
}

impl GuildTest {
    /// A request to the API; `path` is below this guild, such as `/seasons`.
    #[must_use]
    pub fn request(&self, method: Method, path: &str) -> Request {
        self.request_to(method, &format!("/api/v1/guilds/{}{path}", self.id()))
    }

    /// A request to any path of the API.
    #[must_use]
    pub fn request_to(&self, method: Method, path: &str) -> Request {
        let url = format!("{}{path}", self.stack().api_url());
        let [_, bot_key, _] = self.stack().secrets();
        Request { inner: self.stack().http().request(method, url), bot_key: bot_key.to_owned() }
    }
}

impl Request {
    /// With the bot's key, in that member's name.
    #[must_use]
    pub fn bot(self, user: UserId) -> Self {
        let key = self.bot_key.clone();
        self.header(BOT_KEY_HEADER, &key).header(BOT_USER_HEADER, &user.to_string())
    }

    /// With a personal token, or what pretends to be one.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// With an `Idempotency-Key`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header(IDEMPOTENCY_HEADER, key)
    }

    /// Willing to wait ten seconds for the outcome.
    #[must_use]
    pub fn waiting(self) -> Self {
        self.header("Prefer", "wait=10")
    }

    /// With a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self { inner: self.inner.header(name, value), ..self }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        Self { inner: self.inner.json(body), ..self }
    }

    /// With any body.
    #[must_use]
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self { inner: self.inner.body(body), ..self }
    }

    /// Sends it.
    ///
    /// # Errors
    /// When nothing comes back.
    pub async fn send(self) -> Result<Answer> {
        let response = self.inner.send().await.context("no answer from the API")?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or_else(|_| text()) };
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// The problem's code; empty when it is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// It is a problem document with this status and code, and a sentence for a person.
    ///
    /// # Errors
    /// When it is not; `what` says what was asked for.
    pub fn is_problem(&self, status: u16, code: &str, what: &str) -> Result<()> {
        ensure!((self.status, self.code()) == (status, code), "{what}: wanted {status} {code}, got {self:?}");
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        ensure!(kind == PROBLEM_JSON, "{what}: a problem of type {kind:?}");
        ensure!(self.body["status"] == status, "{what}: the document names another status: {}", self.body);
        let detail = self.body["detail"].as_str().unwrap_or_default();
        let sentence = detail.len() > 10 && detail.starts_with(char::is_uppercase);
        ensure!(sentence, "{what}: nothing that a person can act on: {detail:?}");
        Ok(())
    }

    /// It is a success; gives the body.
    ///
    /// # Errors
    /// When it is none; `what` says what was asked for.
    pub fn ok(self, what: &str) -> Result<Value> {
        ensure!((200..300).contains(&self.status), "{what}: {self:?}");
        Ok(self.body)
    }
}
