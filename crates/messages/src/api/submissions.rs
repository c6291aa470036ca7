//! Owns the types of `/submissions`.

use chrono::{DateTime, Utc};
use domain::{CommandId, ItemId, Points, SeasonId, SubmissionId, UserId, submission::SubmissionState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::command::VerdictV1;

/// Hands something in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// Who gets the points; absent means the caller. Somebody else needs an officer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// The season; absent means the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub season_id: Option<SeasonId>,
    /// The item.
    #[schema(value_type = Uuid)]
    pub item_id: ItemId,
    /// How many, 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub quantity: i64,
    /// Words for the officers, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

/// A point command was taken: it's durable, and will be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The command; `Location` leads to its outcome.
    #[schema(value_type = Uuid)]
    pub command_id: CommandId,
    /// The submission it is about.
    #[schema(value_type = Option<Uuid>)]
    pub submission_id: Option<SubmissionId>,
    /// The key that makes a repeat the same deed; made by the server when the request had none.
    pub idempotency_key: String,
}

/// Decides on a pending submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewSubmission {
    /// The version that was looked at.
    pub expected_version: i32,
    /// Whether it counts.
    pub approve: bool,
    /// Why not; needed to refuse. At most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

impl ReviewSubmission {
    /// The answer, or `None` when a refusal gives no reason.
    #[must_use]
    pub fn verdict(&self) -> Option<VerdictV1> {
        if self.approve {
            return Some(VerdictV1::Approve);
        }
        let reason = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty())?;
        Some(VerdictV1::Refuse { reason: reason.to_owned() })
    }
}

/// Puts a counted submission's quantity right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectSubmission {
    /// The version that was looked at.
    pub expected_version: i32,
    /// How many it really is, 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub quantity: i64,
}

/// How a submission is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct VoidQuery {
    /// The version that was looked at; absent takes back whatever is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i32>,
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmissionView {
    /// Which.
    #[schema(value_type = Uuid)]
    pub id: SubmissionId,
    /// Its season.
    #[schema(value_type = Uuid)]
    pub season_id: SeasonId,
    /// Who gets the points.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their name in the game.
    pub name: String,
    /// The item.
    #[schema(value_type = Uuid)]
    pub item_id: ItemId,
    /// The item's name.
    pub item: String,
    /// How many.
    pub quantity: u32,
    /// What one was worth when it was accepted.
    #[schema(value_type = i64)]
    pub value: Points,
    /// What it is worth in all.
    #[schema(value_type = i64)]
    pub points: Points,
    /// The member's words.
    pub note: Option<String>,
    /// `pending`, `counted`, `refused` or `void`.
    #[schema(value_type = String)]
    pub state: SubmissionState,
    /// Rises with every change.
    pub version: i32,
    /// Who handed it in.
    #[schema(value_type = String)]
    pub submitted_by: UserId,
    /// When it was accepted.
    pub accepted_at: DateTime<Utc>,
    /// Who decided on it last.
    #[schema(value_type = Option<String>)]
    pub decided_by: Option<UserId>,
    /// When that was.
    pub decided_at: Option<DateTime<Utc>>,
    /// Why it was refused or voided.
    pub reason: Option<String>,
}
