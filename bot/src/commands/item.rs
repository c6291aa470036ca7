//! `/item add name points [season] [game_id]`.

use messages::api::AddItem;

use super::{register::name, resolve};
use crate::{
    handle::{Ask, Trouble, patiently},
    reply::Reply,
    text,
};

pub(super) async fn add(ask: Ask) -> Result<Reply, Trouble> {
    let item = AddItem {
        name: name(&ask)?,
        points: ask.options.integer("points").unwrap_or_default(),
        game_id: ask.options.text("game_id").map(str::to_owned),
    };
    let api = ask.api();
    let season = resolve::season(&api, ask.options.text("season")).await?;
    let item = patiently(|| api.add_item(season.id, &item)).await?;
    Ok(Reply::private(text::item_added(&item, &season)))
}
