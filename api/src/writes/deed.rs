//! Owns the way of every change that is not points: one transaction that claims the inbox id, reads who acts, changes
//! things, and writes the audit entry, effects, outbox rows and the answer. A repeat gets the answer it had.

use std::{future::Future, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    CommandId, GuildId, Rejection, Timestamp,
    permit::{Act, permit},
};
use messages::trace::TraceParent;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{StoreError, Tx, audit, effects, guilds, inbox, outbox};
use uuid::Uuid;

use crate::{auth::Acting, error::ApiError, extract::Asked, state::ApiState};

/// How often a transaction is tried that loses against others.
const TRIES: u32 = 5;
/// How long it waits before the second try; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// A change that is not points.
pub(crate) trait Deed: Sync {
    /// Does it, within the transaction that `cx` holds. May be called again after a lost transaction.
    fn carry_out(&self, cx: &mut Cx<'_>) -> impl Future<Output = Result<Reply, ApiError>> + Send;
}

/// What a deed has at hand.
pub(crate) struct Cx<'a> {
    /// The transaction.
    pub(crate) tx: Tx,
    /// The guild it is about.
    pub(crate) guild: GuildId,
    /// Who acts, as the store knows them.
    pub(crate) acting: Acting,
    /// The deed's id.
    pub(crate) id: CommandId,
    /// The trace it belongs to.
    pub(crate) trace: &'a TraceParent,
    /// When it is done.
    pub(crate) now: Timestamp,
}

/// The answer to a deed, as it is kept for repeats.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reply {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    /// The body.
    pub(crate) body: Value,
}

/// An outcome in the inbox that holds an answer. Read as an `Outcome`, it is an applied one.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: String,
    reply: Reply,
}

impl Reply {
    /// 200 with a body.
    pub(crate) fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::new(StatusCode::OK, None, body)
    }

    /// 201 with a body, and where the new thing is found.
    pub(crate) fn created(location: String, body: &impl Serialize) -> Result<Self, ApiError> {
        Self::new(StatusCode::CREATED, Some(location), body)
    }

    /// 204.
    pub(crate) const fn empty() -> Self {
        Self { status: 204, location: None, body: Value::Null }
    }

    fn new(status: StatusCode, location: Option<String>, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_value(body).map_err(ApiError::internal)?;
        Ok(Self { status: status.as_u16(), location, body })
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        if status == StatusCode::NO_CONTENT {
            return status.into_response();
        }
        let mut response = (status, axum::Json(self.body)).into_response();
        if let Some(location) = self.location.and_then(|location| HeaderValue::from_str(&location).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

impl Cx<'_> {
    /// Whether the one who acts may do this; makes the guild known when they may.
    pub(crate) async fn permit(&mut self, act: Act) -> Result<(), ApiError> {
        permit(&self.acting.actor, act)?;
        guilds::ensure(&mut self.tx, self.guild, self.now).await?;
        Ok(())
    }

    /// The id of the thing called `tag` that this deed makes.
    pub(crate) fn derived(&self, tag: &str) -> Uuid {
        CommandId::derived(self.id.uuid(), tag).uuid()
    }

    /// Writes the audit entry: what was done, to what, and what that was before and is now.
    pub(crate) async fn audit(
        &mut self,
        act: &str,
        target: impl std::fmt::Display,
        before: &impl Serialize,
        after: &impl Serialize,
    ) -> Result<(), ApiError> {
        let entry = audit::Entry {
            id: self.derived("audit"),
            guild: self.guild,
            at: self.now,
            actor: Some(self.acting.actor.user),
            act: act.to_owned(),
            target: target.to_string(),
            detail: json!({
                "before": serde_json::to_value(before).map_err(ApiError::internal)?,
                "after": serde_json::to_value(after).map_err(ApiError::internal)?,
            }),
        };
        Ok(audit::append(&mut self.tx, &entry).await?)
    }

    /// Tells the officers, where they chose a channel for it.
    pub(crate) async fn tell_officers(
        &mut self,
        cause: String,
        notice: messages::effect::Notice,
    ) -> Result<(), ApiError> {
        let Some(channel) = guilds::settings(&mut self.tx, self.guild).await?.officer_channel_id else { return Ok(()) };
        let wanted = effects::NoticeWanted { guild: self.guild, cause, channel, notice, trace: self.trace.clone() };
        let events = effects::want_notices(&mut self.tx, &[wanted], self.now).await?;
        Ok(outbox::put(&mut self.tx, &events).await?)
    }
}

impl Asked {
    /// Does a deed once, however often it is asked for, and gives the answer.
    pub(crate) async fn once(&self, state: &ApiState, deed: &impl Deed) -> Result<Reply, ApiError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.attempt(state, deed).await {
                Err(ApiError::Lost) => tokio::time::sleep(pause).await,
                done => return done,
            }
            pause *= 2;
        }
        self.attempt(state, deed).await
    }

    async fn attempt(&self, state: &ApiState, deed: &impl Deed) -> Result<Reply, ApiError> {
        let now = state.clock.now();
        let mut tx = state.store.begin().await?;
        let acting = self.caller.acting(&mut tx, state).await?;
        let claim = inbox::Claim { id: self.id(), guild: self.caller.guild, fingerprint: self.fingerprint };
        if let Some(settled) = inbox::claim(&mut tx, &[claim], now).await?.remove(&claim.id) {
            if settled.guild != claim.guild || settled.fingerprint != claim.fingerprint {
                return Err(Rejection::IdReused.into());
            }
            let kept: Kept = serde_json::from_str(&settled.outcome).map_err(ApiError::internal)?;
            return Ok(kept.reply);
        }
        let (guild, trace) = (self.caller.guild, &self.trace);
        let mut cx = Cx { tx, guild, acting, id: claim.id, trace, now };
        let reply = deed.carry_out(&mut cx).await?;
        let kept = serde_json::to_string(&Kept { status: "applied".into(), reply: reply.clone() });
        inbox::settle(&mut cx.tx, &[(claim.id, kept.map_err(ApiError::internal)?)]).await?;
        match cx.tx.commit().await {
            Ok(()) => Ok(reply),
            // The connection broke in the middle of it.
            Err(StoreError::Unavailable(_)) => Err(ApiError::unknown(self.key.as_str())),
            Err(error) => Err(error.into()),
        }
    }
}

/// Makes a broken unique constraint the answer it means; any other error stays what it is.
pub(crate) fn taken(error: StoreError, means: impl IntoIterator<Item = (&'static str, ApiError)>) -> ApiError {
    means
        .into_iter()
        .find(|(constraint, _)| error.is_duplicate(constraint))
        .map_or_else(|| error.into(), |(_, answer)| answer)
}
