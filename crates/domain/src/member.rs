//! Owns who belongs to the guild and what state they are in.

use serde::{Deserialize, Serialize};

use crate::{GuildId, MemberId, UserId, name::Name};

/// Where a member stands with the officers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    /// Registered; an officer has yet to verify them.
    Pending,
    /// Takes part.
    Verified,
    /// Shut out. Their history stays, but they're not shown on leaderboards.
    Banned,
}

/// A registered member of one guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Our own id; the ledger knows members only by this one.
    pub id: MemberId,
    /// The guild they belong to.
    pub guild: GuildId,
    /// Their Discord account.
    pub user: UserId,
    /// What they are called in the game.
    pub name: Name,
    /// Their profile in the game, if they gave one.
    pub game_id: Option<String>,
    /// Where they stand.
    pub status: MemberStatus,
    /// Whether they are an officer.
    pub admin: bool,
}
