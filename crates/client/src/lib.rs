//! A typed client of Guildhall's REST API.
//!
//! Owns how a call travels: credential, headers, time-outs and the reading of error answers. One file per endpoint
//! family. It never retries: whoever calls knows whether repeating is wanted, and passes an idempotency key for it.

mod effects;
mod error;
mod guild;
mod members;
mod seasons;
mod settings;
mod submissions;
mod tokens;

use std::{fmt, time::Duration};

pub use error::ClientError;
pub use guild::Guild;
pub use submissions::{SubmissionQuery, Taken};

use domain::GuildId;

/// How long one try may take, from the call to the whole answer.
pub const TRY_DEADLINE: Duration = Duration::from_secs(2);
/// How long making a connection may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);
/// Idle connections are dropped before servers and proxies do it, which would fail the next call.
const IDLE: Duration = Duration::from_secs(20);

/// With what a caller proves who they are.
#[derive(Clone)]
pub enum Credential {
    /// The bot's key; calls are made in the name of a member with [`Guild::as_user`].
    BotKey(String),
    /// A personal token (a JWT).
    Token(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BotKey(_) => "BotKey(…)",
            Self::Token(_) => "Token(…)",
        })
    }
}

/// A client of one Guildhall. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    credential: Credential,
}

impl Client {
    /// A client of the API at `base_url`, such as `http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// [`ClientError::Config`] when that is no address, or TLS can't be set up.
    pub fn new(base_url: &str, credential: Credential) -> Result<Self, ClientError> {
        let base = reqwest::Url::parse(base_url).map_err(|error| ClientError::Config(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(ClientError::Config(format!("{base_url} is no http or https address")));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_DEADLINE)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Config(error.to_string()))?;
        Ok(Self { http, base: base_url.trim_end_matches('/').to_owned(), credential })
    }

    /// The part of the API that is about one guild.
    #[must_use]
    pub fn guild(&self, guild: GuildId) -> Guild {
        Guild::new(self.clone(), guild)
    }

    /// Whether the API lives.
    ///
    /// # Errors
    /// [`ClientError`] with the reason.
    pub async fn health(&self) -> Result<(), ClientError> {
        let request = self.http.get(format!("{}/health", self.base)).timeout(TRY_DEADLINE);
        error::checked(request.send().await?).await.map(drop)
    }
}
