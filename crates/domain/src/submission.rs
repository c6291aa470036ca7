//! Owns the submission: an item handed in, and the states it goes through.
//!
//! ```text
//! (submit) ──▶ pending ──approve──▶ counted ──void──▶ void
//!     │            ├──refuse──▶ refused       ▲
//!     │            └──void──▶ void            │
//!     └───────── no review needed ────────────┘ (counted; correct keeps it there)
//! ```

use serde::{Deserialize, Serialize};

use crate::{GuildId, ItemId, MemberId, Points, Quantity, SeasonId, SubmissionId, Timestamp, UserId};

/// Where a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionState {
    /// Waits for an officer.
    Pending,
    /// Its points count.
    Counted,
    /// An officer said no.
    Refused,
    /// Taken back; nothing brings it alive again.
    Void,
}

/// An item handed in by (or in the name of) a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its id, derived from the deed that made it.
    pub id: SubmissionId,
    /// The guild.
    pub guild: GuildId,
    /// The season it belongs to.
    pub season: SeasonId,
    /// Who gets the points.
    pub member: MemberId,
    /// What was handed in.
    pub item: ItemId,
    /// How many.
    pub quantity: Quantity,
    /// What one was worth when it was accepted; later prices do not touch it.
    pub value: ItemValue,
    /// `value × quantity`.
    pub points: Points,
    /// What the submitter wrote.
    pub note: Option<String>,
    /// Where it stands.
    pub state: SubmissionState,
    /// Rises by one with every change.
    pub version: i32,
    /// Who handed it in.
    pub submitted_by: UserId,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Who decided on it last.
    pub decided_by: Option<UserId>,
    /// When that was.
    pub decided_at: Option<Timestamp>,
    /// Why it was refused or voided.
    pub reason: Option<String>,
}

/// An item's worth in a season, in one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemValue {
    /// Which version of the price list said so.
    pub version: i32,
    /// Points for one.
    pub points: Points,
}
