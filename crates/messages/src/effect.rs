//! Owns effects as they travel: what must become true outside, and what became of it.

use std::collections::BTreeSet;

use domain::{ChannelId, EffectId, GuildId, Points, RoleId, SubmissionId, UserId, roles::DesiredRoles};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that must be true outside, in Discord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Desired {
    /// A member holds these roles.
    Roles {
        /// Whose roles.
        user_id: UserId,
        /// Which.
        #[serde(flatten)]
        roles: DesiredRoles,
    },
    /// A channel shows this notice.
    Message {
        /// Where.
        channel_id: ChannelId,
        /// What.
        notice: Notice,
    },
}

impl Desired {
    /// Which sort of effect it is.
    #[must_use]
    pub const fn kind(&self) -> EffectKind {
        match self {
            Self::Roles { .. } => EffectKind::Roles,
            Self::Message { .. } => EffectKind::Message,
        }
    }
}

/// Sorts of effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// A member's roles.
    Roles,
    /// A message in a channel.
    Message,
}

impl EffectKind {
    /// The kind as columns and routing keys write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roles => "roles",
            Self::Message => "message",
        }
    }
}

/// What a channel is told. The bot chooses the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// Officers: somebody registered and waits for verification.
    Registered {
        /// Who.
        user_id: UserId,
        /// Their name in the game.
        name: String,
        /// Their profile in the game.
        game_id: Option<String>,
    },
    /// Officers: a submission waits for review.
    ReviewWanted {
        /// Which.
        submission_id: SubmissionId,
        /// Its version, for the decision.
        version: i32,
        /// Whose.
        user_id: UserId,
        /// The item's name.
        item: String,
        /// How many.
        quantity: u32,
        /// What it would be worth.
        points: Points,
        /// The member's words.
        note: Option<String>,
    },
    /// Everybody: a submission was decided on.
    Reviewed {
        /// Whose.
        user_id: UserId,
        /// The item's name.
        item: String,
        /// How many.
        quantity: u32,
        /// The points it counts, `None` when it was refused.
        points: Option<Points>,
        /// Why it was refused.
        reason: Option<String>,
    },
    /// Everybody: a member reached ranks.
    RankReached {
        /// Who.
        user_id: UserId,
        /// The ranks' names, lowest first.
        ranks: Vec<String>,
        /// Their total.
        points: Points,
        /// The season's name.
        season: String,
    },
    /// Everybody: a season is closed.
    SeasonClosed {
        /// The season's name.
        season: String,
        /// The first three, best first.
        winners: Vec<Winner>,
    },
}

/// One of the first places of a season.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Winner {
    /// Who.
    pub user_id: UserId,
    /// Their name in the game.
    pub name: String,
    /// Their total.
    pub points: Points,
}

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Not yet true outside.
    Waiting,
    /// True outside, as last seen.
    Done,
    /// Can't be made true until somebody removes the cause; then it goes on.
    Parked,
    /// Can never be made true.
    Dead,
}

impl EffectState {
    /// The state as columns write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Parked => "parked",
            Self::Dead => "dead",
        }
    }
}

/// What the bot found when it tried to make an effect true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectReport {
    /// Which effect.
    pub effect_id: EffectId,
    /// The version it worked on. When a newer one is desired by now, it is asked again.
    pub version: i64,
    /// What came of it.
    pub result: EffectResult,
}

/// What came of trying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EffectResult {
    /// These roles, which the member does not hold, are about to be given. Said and confirmed before they are, so that
    /// whatever happens then, they're known as Guildhall's to take.
    Giving {
        /// Which.
        roles: BTreeSet<RoleId>,
    },
    /// It is true now.
    Done {
        /// The message's id in Discord, for messages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
    },
    /// Something has to change first.
    Parked {
        /// What is in the way.
        reason: ParkReason,
        /// Which role, channel or member is concerned, in words for an officer.
        detail: String,
    },
}

/// What may be in the way of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParkReason {
    /// The role is at or above the bot's highest role, or the bot lacks Manage Roles.
    RoleAboveBot,
    /// The role is gone from the guild.
    UnknownRole,
    /// The member left the guild.
    MemberGone,
    /// The channel is gone.
    UnknownChannel,
    /// The bot may not write in the channel.
    ChannelClosed,
    /// Discord refused for another reason; the detail says which.
    Refused,
}

impl ParkReason {
    /// The reason as columns write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoleAboveBot => "role_above_bot",
            Self::UnknownRole => "unknown_role",
            Self::MemberGone => "member_gone",
            Self::UnknownChannel => "unknown_channel",
            Self::ChannelClosed => "channel_closed",
            Self::Refused => "refused",
        }
    }
}

/// An effect as the bot reads it just before acting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectOrder {
    /// Which.
    pub id: EffectId,
    /// The guild.
    pub guild_id: GuildId,
    /// The version to report back.
    pub version: i64,
    /// Where it stands.
    pub state: EffectState,
    /// What must become true.
    pub desired: Desired,
}
