//! A typed client of the control server, for tests in another process: the methods of [`Sim`](crate::Sim), over HTTP.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::faults::{Fault, GatewayFault};
use crate::handle::{InteractionHandle, Via};
use crate::ids::{ChannelId, GuildId, InteractionId, MessageId, RoleId, UserId};
use crate::log::{RequestEntry, Violation};
use crate::people::Act;
use crate::view::{
    BotView, ChannelPatch, ChannelView, GuildView, InteractionView, MemberView, MessageView, NewRole, RolePatch,
    RoleView,
};
use crate::world::RoleChange;

/// Drives a simulator in another process.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

/// How long an answer may take beyond what was asked to wait.
const GRACE: Duration = Duration::from_secs(10);

impl Client {
    /// A client of the control server at `url` ([`Sim::control_url`](crate::Sim::control_url)).
    pub fn new(url: impl Into<String>) -> Result<Self> {
        let base = url.into().trim_end_matches('/').to_owned();
        Ok(Self { base, http: reqwest::Client::builder().no_proxy().build()? })
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
        wait: Duration,
    ) -> Result<T> {
        let mut request =
            self.http.request(method.clone(), format!("{}/control/{path}", self.base)).timeout(wait + GRACE);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        if !answer.status().is_success() {
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            let error = serde_json::from_str::<Value>(&text).ok();
            let error = error.as_ref().and_then(|error| error["error"].as_str()).unwrap_or(&text);
            bail!("{method} {path}: {status}: {error}");
        }
        answer.json().await.with_context(|| format!("{method} {path}: the answer could not be read"))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::GET, path, None::<&()>, Duration::ZERO).await
    }

    async fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: &(impl Serialize + Sync)) -> Result<T> {
        self.call(method, path, Some(body), Duration::ZERO).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.call(Method::DELETE, path, None::<&()>, Duration::ZERO).await
    }

    /// Addresses, token and keys: `rest_addr`, `gateway_url`, `application_id`, `token`, `public_key`, `now`.
    pub async fn info(&self) -> Result<Value> {
        self.get("info").await
    }

    /// The certificate authority of the REST API, as PEM.
    pub async fn ca_pem(&self) -> Result<String> {
        let answer = self.http.get(format!("{}/control/ca.pem", self.base)).timeout(GRACE).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// What is known of the bot: sessions, commands, endpoint.
    pub async fn bot(&self) -> Result<BotView> {
        self.get("bot").await
    }

    /// The registered commands, as Discord's objects.
    pub async fn commands(&self) -> Result<Vec<Value>> {
        Ok(self.bot().await?.commands)
    }

    /// Counts the changes of the state. With `after`, waits until the count is past it, `wait` at most.
    pub async fn revision(&self, after: Option<u64>, wait: Duration) -> Result<u64> {
        let path = format!("revision?wait={}{}", wait.as_millis(), after_query(after));
        self.call(Method::GET, &path, None::<&()>, wait).await
    }

    /// Moves the clock forward.
    pub async fn advance_clock(&self, by: Duration) -> Result<()> {
        let ms = u64::try_from(by.as_millis())?;
        self.send(Method::POST, "clock", &json!({ "advance_ms": ms })).await
    }

    /// All guilds.
    pub async fn guilds(&self) -> Result<Vec<GuildView>> {
        self.get("guilds").await
    }

    /// One guild.
    pub async fn guild(&self, guild: GuildId) -> Result<GuildView> {
        self.get(&format!("guilds/{guild}")).await
    }

    /// The members of a guild.
    pub async fn members(&self, guild: GuildId) -> Result<Vec<MemberView>> {
        self.get(&format!("guilds/{guild}/members")).await
    }

    /// One member.
    pub async fn member(&self, guild: GuildId, user: UserId) -> Result<MemberView> {
        self.get(&format!("guilds/{guild}/members/{user}")).await
    }

    /// A person joins: a new one of this name, or `user` who left before.
    pub async fn join(&self, guild: GuildId, name: &str, user: Option<UserId>) -> Result<MemberView> {
        self.send(Method::POST, &format!("guilds/{guild}/members"), &json!({ "name": name, "user": user })).await
    }

    /// A member leaves.
    pub async fn leave(&self, guild: GuildId, user: UserId) -> Result<()> {
        self.delete(&format!("guilds/{guild}/members/{user}")).await
    }

    /// A member takes a name in the guild.
    pub async fn set_nick(&self, guild: GuildId, user: UserId, nick: Option<String>) -> Result<()> {
        self.send(Method::PATCH, &format!("guilds/{guild}/members/{user}"), &json!({ "nick": nick })).await
    }

    /// Somebody gives a member a role by hand.
    pub async fn give_role(&self, guild: GuildId, user: UserId, role: RoleId) -> Result<()> {
        self.call(Method::PUT, &format!("guilds/{guild}/members/{user}/roles/{role}"), None::<&()>, Duration::ZERO)
            .await
    }

    /// Somebody takes a role from a member by hand.
    pub async fn take_role(&self, guild: GuildId, user: UserId, role: RoleId) -> Result<()> {
        self.delete(&format!("guilds/{guild}/members/{user}/roles/{role}")).await
    }

    /// Somebody creates a role by hand.
    pub async fn create_role(&self, guild: GuildId, role: NewRole) -> Result<RoleView> {
        self.send(Method::POST, &format!("guilds/{guild}/roles"), &role).await
    }

    /// Somebody changes a role by hand, such as dragging it above the bot's.
    pub async fn patch_role(&self, guild: GuildId, role: RoleId, patch: RolePatch) -> Result<RoleView> {
        self.send(Method::PATCH, &format!("guilds/{guild}/roles/{role}"), &patch).await
    }

    /// Somebody deletes a role by hand.
    pub async fn delete_role(&self, guild: GuildId, role: RoleId) -> Result<()> {
        self.delete(&format!("guilds/{guild}/roles/{role}")).await
    }

    /// Somebody opens a text channel.
    pub async fn create_channel(&self, guild: GuildId, name: &str) -> Result<ChannelView> {
        self.send(Method::POST, &format!("guilds/{guild}/channels"), &json!({ "name": name })).await
    }

    /// Somebody changes a channel, or what the bot may do in it.
    pub async fn patch_channel(&self, channel: ChannelId, patch: ChannelPatch) -> Result<ChannelView> {
        self.send(Method::PATCH, &format!("channels/{channel}"), &patch).await
    }

    /// Somebody deletes a channel.
    pub async fn delete_channel(&self, channel: ChannelId) -> Result<()> {
        self.delete(&format!("channels/{channel}")).await
    }

    /// The messages of a channel, oldest first: those everybody sees, and with `seen_by` that person's ephemeral ones.
    pub async fn messages(&self, channel: ChannelId, seen_by: Option<UserId>) -> Result<Vec<MessageView>> {
        let query = seen_by.map(|user| format!("?seen_by={user}")).unwrap_or_default();
        self.get(&format!("channels/{channel}/messages{query}")).await
    }

    /// The bot's direct messages to a user, oldest first.
    pub async fn direct_messages(&self, user: UserId) -> Result<Vec<MessageView>> {
        self.get(&format!("users/{user}/messages")).await
    }

    /// A member writes in a channel.
    pub async fn say(&self, channel: ChannelId, user: UserId, content: &str) -> Result<MessageView> {
        let body = json!({ "user": user, "content": content });
        self.send(Method::POST, &format!("channels/{channel}/messages"), &body).await
    }

    /// Somebody deletes a message by hand.
    pub async fn delete_message(&self, channel: ChannelId, message: MessageId) -> Result<()> {
        self.delete(&format!("channels/{channel}/messages/{message}")).await
    }

    /// A person opens or closes direct messages.
    pub async fn set_takes_dms(&self, user: UserId, takes: bool) -> Result<()> {
        self.send(Method::PATCH, &format!("users/{user}"), &json!({ "takes_dms": takes })).await
    }

    /// A person does something that reaches the bot as an interaction.
    pub async fn act(&self, act: Act) -> Result<InteractionHandle> {
        let path = match &act {
            Act::Command { .. } => "interactions",
            Act::Autocomplete { .. } => "autocomplete",
            Act::Click { .. } => "click",
            Act::Select { .. } => "select",
            Act::Submit { .. } => "modal",
        };
        let view: InteractionView = self.send(Method::POST, path, &act).await?;
        Ok(InteractionHandle::new(view.id, Via::Client(self.clone())))
    }

    /// An interaction. With `after`, waits until its revision is past it (or its deadline passed), `wait` at most.
    pub async fn interaction(&self, id: InteractionId, after: Option<u64>, wait: Duration) -> Result<InteractionView> {
        let path = format!("interactions/{id}?wait={}{}", wait.as_millis(), after_query(after));
        self.call(Method::GET, &path, None::<&()>, wait).await
    }

    /// Follows an interaction whose id is known.
    #[must_use]
    pub fn handle(&self, id: InteractionId) -> InteractionHandle {
        InteractionHandle::new(id, Via::Client(self.clone()))
    }

    /// Posts interactions to this URL from now on (after asking it as Discord does), or to the gateway again.
    pub async fn set_interactions_endpoint(&self, url: Option<String>) -> Result<()> {
        self.send(Method::PUT, "endpoint", &json!({ "url": url })).await
    }

    /// Sets a REST fault.
    pub async fn add_fault(&self, fault: Fault) -> Result<()> {
        self.send(Method::POST, "faults", &fault).await
    }

    /// The REST faults that will still strike.
    pub async fn faults(&self) -> Result<Vec<Fault>> {
        self.get("faults").await
    }

    /// Ends all faults: REST, gateway and refused connections.
    pub async fn clear_faults(&self) -> Result<()> {
        self.delete("faults").await
    }

    /// Does something to the gateway.
    pub async fn gateway_fault(&self, fault: GatewayFault) -> Result<()> {
        self.send(Method::POST, "gateway", &fault).await
    }

    /// Closes new REST connections at once, or takes them again.
    pub async fn refuse_rest(&self, refuse: bool) -> Result<()> {
        self.send(Method::POST, "rest", &json!({ "refuse": refuse })).await
    }

    /// What the bot did that it should not.
    pub async fn violations(&self) -> Result<Vec<Violation>> {
        self.get("violations").await
    }

    /// The REST requests from number `since` on.
    pub async fn requests(&self, since: u64) -> Result<Vec<RequestEntry>> {
        self.get(&format!("requests?since={since}")).await
    }

    /// Who gave and took which role, oldest first.
    pub async fn role_changes(&self) -> Result<Vec<RoleChange>> {
        self.get("role_changes").await
    }
}

fn after_query(after: Option<u64>) -> String {
    after.map(|after| format!("&after={after}")).unwrap_or_default()
}
