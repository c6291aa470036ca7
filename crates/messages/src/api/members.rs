//! Owns the types of `/members`.

use chrono::{DateTime, Utc};
use domain::{
    EntryId, ItemId, Points, RankId, SubmissionId, UserId, ledger::EntryKind, member::MemberStatus, name::Name,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::seasons::{PrizeView, SeasonView};

/// Registers the calling member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// What they are called in the game; unique in the guild.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Name,
    /// Their profile in the game, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_id: Option<String>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    /// Their Discord account.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// What they are called in the game.
    #[schema(value_type = String)]
    pub name: Name,
    /// Their profile in the game.
    pub game_id: Option<String>,
    /// `pending`, `verified` or `banned`.
    #[schema(value_type = String)]
    pub status: MemberStatus,
    /// Whether they are an officer.
    pub admin: bool,
    /// When they registered.
    pub registered_at: DateTime<Utc>,
}

/// Changes a member: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMember {
    /// `verified`, `banned` or `pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub status: Option<MemberStatus>,
    /// Whether they are an officer; only a verified member can become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
}

/// A rank somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RankView {
    /// Which.
    #[schema(value_type = Uuid)]
    pub rank_id: RankId,
    /// Its number.
    pub number: i32,
    /// Its name.
    pub name: String,
    /// The points that reach it.
    #[schema(value_type = i64)]
    pub threshold: Points,
}

/// How a member stands in a season.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// The season.
    pub season: SeasonView,
    /// Their account.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their name in the game.
    pub name: String,
    /// Their total.
    #[schema(value_type = i64)]
    pub points: Points,
    /// Their place on the leaderboard, from 1; `None` for banned members.
    pub position: Option<i64>,
    /// The highest rank they hold.
    pub rank: Option<RankView>,
    /// The next rank above, if there is one.
    pub next_rank: Option<RankView>,
    /// What their ranks gave them.
    pub prizes: Vec<AwardedPrize>,
    /// What they handed in that counts.
    pub items: Vec<SummaryItem>,
    /// How many of their submissions wait for review.
    pub pending_submissions: i64,
}

/// A prize somebody was awarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AwardedPrize {
    /// The prize.
    pub prize: PrizeView,
    /// When it was awarded.
    pub awarded_at: DateTime<Utc>,
}

/// How many of an item counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SummaryItem {
    /// Which.
    #[schema(value_type = Uuid)]
    pub item_id: ItemId,
    /// Its name.
    pub name: String,
    /// How many.
    pub quantity: i64,
    /// What they counted in all.
    #[schema(value_type = i64)]
    pub points: Points,
}

/// One entry of the ledger: why the total is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryView {
    /// Which.
    #[schema(value_type = Uuid)]
    pub id: EntryId,
    /// Its place among the member's entries of the season: 1, 2, 3 … without a gap.
    pub seq: i64,
    /// `submission`, `correction`, `void` or `adjustment`.
    #[schema(value_type = String)]
    pub kind: EntryKind,
    /// By how much the total moved.
    #[schema(value_type = i64)]
    pub points: Points,
    /// The total after it.
    #[schema(value_type = i64)]
    pub balance: Points,
    /// The submission behind it.
    #[schema(value_type = Option<Uuid>)]
    pub submission_id: Option<SubmissionId>,
    /// The item's name.
    pub item: Option<String>,
    /// Who did it, while that is known.
    #[schema(value_type = Option<String>)]
    pub actor_user_id: Option<UserId>,
    /// From when it counts.
    pub accepted_at: DateTime<Utc>,
    /// When it was written.
    pub applied_at: DateTime<Utc>,
}
