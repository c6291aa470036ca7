//! Owns who calls: the credential a request brings, checked as far as that goes without the store, and the actor it
//! stands for, read in the transaction that uses it.
//!
//! Rights are not decided here: that is `domain::permit`, asked by each endpoint.

mod bot;
mod jwt;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{header, request::Parts},
};
use domain::{GuildId, Rejection, UserId, member::Member, permit::Actor};
use messages::command::Via;
use store::{Tx, members, tokens};

pub(crate) use jwt::{Claims, signed};

use crate::{error::ApiError, state::ApiState};

/// What a request proves its origin with.
#[derive(Debug, Clone)]
enum Credential {
    /// The bot's key, in the name of a member or alone.
    Bot(Option<UserId>),
    /// A personal token; whether it was revoked is not looked up yet.
    Token(Claims),
}

/// Who calls, about which guild.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The guild, from the path.
    pub(crate) guild: GuildId,
    credential: Credential,
}

/// The one in whose name something is done.
#[derive(Debug, Clone)]
pub(crate) struct Acting {
    /// As rights see them.
    pub(crate) actor: Actor,
    /// Their membership, if they registered.
    pub(crate) member: Option<Member>,
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        // A token says more about who calls than the bot's key does, so that it goes first.
        let credential = if parts.headers.contains_key(header::AUTHORIZATION) {
            Credential::Token(jwt::claims(&parts.headers, state)?)
        } else {
            Credential::Bot(bot::user(parts, state)?)
        };
        let guild = guild(parts, state).await?;
        if let Credential::Token(claims) = &credential
            && claims.gid != guild
        {
            return Err(unknown_guild());
        }
        Ok(Self { guild, credential })
    }
}

async fn guild(parts: &mut Parts, state: &ApiState) -> Result<GuildId, ApiError> {
    let unreadable = || ApiError::invalid("invalid_id", "A guild's id is the whole number Discord shows for it.");
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unreadable())?;
    let id = params.iter().find(|(name, _)| *name == "guild_id").map(|(_, value)| value);
    id.unwrap_or_default().parse().map_err(|_| unreadable())
}

const fn unknown_guild() -> ApiError {
    ApiError::not_found("unknown_guild", "There's nothing of that guild for this token.")
}

impl Caller {
    /// What makes equal idempotency keys of different callers different deeds.
    pub(crate) fn id(&self) -> String {
        match &self.credential {
            Credential::Bot(Some(user)) => format!("bot:{user}"),
            Credential::Bot(None) => "bot".to_owned(),
            Credential::Token(claims) => format!("token:{}", claims.jti),
        }
    }

    /// The way they came.
    pub(crate) const fn via(&self) -> Via {
        match self.credential {
            Credential::Bot(_) => Via::Bot,
            Credential::Token(_) => Via::Token,
        }
    }

    /// Whether the bot calls for itself, in nobody's name.
    pub(crate) const fn is_bot_alone(&self) -> bool {
        matches!(self.credential, Credential::Bot(None))
    }

    /// Lets only the bot through, in whosever name.
    pub(crate) const fn only_bot(&self) -> Result<(), Rejection> {
        match self.credential {
            Credential::Bot(_) => Ok(()),
            Credential::Token(_) => Err(Rejection::NotBot),
        }
    }

    /// The one in whose name the request is made, as the store knows them now.
    pub(crate) async fn acting(&self, tx: &mut Tx, state: &ApiState) -> Result<Acting, ApiError> {
        match &self.credential {
            Credential::Bot(None) => Err(ApiError::unauthenticated(
                "authentication_required",
                "Say for which member this is: add their Discord id as X-User-Discord-ID.",
            )),
            Credential::Bot(Some(user)) => {
                let member = members::of_users(tx, &[(self.guild, *user)]).await?.remove(&(self.guild, *user));
                Ok(Acting { actor: state.through_bot(*user, member.as_ref()), member })
            }
            Credential::Token(claims) => self.bearer(tx, claims, state).await,
        }
    }

    async fn bearer(&self, tx: &mut Tx, claims: &Claims, state: &ApiState) -> Result<Acting, ApiError> {
        let token = tokens::find(tx, claims.jti).await?.ok_or_else(jwt::refused)?;
        if token.guild != self.guild || token.member != claims.sub || !token.counts(state.clock.now()) {
            return Err(jwt::refused());
        }
        let member = members::of_ids(tx, &[token.member]).await?.remove(&token.member).ok_or_else(jwt::refused)?;
        let actor = Actor { scopes: token.view.scopes, ..state.through_bot(member.user, Some(&member)) };
        Ok(Acting { actor, member: Some(member) })
    }
}
