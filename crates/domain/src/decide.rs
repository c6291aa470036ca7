//! Owns the decisions on point commands: facts in, a decision out. No I/O; the worker loads the facts and writes
//! the decision.

use crate::{
    ItemId, Points, Quantity, Rejection, SubmissionId, Timestamp,
    ledger::{EntryKind, Posting, Standing},
    member::{Member, MemberStatus},
    permit::{Act, Actor, permit},
    season::Season,
    submission::{ItemValue, Submission, SubmissionState},
};

/// A point command allowed: what the submission becomes, and what that does to the member's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The submission as it is from now on.
    pub submission: Submission,
    /// The ledger entry, if points move, and the member's standing after it.
    pub entry: Option<(Posting, Standing)>,
    /// The moment the entry counts from: it orders ties.
    pub counts_from: Timestamp,
}

/// Who does a deed, and when it was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// When the interaction or request was accepted.
    pub accepted_at: Timestamp,
}

/// What somebody hands in.
#[derive(Debug, Clone)]
pub struct Handed<'a> {
    /// The submission's id.
    pub id: SubmissionId,
    /// Into which season.
    pub season: &'a Season,
    /// For whom.
    pub member: &'a Member,
    /// What.
    pub item: ItemId,
    /// Its worth in that season, if it has one.
    pub value: Option<ItemValue>,
    /// How many, as asked for.
    pub quantity: i64,
    /// With what words.
    pub note: Option<String>,
    /// Whether the submission was voided before it came.
    pub voided: bool,
}

/// Hands something in: counted at once, or pending when the season asks for review. What an officer hands in for
/// somebody else needs no review.
///
/// # Errors
/// The reason why the rules refuse it.
pub fn submit(deed: Deed<'_>, handed: Handed<'_>, standing: Standing) -> Result<Decision, Rejection> {
    permit(deed.actor, Act::Submit(handed.member.user))?;
    match handed.member.status {
        MemberStatus::Verified => {}
        MemberStatus::Pending => return Err(Rejection::MemberNotVerified),
        MemberStatus::Banned => return Err(Rejection::MemberBanned),
    }
    handed.season.takes(deed.accepted_at)?;
    let value = handed.value.ok_or(Rejection::UnknownItem)?;
    let quantity = Quantity::new(handed.quantity).ok_or(Rejection::Quantity)?;
    let points = value.points.times(quantity)?;
    if handed.voided {
        return Err(Rejection::Voided);
    }
    let for_another = deed.actor.is_officer() && deed.actor.user != handed.member.user;
    let pending = handed.season.review && !for_another;
    let submission = Submission {
        id: handed.id,
        guild: handed.season.guild,
        season: handed.season.id,
        member: handed.member.id,
        item: handed.item,
        quantity,
        value,
        points,
        note: handed.note,
        state: if pending { SubmissionState::Pending } else { SubmissionState::Counted },
        version: 1,
        submitted_by: deed.actor.user,
        accepted_at: deed.accepted_at,
        decided_by: None,
        decided_at: None,
        reason: None,
    };
    let posting = (!pending).then_some(Posting { kind: EntryKind::Submission, points });
    decided(submission, posting, standing, deed.accepted_at)
}

/// An officer's answer to a pending submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Approve,
    /// It does not, for this reason.
    Refuse(String),
}

/// Decides on a pending submission of `member`'s. What is approved counts from when it was handed in.
///
/// # Errors
/// The reason why the rules refuse it.
pub fn review(
    deed: Deed<'_>,
    submission: &Submission,
    member: &Member,
    expected_version: i32,
    verdict: Verdict,
    standing: Standing,
) -> Result<Decision, Rejection> {
    permit(deed.actor, Act::Review(member.user))?;
    if submission.state != SubmissionState::Pending {
        return Err(Rejection::NotPending);
    }
    let mut next = changed(deed, submission, expected_version)?;
    let posting = match verdict {
        Verdict::Approve if member.status == MemberStatus::Banned => return Err(Rejection::MemberBanned),
        Verdict::Approve => {
            next.state = SubmissionState::Counted;
            Some(Posting { kind: EntryKind::Submission, points: submission.points })
        }
        Verdict::Refuse(reason) => {
            next.state = SubmissionState::Refused;
            next.reason = Some(reason);
            None
        }
    };
    let counts_from = submission.accepted_at;
    decided(next, posting, standing, counts_from)
}

/// Puts the quantity of a counted submission of `member`'s right. The value stays the one it was given. Where the season
/// asks for review, nobody raises their own.
///
/// # Errors
/// The reason why the rules refuse it.
pub fn correct(
    deed: Deed<'_>,
    submission: &Submission,
    season: &Season,
    member: &Member,
    expected_version: i32,
    quantity: i64,
    standing: Standing,
) -> Result<Decision, Rejection> {
    permit(deed.actor, Act::ManageSubmissions)?;
    let quantity = Quantity::new(quantity).ok_or(Rejection::Quantity)?;
    if submission.state != SubmissionState::Counted {
        return Err(Rejection::NotCounted);
    }
    if season.review && quantity > submission.quantity {
        permit(deed.actor, Act::Review(member.user))?;
    }
    let mut next = changed(deed, submission, expected_version)?;
    next.quantity = quantity;
    next.points = submission.value.points.times(quantity)?;
    let difference = next.points.minus(submission.points)?;
    let posting = (difference != Points::ZERO).then_some(Posting { kind: EntryKind::Correction, points: difference });
    decided(next, posting, standing, deed.accepted_at)
}

/// Takes a submission back, whatever its state; nothing brings it alive again.
///
/// # Errors
/// The reason why the rules refuse it.
pub fn void(
    deed: Deed<'_>,
    submission: &Submission,
    expected_version: Option<i32>,
    reason: Option<String>,
    standing: Standing,
) -> Result<Decision, Rejection> {
    permit(deed.actor, Act::ManageSubmissions)?;
    if submission.state == SubmissionState::Void {
        return Err(Rejection::Voided);
    }
    let mut next = changed(deed, submission, expected_version.unwrap_or(submission.version))?;
    next.state = SubmissionState::Void;
    next.reason = reason;
    let posting = match submission.state {
        SubmissionState::Counted => {
            Some(Posting { kind: EntryKind::Void, points: Points::ZERO.minus(submission.points)? })
        }
        SubmissionState::Pending | SubmissionState::Refused | SubmissionState::Void => None,
    };
    decided(next, posting, standing, deed.accepted_at)
}

fn changed(deed: Deed<'_>, submission: &Submission, expected_version: i32) -> Result<Submission, Rejection> {
    if submission.version != expected_version {
        return Err(Rejection::VersionConflict);
    }
    Ok(Submission {
        version: submission.version + 1,
        decided_by: Some(deed.actor.user),
        decided_at: Some(deed.accepted_at),
        ..submission.clone()
    })
}

fn decided(
    submission: Submission,
    posting: Option<Posting>,
    standing: Standing,
    counts_from: Timestamp,
) -> Result<Decision, Rejection> {
    let entry = match posting {
        Some(posting) => Some((posting, standing.after(posting.points, counts_from)?)),
        None => None,
    };
    Ok(Decision { submission, entry, counts_from })
}

#[cfg(test)]
mod tests;
