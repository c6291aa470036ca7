//! Owns the bot's key, and the member in whose name the bot calls.

use std::net::SocketAddr;

use axum::{extract::ConnectInfo, http::request::Parts};
use domain::UserId;
use messages::api::{BOT_KEY_HEADER, BOT_USER_HEADER};

use crate::{error::ApiError, state::ApiState};

/// What proxies add: with it, the peer is not the caller.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// The member in whose name the bot calls, after its key was checked.
pub(super) fn user(parts: &Parts, state: &ApiState) -> Result<Option<UserId>, ApiError> {
    let Some(key) = parts.headers.get(BOT_KEY_HEADER) else {
        return Err(ApiError::unauthenticated(
            "authentication_required",
            "Say who you are: with the bot's key (X-API-Key), or with a personal token (Authorization: Bearer).",
        ));
    };
    if !state.config.bot_key.is(key.as_bytes()) {
        return Err(ApiError::unauthenticated("authentication_required", "That isn't the bot's key."));
    }
    if state.config.demo_key_loopback_only && !is_local(parts) {
        return Err(ApiError::unauthenticated(
            "authentication_required",
            "The demo's key works only on the machine it runs on. Set a key of your own (GUILDHALL_BOT_KEY).",
        ));
    }
    let mut users = parts.headers.get_all(BOT_USER_HEADER).iter();
    let Some(user) = users.next() else { return Ok(None) };
    let user = user.to_str().ok().and_then(|user| user.parse().ok()).filter(|_| users.next().is_none());
    user.map(Some).ok_or(ApiError::invalid("invalid_id", "X-User-Discord-ID has to be one Discord id: a whole number."))
}

/// Whether the caller sits on this machine. Who can't be told apart from a stranger is taken for one.
fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
        && !FORWARDED.iter().any(|header| parts.headers.contains_key(*header))
}
