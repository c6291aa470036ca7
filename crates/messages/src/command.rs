//! Owns commands: what somebody wants done to points, and what the system asks of itself.
//!
//! A command's `type` carries its version (`submission.submit.v1`). A changed meaning is a new version beside the old.

use domain::{BookId, CommandId, EffectId, GuildId, ItemId, SeasonId, SubmissionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    effect::EffectReport,
    topology::{Exchange, Route},
    trace::TraceParent,
};

/// A command with everything needed to do it, to answer for it, and to trace it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnvelope {
    /// The deed's id: the same deed repeated carries the same id.
    pub id: CommandId,
    /// The guild it is about.
    pub guild_id: GuildId,
    /// Who wants it.
    pub actor: ActorRef,
    /// When it was accepted: the interaction's own time, or the API's clock.
    pub accepted_at: Timestamp,
    /// The trace it belongs to.
    pub traceparent: TraceParent,
    /// The Discord interaction that waits for the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplyTo>,
    /// What is wanted: `type` and `payload`.
    #[serde(flatten)]
    pub command: Command,
}

/// Who wants something, and by which way they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorRef {
    /// Their Discord account; `None` when the system itself acts (clock, outbox, reports).
    pub user_id: Option<UserId>,
    /// The way.
    pub via: Via,
}

/// Ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A Discord interaction, or the API with the bot's key.
    Bot,
    /// The API with a personal token.
    Token,
    /// Guildhall itself.
    System,
}

/// A Discord interaction that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The Discord application, as its number.
    pub application_id: String,
    /// The interaction's token. A secret for its 15 minutes: never logged.
    pub token: String,
    /// The language the member uses, e.g. `en-GB`.
    pub locale: String,
    /// When Discord stops taking edits.
    pub expires_at: Timestamp,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum Command {
    /// Hand something in.
    #[serde(rename = "submission.submit.v1")]
    Submit(SubmitV1),
    /// Decide on a pending submission.
    #[serde(rename = "submission.review.v1")]
    Review(ReviewV1),
    /// Put a counted submission's quantity right.
    #[serde(rename = "submission.correct.v1")]
    Correct(CorrectV1),
    /// Take a submission back.
    #[serde(rename = "submission.void.v1")]
    Void(VoidV1),
    /// Make a version of a book's ladder the one that counts, and award by it.
    #[serde(rename = "ladder.activate.v1")]
    ActivateLadder(ActivateLadderV1),
    /// Close a season that is over, and announce its winners.
    #[serde(rename = "season.close.v1")]
    CloseSeason(CloseSeasonV1),
    /// What became of an effect outside.
    #[serde(rename = "effect.report.v1")]
    ReportEffect(EffectReport),
    /// Ask for effects to be brought into line again.
    #[serde(rename = "effects.refresh.v1")]
    RefreshEffects(RefreshEffectsV1),
}

/// Hand something in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitV1 {
    /// The id the submission will have.
    pub submission_id: SubmissionId,
    /// The season; `None` means the one that is current at `accepted_at`.
    pub season_id: Option<SeasonId>,
    /// Who gets the points.
    pub user_id: UserId,
    /// The item.
    pub item_id: ItemId,
    /// How many.
    pub quantity: i64,
    /// Words for the officers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Decide on a pending submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewV1 {
    /// Which.
    pub submission_id: SubmissionId,
    /// The version the officer saw.
    pub expected_version: i32,
    /// The answer.
    #[serde(flatten)]
    pub verdict: VerdictV1,
}

/// An officer's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum VerdictV1 {
    /// It counts.
    Approve,
    /// It does not.
    Refuse {
        /// Why; the member reads it.
        reason: String,
    },
}

/// Put a counted submission's quantity right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectV1 {
    /// Which.
    pub submission_id: SubmissionId,
    /// The version the officer saw.
    pub expected_version: i32,
    /// How many it really is.
    pub quantity: i64,
}

/// Take a submission back. Coming before the submission itself, it leaves a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidV1 {
    /// Which.
    pub submission_id: SubmissionId,
    /// The version the officer saw; `None` takes back whatever is there.
    pub expected_version: Option<i32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Make a version of a book's ladder the one that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivateLadderV1 {
    /// The book.
    pub book_id: BookId,
    /// The ladder's version; an older one than the active one changes nothing.
    pub version: i32,
}

