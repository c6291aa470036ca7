//! Owns the types of `/members/{user_id}/tokens`.

use chrono::{DateTime, Utc};
use domain::{TokenId, permit::Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Makes a personal token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// What it is for, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it may do: `read`, `submit`, `manage`. `read` alone when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub scopes: Vec<Scope>,
    /// For how many days it is good, 1 to 365; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 365)]
    pub expires_in_days: Option<u32>,
}

/// A token that was just made: the only time the token itself is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedToken {
    /// The token itself (a JWT), for `Authorization: Bearer`.
    pub token: String,
    /// What is known about it.
    #[serde(flatten)]
    pub view: TokenView,
}

/// What is known about a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its id (`jti`).
    #[schema(value_type = Uuid)]
    pub id: TokenId,
    /// What it is for.
    pub label: Option<String>,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}
