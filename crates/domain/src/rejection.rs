//! Owns why the guild's rules refuse a deed: a stable code for clients, one kind sentence for members.

use crate::{Quantity, ladder::LadderError, points::PointsOverflow};

/// A deed the rules refuse. The `Display` text is the sentence a member reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// The actor has not registered.
    #[error("You're not registered here yet. Use /register first.")]
    NotRegistered,
    /// The actor waits for verification.
    #[error("An officer has yet to verify you. You can take part as soon as that's done.")]
    NotVerified,
    /// The actor is banned.
    #[error("You're banned from this guild's seasons.")]
    Banned,
    /// Only officers may do this.
    #[error("Only officers can do this.")]
    NotOfficer,
    /// Only the bot may do this.
    #[error("Only the bot can do this.")]
    NotBot,
    /// The token was not given this scope.
    #[error("This token may not do that; ask for one with a wider scope.")]
    MissingScope,
    /// Officers don't decide on their own submissions.
    #[error("You can't review your own submission; another officer has to.")]
    OwnSubmission,
    /// The member it is about is not registered.
    #[error("That member isn't registered.")]
    UnknownMember,
    /// The member it is about waits for verification.
    #[error("That member isn't verified yet.")]
    MemberNotVerified,
    /// The member it is about is banned.
    #[error("That member is banned.")]
    MemberBanned,
    /// No season has begun.
    #[error("No season has started yet.")]
    NoSeason,
    /// There is no such season in this guild.
    #[error("There's no such season.")]
    UnknownSeason,
    /// Too early.
    #[error("That season hasn't started yet.")]
    SeasonNotStarted,
    /// Too late.
    #[error("That season is over.")]
    SeasonEnded,
    /// Too late: winners are announced.
    #[error("That season is closed and its winners are announced.")]
    SeasonClosed,
    /// The item is worth nothing in this season.
    #[error("That item isn't part of this season.")]
    UnknownItem,
    /// There is no such submission in this guild.
    #[error("There's no such submission.")]
    UnknownSubmission,
    /// The submission was voided before it arrived.
    #[error("That submission was voided.")]
    Voided,
    /// Somebody else changed the submission first.
    #[error("Somebody changed that submission in the meantime. Look at it again, then decide.")]
    VersionConflict,
    /// The submission does not wait for a review.
    #[error("That submission doesn't wait for a review any more.")]
    NotPending,
    /// The submission does not count, so that it can't be corrected.
    #[error("That submission doesn't count, so there's nothing to correct.")]
    NotCounted,
    /// Fewer than one, or more than the stated maximum.
    #[error("The quantity has to be between 1 and {max}.", max = Quantity::MAX)]
    Quantity,
    /// A total would leave what can be counted exactly.
    #[error("That would be more points than can be counted.")]
    PointsOverflow,
    /// Two ranks with one number.
    #[error("There's a rank with that number already.")]
    RankNumberTaken,
    /// Thresholds must rise with the number.
    #[error("A rank needs more points than every rank below it and fewer than every rank above it.")]
    ThresholdNotRising,
    /// A rank for nothing.
    #[error("A rank needs at least 1 point.")]
    ThresholdNotPositive,
    /// A season that ends before it begins.
    #[error("A season has to end after it starts.")]
    EndsBeforeStart,
    /// The same command id came with different content.
    #[error("This request id was used for something else already.")]
    IdReused,
}

