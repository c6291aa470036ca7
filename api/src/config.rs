//! Owns what the API is told at its start.

use std::fmt;

use domain::UserId;
use subtle::ConstantTimeEq;

/// The issuer that every personal token names.
pub const ISSUER: &str = "guildhall";
/// The audience that every personal token names.
pub const AUDIENCE: &str = "guildhall-api";
/// The least that signs tokens: as many bytes as HS256 gives (RFC 7518, section 3.2).
const MIN_JWT_SECRET: usize = 32;
/// The least that keeps a bot key from being guessed.
const MIN_BOT_KEY: usize = 16;

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether `text` is the secret, in a time that tells nothing about it but its length.
    #[must_use]
    pub fn is(&self, text: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(text).into()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the API is told at its start.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Who is always an officer, in every guild, registered or not.
    pub root_admin: Option<UserId>,
    /// The bot's key: whoever has it acts for anybody.
    pub bot_key: Secret,
    /// What signs personal tokens, at least 32 bytes.
    pub jwt_secret: Secret,
    /// Whether the bot's key is the demo's, which everybody knows: then it counts only for callers on this machine.
    pub demo_key_loopback_only: bool,
    /// How many requests may be at work at once; more are turned away at once.
    pub max_requests: usize,
    /// How many connections may be open at once; more wait to be taken.
    pub max_connections: usize,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The secret that signs tokens is too short.
    #[error("the JWT secret needs at least {MIN_JWT_SECRET} bytes")]
    JwtSecret,
    /// The bot's key is too short.
    #[error("the bot key needs at least {MIN_BOT_KEY} characters")]
    BotKey,
    /// Nothing could ever be served.
    #[error("the limits of requests and connections must be at least 1")]
    Limits,
}

impl ApiConfig {
    /// A configuration with the usual limits.
    #[must_use]
    pub const fn new(bot_key: Secret, jwt_secret: Secret) -> Self {
        Self {
            root_admin: None,
            bot_key,
            jwt_secret,
            demo_key_loopback_only: false,
            max_requests: 256,
            max_connections: 1024,
        }
    }

    /// Whether it can be served with.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.jwt_secret.bytes().len() < MIN_JWT_SECRET {
            return Err(ConfigError::JwtSecret);
        }
        // The demo's key is known to everybody anyway.
        if self.bot_key.bytes().len() < MIN_BOT_KEY && !self.demo_key_loopback_only || self.bot_key.bytes().is_empty() {
            return Err(ConfigError::BotKey);
        }
        if self.max_requests == 0 || self.max_connections == 0 {
            return Err(ConfigError::Limits);
        }
        Ok(())
    }
}
