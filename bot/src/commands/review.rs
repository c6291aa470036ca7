//! `/review approve|refuse`, and the buttons that do the same.

use domain::SubmissionId;
use messages::command::{Command, CommandEnvelope, ReviewV1, VerdictV1};

use crate::{
    components,
    handle::{Ask, Handled, Trouble},
    text,
};

/// The command, about the submission that was picked from the list.
pub(super) async fn command(
    ask: Ask,
    verdict: impl FnOnce(&Ask) -> Result<VerdictV1, Trouble>,
) -> Result<CommandEnvelope, Trouble> {
    let picked = ask.options.text("submission").and_then(components::read_pending);
    let (submission, version) = picked.ok_or_else(|| Trouble::Say(text::NO_SUCH_SUBMISSION.into()))?;
    let verdict = verdict(&ask)?;
    Ok(review(&ask, submission, version, verdict))
}

/// The refusal with the reason that was given.
pub(super) fn refusal(ask: &Ask) -> Result<VerdictV1, Trouble> {
    refuse(ask.options.text("reason").unwrap_or_default())
}

fn refuse(reason: &str) -> Result<VerdictV1, Trouble> {
    let reason = super::plain(reason)?.ok_or_else(|| Trouble::Say(text::REASON_NEEDED.into()))?;
    Ok(VerdictV1::Refuse { reason })
}

/// The decision by button or form: `reason` is `None` to approve.
pub(crate) fn decide(ask: Ask, submission: SubmissionId, version: i32, reason: Option<&str>) -> Handled {
    let verdict = reason.map_or(Ok(VerdictV1::Approve), refuse);
    Handled::publish(ask, |ask| async move { Ok(review(&ask, submission, version, verdict?)) })
}

fn review(ask: &Ask, submission_id: SubmissionId, expected_version: i32, verdict: VerdictV1) -> CommandEnvelope {
    ask.command(Command::Review(ReviewV1 { submission_id, expected_version, verdict }))
}
