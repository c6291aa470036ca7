//! Owns the form of personal tokens: signing and reading them. Whether one was revoked is the store's knowledge.

use std::collections::HashSet;

use axum::http::{HeaderMap, header};
use domain::{GuildId, MemberId, TokenId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    config::{AUDIENCE, ISSUER},
    error::ApiError,
    state::ApiState,
};

/// By how much two machines' clocks may differ, in seconds.
const LEEWAY: i64 = 5;
/// Longer than any token this API signs.
const MAX_TOKEN: usize = 2048;

/// What a personal token says. Every field must be there, and of its type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The issuer.
    pub(crate) iss: String,
    /// The audience.
    pub(crate) aud: String,
    /// The member.
    pub(crate) sub: MemberId,
    /// The token's id.
    pub(crate) jti: TokenId,
    /// The guild.
    pub(crate) gid: GuildId,
    /// What it may do, in words separated by spaces. The store's row decides; this is for people who look inside.
    pub(crate) scope: String,
    /// When it was made, in seconds.
    pub(crate) iat: i64,
    /// From when it counts.
    pub(crate) nbf: i64,
    /// Until when it counts.
    pub(crate) exp: i64,
}

/// The one answer to every token that does not count: why is nobody's business but the owner's.
pub(super) const fn refused() -> ApiError {
    ApiError::unauthenticated("invalid_token", "That token doesn't count, or not any more. Ask for a new one.")
}

/// The token's claims, when it is ours and in its time.
pub(super) fn claims(headers: &HeaderMap, state: &ApiState) -> Result<Claims, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).filter(|_| values.next().is_none());
    let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or_else(refused)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.len() > MAX_TOKEN {
        return Err(refused());
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims =
        ["exp", "nbf", "aud", "iss", "sub"].map(str::to_owned).into_iter().collect::<HashSet<_>>();
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    // The times are compared below, with the clock that is an argument; that they are numbers is `Claims`' business.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let key = DecodingKey::from_secret(state.config.jwt_secret.bytes());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|_| refused())?.claims;
    let now = state.clock.now().timestamp();
    let in_time = claims.iat <= now.saturating_add(LEEWAY)
        && claims.nbf <= now.saturating_add(LEEWAY)
        && now < claims.exp.saturating_add(LEEWAY);
    // The library lets a list of audiences pass as long as ours is among them; ours are never lists.
    if in_time && claims.iss == ISSUER && claims.aud == AUDIENCE { Ok(claims) } else { Err(refused()) }
}

/// A signed token that says this.
pub(crate) fn signed(claims: &Claims, state: &ApiState) -> Result<String, ApiError> {
    let key = EncodingKey::from_secret(state.config.jwt_secret.bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).map_err(ApiError::internal)
}
