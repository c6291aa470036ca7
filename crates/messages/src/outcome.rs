//! Owns outcomes: what became of a command, kept in the inbox and sent to whoever waits.

use domain::{Points, Rejection, SubmissionId, submission::SubmissionState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Applied {
        /// What it led to, for commands on submissions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        submission: Option<SubmissionOutcome>,
    },
    /// Refused by the rules; nothing changed.
    Rejected {
        /// The stable code.
        code: String,
        /// One sentence for the member.
        detail: String,
    },
}

impl Outcome {
    /// Done, with nothing to tell.
    #[must_use]
    pub const fn done() -> Self {
        Self::Applied { submission: None }
    }
}

impl From<Rejection> for Outcome {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected { code: rejection.code().into(), detail: rejection.to_string() }
    }
}

/// What a command on a submission led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmissionOutcome {
    /// Which submission.
    #[schema(value_type = uuid::Uuid)]
    pub submission_id: SubmissionId,
    /// Its version now.
    pub version: i32,
    /// Its state now: `pending`, `counted`, `refused` or `void`.
    #[schema(value_type = String)]
    pub state: SubmissionState,
    /// The item's name.
    pub item: String,
    /// How many.
    pub quantity: u32,
    /// What it is worth.
    #[schema(value_type = i64)]
    pub points: Points,
    /// The member's total after it.
    #[schema(value_type = i64)]
    pub total: Points,
    /// The names of ranks reached by it, lowest first.
    pub ranks: Vec<String>,
}
