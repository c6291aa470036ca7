//! `/rank add name threshold [role] [number] [season]`.

use messages::api::AddRank;

use super::{register::name, resolve, season::number};
use crate::{
    handle::{Ask, Trouble, patiently},
    reply::Reply,
    text,
};

pub(super) async fn add(ask: Ask) -> Result<Reply, Trouble> {
    let rank = AddRank {
        name: name(&ask)?,
        threshold: ask.options.integer("threshold").unwrap_or_default(),
        number: number(&ask)?,
        role_id: ask.options.role("role"),
        prizes: Vec::new(),
    };
    let api = ask.api();
    let season = resolve::season(&api, ask.options.text("season")).await?;
    let added = patiently(|| api.add_rank(season.id, &rank)).await?;
    Ok(Reply::private(text::rank_added(&added, rank.role_id, &season)))
}
