//! `/me [season]`.

use super::resolve;
use crate::{
    handle::{Ask, Trouble, patiently},
    reply::Reply,
    text,
};

pub(super) async fn answer(ask: Ask) -> Result<Reply, Trouble> {
    let api = ask.api();
    let season = resolve::season_id(&api, ask.options.text("season")).await?;
    let summary = patiently(|| api.summary(ask.user, season)).await?;
    Ok(Reply { embed: Some(text::me(&summary)), ..Reply::private("") })
}
