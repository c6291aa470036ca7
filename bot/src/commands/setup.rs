//! `/setup [officer_channel] [announcement_channel]`.

use messages::{
    api::{ChangeSettings, PageQuery},
    effect::EffectState,
};

use crate::{
    handle::{Ask, Trouble, patiently},
    reply::Reply,
    text,
};

/// How many obstacles are asked for: more than are shown.
const PARKED: u32 = 11;

pub(super) async fn answer(ask: Ask) -> Result<Reply, Trouble> {
    let api = ask.api();
    let changes = ChangeSettings {
        officer_channel_id: ask.options.channel("officer_channel").map(Some),
        announcement_channel_id: ask.options.channel("announcement_channel").map(Some),
    };
    let settings = if changes == ChangeSettings::default() {
        patiently(|| api.settings()).await?
    } else {
        patiently(|| api.change_settings(&changes)).await?
    };
    let page = PageQuery { limit: Some(PARKED), cursor: None };
    let parked = patiently(|| api.effects(Some(EffectState::Parked), &page)).await?;
    let report =
        text::setup_report(&settings, ask.invocation.may_manage_roles, &parked.items, parked.next_cursor.is_some());
    Ok(Reply::private(report))
}