impl Rejection {
    /// The stable code, as clients and stored outcomes carry it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRegistered => "not_registered",
            Self::NotVerified => "not_verified",
            Self::Banned => "banned",
            Self::NotOfficer => "not_officer",
            Self::NotBot => "not_bot",
            Self::MissingScope => "missing_scope",
            Self::OwnSubmission => "own_submission",
            Self::UnknownMember => "unknown_member",
            Self::MemberNotVerified => "member_not_verified",
            Self::MemberBanned => "member_banned",
            Self::NoSeason => "no_season",
            Self::UnknownSeason => "unknown_season",
            Self::SeasonNotStarted => "season_not_started",
            Self::SeasonEnded => "season_ended",
            Self::SeasonClosed => "season_closed",
            Self::UnknownItem => "unknown_item",
            Self::UnknownSubmission => "unknown_submission",
            Self::Voided => "submission_voided",
            Self::VersionConflict => "version_conflict",
            Self::NotPending => "not_pending",
            Self::NotCounted => "not_counted",
            Self::Quantity => "quantity_out_of_range",
            Self::PointsOverflow => "points_overflow",
            Self::RankNumberTaken => "rank_number_taken",
            Self::ThresholdNotRising => "threshold_not_rising",
            Self::ThresholdNotPositive => "threshold_not_positive",
            Self::EndsBeforeStart => "ends_before_start",
            Self::IdReused => "id_reused",
        }
    }

    /// What sort of refusal it is; front ends choose their status by this.
    #[must_use]
    pub const fn kind(self) -> RejectionKind {
        match self {
            Self::NotRegistered
            | Self::NotVerified
            | Self::Banned
            | Self::NotOfficer
            | Self::NotBot
            | Self::MissingScope
            | Self::OwnSubmission => RejectionKind::Forbidden,
            Self::UnknownMember
            | Self::NoSeason
            | Self::UnknownSeason
            | Self::UnknownItem
            | Self::UnknownSubmission => RejectionKind::NotFound,
            Self::MemberNotVerified
            | Self::MemberBanned
            | Self::SeasonNotStarted
            | Self::SeasonEnded
            | Self::SeasonClosed
            | Self::Voided
            | Self::VersionConflict
            | Self::NotPending
            | Self::NotCounted
            | Self::RankNumberTaken => RejectionKind::Conflict,
            Self::Quantity
            | Self::PointsOverflow
            | Self::ThresholdNotRising
            | Self::ThresholdNotPositive
            | Self::EndsBeforeStart
            | Self::IdReused => RejectionKind::Invalid,
        }
    }

    /// The rejection with that code, if there is one.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rejection| rejection.code() == code)
    }

    /// Every rejection there is.
    pub const ALL: [Self; 28] = [
        Self::NotRegistered,
        Self::NotVerified,
        Self::Banned,
        Self::NotOfficer,
        Self::NotBot,
        Self::MissingScope,
        Self::OwnSubmission,
        Self::UnknownMember,
        Self::MemberNotVerified,
        Self::MemberBanned,
        Self::NoSeason,
        Self::UnknownSeason,
        Self::SeasonNotStarted,
        Self::SeasonEnded,
        Self::SeasonClosed,
        Self::UnknownItem,
        Self::UnknownSubmission,
        Self::Voided,
        Self::VersionConflict,
        Self::NotPending,
        Self::NotCounted,
        Self::Quantity,
        Self::PointsOverflow,
        Self::RankNumberTaken,
        Self::ThresholdNotRising,
        Self::ThresholdNotPositive,
        Self::EndsBeforeStart,
        Self::IdReused,
    ];
}

/// Sorts of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// Not for this actor.
    Forbidden,
    /// What it is about does not exist here.
    NotFound,
    /// Not in the present state.
    Conflict,
    /// Never: the request itself makes no sense.
    Invalid,
}

impl From<PointsOverflow> for Rejection {
    fn from(_: PointsOverflow) -> Self {
        Self::PointsOverflow
    }
}

impl From<LadderError> for Rejection {
    fn from(error: LadderError) -> Self {
        match error {
            LadderError::SameNumber => Self::RankNumberTaken,
            LadderError::NotRising => Self::ThresholdNotRising,
            LadderError::NotPositive => Self::ThresholdNotPositive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_leads_back() {
        for rejection in Rejection::ALL {
            assert_eq!(Rejection::from_code(rejection.code()), Some(rejection));
        }
    }
}
