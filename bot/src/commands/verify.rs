//! `/verify member`.

use domain::member::MemberStatus;
use messages::api::ChangeMember;

use crate::{
    handle::{Ask, Trouble, patiently},
    reply::Reply,
    text,
};

pub(super) async fn answer(ask: Ask) -> Result<Reply, Trouble> {
    let user = ask.options.user("member").ok_or_else(|| Trouble::Say("Say whom to verify.".into()))?;
    let changes = ChangeMember { status: Some(MemberStatus::Verified), admin: None };
    let api = ask.api();
    let verified = patiently(|| api.change_member(user, &changes)).await;
    match verified {
        Ok(member) => Ok(Reply::private(text::verified(&member))),
        Err(error) if error.code() == Some("no_change") => Ok(Reply::private(text::already_verified(user))),
        Err(error) => Err(error.into()),
    }
}
