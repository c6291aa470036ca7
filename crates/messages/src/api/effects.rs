//! Owns the types of `/effects` and `/members/{user_id}/roles`.

use chrono::{DateTime, Utc};
use domain::{EffectId, RoleId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::effect::{EffectKind, EffectState};

/// Something that must become true in Discord, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// Which.
    #[schema(value_type = Uuid)]
    pub id: EffectId,
    /// `roles` or `message`.
    pub kind: EffectKind,
    /// Whose roles, or which channel.
    pub target: String,
    /// Rises when something else is desired.
    pub version: i64,
    /// `waiting`, `done`, `parked` or `dead`.
    pub state: EffectState,
    /// What is in the way, as a stable code.
    pub reason: Option<String>,
    /// What is in the way, in words for an officer.
    pub detail: Option<String>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// The roles a member should hold, and whether they do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberRoles {
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// What they should hold by the ledger.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<RoleId>,
    /// Where bringing them to Discord stands; `None` when there never was anything to bring.
    pub effect: Option<EffectView>,
}
