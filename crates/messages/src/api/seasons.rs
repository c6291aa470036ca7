//! Owns the types of `/seasons` and what hangs on a season: participants, standings, items, ranks.

use chrono::{DateTime, Utc};
use domain::{ItemId, Points, PrizeId, RankId, RoleId, SeasonId, UserId, ladder::OnFall, name::Name, season::Phase};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Creates a season.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSeason {
    /// Its name; unique in the guild.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Name,
    /// Its number, unique in the guild; the next free one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i32>,
    /// The first moment that counts.
    pub starts_at: DateTime<Utc>,
    /// The first moment that no longer counts.
    pub ends_at: DateTime<Utc>,
    /// Whether what members hand in waits for an officer.
    #[serde(default)]
    pub review: bool,
    /// What happens to ranks when points fall: `keep` (default) or `take_back`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub on_fall: OnFall,
}

/// A season.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeasonView {
    /// Which.
    #[schema(value_type = Uuid)]
    pub id: SeasonId,
    /// Its number.
    pub number: i32,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The first moment that counts.
    pub starts_at: DateTime<Utc>,
    /// The first moment that no longer counts.
    pub ends_at: DateTime<Utc>,
    /// `upcoming`, `open`, `closing` or `closed`.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Whether what members hand in waits for an officer.
    pub review: bool,
    /// `keep` or `take_back`.
    #[schema(value_type = String)]
    pub on_fall: OnFall,
    /// When it was closed for good.
    pub closed_at: Option<DateTime<Utc>>,
}

/// Joins a season.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinSeason {
    /// Whom; absent means the caller. Somebody else needs an officer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
}

/// Somebody who takes part in a season.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Participant {
    /// Which season.
    #[schema(value_type = Uuid)]
    pub season_id: SeasonId,
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their name in the game.
    pub name: String,
    /// Since when.
    pub joined_at: DateTime<Utc>,
}

/// A place on a leaderboard. Order: more points, then earlier `reached_at`, then member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StandingView {
    /// The place, from 1.
    pub position: i64,
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their name in the game.
    pub name: String,
    /// Their total.
    #[schema(value_type = i64)]
    pub points: Points,
    /// When they reached it.
    pub reached_at: DateTime<Utc>,
    /// The highest rank they hold.
    pub rank: Option<String>,
}

/// Adds an item to a season, and to the guild's catalogue when no item has that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddItem {
    /// Its name; unique in the guild.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Name,
    /// What one is worth, 1 to 1,000,000,000.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub points: i64,
    /// Its id in the game, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_id: Option<String>,
}

/// Changes what an item is worth from now on; what was submitted keeps its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceItem {
    /// What one is worth, 1 to 1,000,000,000.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub points: i64,
}

/// An item of a season.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeasonItem {
    /// Which.
    #[schema(value_type = Uuid)]
    pub id: ItemId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// Its id in the game.
    pub game_id: Option<String>,
    /// What one is worth now.
    #[schema(value_type = i64)]
    pub points: Points,
    /// Which version of its value that is.
    pub version: i32,
}

/// Adds a rank to a season's ladder. Members who have the points already are awarded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddRank {
    /// Its name; unique in the season.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub name: Name,
    /// The points that reach it.
    #[schema(minimum = 1)]
    pub threshold: i64,
    /// Its number; the next above all when absent. Thresholds rise with the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i32>,
    /// A Discord role it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub role_id: Option<RoleId>,
    /// What else it gives; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prizes: Vec<PrizeSpec>,
}

/// A prize to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrizeSpec {
    /// What it is.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    pub description: Name,
    /// The Discord role it is, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub role_id: Option<RoleId>,
}

/// A prize of a rank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrizeView {
    /// Which.
    #[schema(value_type = Uuid)]
    pub id: PrizeId,
    /// What it is.
    pub description: String,
    /// The Discord role it is, if it is one.
    #[schema(value_type = Option<String>)]
    pub role_id: Option<RoleId>,
}

/// A rank of a season.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeasonRank {
    /// Which.
    #[schema(value_type = Uuid)]
    pub id: RankId,
    /// Its number.
    pub number: i32,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The points that reach it.
    #[schema(value_type = i64)]
    pub threshold: Points,
    /// What it gives.
    pub prizes: Vec<PrizeView>,
}