/// Close a season that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseSeasonV1 {
    /// Which.
    pub season_id: SeasonId,
}

/// Ask for effects to be brought into line again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum RefreshEffectsV1 {
    /// One member's roles: they came back to the guild, say.
    Member {
        /// The member's account.
        user_id: UserId,
    },
    /// Everything that is parked in the guild: roles were reordered, say.
    Parked,
    /// One effect: an officer pressed "retry".
    Effect {
        /// Which.
        effect_id: EffectId,
    },
}

impl Command {
    /// The type with its version, as it travels.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Submit(_) => "submission.submit.v1",
            Self::Review(_) => "submission.review.v1",
            Self::Correct(_) => "submission.correct.v1",
            Self::Void(_) => "submission.void.v1",
            Self::ActivateLadder(_) => "ladder.activate.v1",
            Self::CloseSeason(_) => "season.close.v1",
            Self::ReportEffect(_) => "effect.report.v1",
            Self::RefreshEffects(_) => "effects.refresh.v1",
        }
    }
}

impl CommandEnvelope {
    /// Where it is published.
    #[must_use]
    pub fn route(&self) -> Route {
        Route { exchange: Exchange::Commands, key: format!("scoring.{}", self.guild_id) }
    }

    /// What makes two commands with one id the same deed: guild, actor, type and payload.
    /// A repeat may have been accepted later, or wait with another interaction.
    ///
    /// # Errors
    /// When the command can't be written as JSON.
    pub fn fingerprint(&self) -> Result<[u8; 32], serde_json::Error> {
        let content = serde_json::to_vec(&(&self.guild_id, &self.actor.user_id, &self.command))?;
        Ok(Sha256::digest(content).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn envelope(command: Command) -> CommandEnvelope {
        CommandEnvelope {
            id: CommandId::new(Uuid::from_u128(1)),
            guild_id: GuildId::new(10).unwrap(),
            actor: ActorRef { user_id: Some(UserId::new(20).unwrap()), via: Via::Bot },
            accepted_at: "2026-09-01T12:00:00Z".parse().unwrap(),
            traceparent: TraceParent::of(Uuid::from_u128(1)),
            reply: None,
            command,
        }
    }

    #[test]
    fn a_command_travels_with_its_type_and_version() {
        let sent = envelope(Command::Review(ReviewV1 {
            submission_id: SubmissionId::new(Uuid::from_u128(2)),
            expected_version: 1,
            verdict: VerdictV1::Refuse { reason: "blurry".into() },
        }));
        let wire = serde_json::to_value(&sent).unwrap();
        let want = json!({
            "id": "00000000-0000-0000-0000-000000000001",
            "guild_id": "10",
            "actor": {"user_id": "20", "via": "bot"},
            "accepted_at": "2026-09-01T12:00:00Z",
            "traceparent": "00-00000000000000000000000000000001-0000000000000001-01",
            "type": "submission.review.v1",
            "payload": {
                "submission_id": "00000000-0000-0000-0000-000000000002",
                "expected_version": 1,
                "verdict": "refuse",
                "reason": "blurry",
            },
        });
        assert_eq!(wire, want);
        assert_eq!(wire["type"], sent.command.kind());
        assert_eq!(serde_json::from_value::<CommandEnvelope>(wire).unwrap(), sent);
    }

    #[test]
    fn an_unknown_version_is_not_understood() {
        let mut wire = serde_json::to_value(envelope(Command::RefreshEffects(RefreshEffectsV1::Parked))).unwrap();
        wire["type"] = json!("effects.refresh.v99");
        assert!(serde_json::from_value::<CommandEnvelope>(wire).is_err());
    }

    #[test]
    fn a_repeat_has_the_same_fingerprint_and_another_deed_has_not() {
        let of = |version| {
            envelope(Command::ActivateLadder(ActivateLadderV1 { book_id: BookId::new(Uuid::nil()), version }))
        };
        let later = CommandEnvelope { accepted_at: "2026-09-01T13:00:00Z".parse().unwrap(), ..of(1) };
        assert_eq!(of(1).fingerprint().unwrap(), later.fingerprint().unwrap());
        assert_ne!(of(1).fingerprint().unwrap(), of(2).fingerprint().unwrap());
    }
}
