//! `/submit item quantity [member] [note]`.

use domain::SubmissionId;
use messages::command::{Command, CommandEnvelope, SubmitV1};

use super::resolve;
use crate::handle::{Ask, Trouble};

/// The command. What was picked from the list needs no question to the API, so that handing in works without it.
pub(super) async fn command(ask: Ask) -> Result<CommandEnvelope, Trouble> {
    let note = super::plain(ask.options.text("note").unwrap_or_default())?;
    let item_id = resolve::item(&ask.api(), ask.options.text("item").unwrap_or_default()).await?;
    let submit = SubmitV1 {
        submission_id: SubmissionId::derived(ask.command_id().uuid(), "submission"),
        season_id: None,
        user_id: ask.options.user("member").unwrap_or(ask.user),
        item_id,
        quantity: ask.options.integer("quantity").unwrap_or_default(),
        note,
    };
    Ok(ask.command(Command::Submit(submit)))
}
