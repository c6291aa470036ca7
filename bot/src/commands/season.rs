//! `/season create|list|join`.

use domain::{Timestamp, ladder::OnFall};
use messages::api::{CreateSeason, JoinSeason, PageQuery};

use super::{register::name, resolve};
use crate::{
    dates::{self, Edge},
    handle::{Ask, Trouble, patiently},
    reply::Reply,
    text,
};

/// How many seasons `/season list` shows.
const SHOWN: u32 = 10;

pub(super) async fn create(ask: Ask) -> Result<Reply, Trouble> {
    let season = CreateSeason {
        name: name(&ask)?,
        number: number(&ask)?,
        starts_at: date(&ask, "starts", Edge::Start)?,
        ends_at: date(&ask, "ends", Edge::End)?,
        review: ask.options.flag("review"),
        on_fall: OnFall::default(),
    };
    let api = ask.api();
    let season = patiently(|| api.create_season(&season)).await?;
    Ok(Reply::private(text::season_created(&season)))
}

pub(super) async fn list(ask: Ask) -> Result<Reply, Trouble> {
    let api = ask.api();
    let page = PageQuery { limit: Some(SHOWN), cursor: None };
    let seasons = patiently(|| api.seasons(&page)).await?;
    Ok(Reply::private(text::season_list(&seasons.items)))
}

pub(super) async fn join(ask: Ask) -> Result<Reply, Trouble> {
    let api = ask.api();
    let season = resolve::season(&api, ask.options.text("season")).await?;
    let myself = JoinSeason::default();
    patiently(|| api.join_season(season.id, &myself)).await?;
    Ok(Reply::private(text::joined(&season)))
}

/// The number that was given, if it fits.
pub(super) fn number(ask: &Ask) -> Result<Option<i32>, Trouble> {
    let number = ask.options.integer("number").map(i32::try_from).transpose();
    number.map_err(|_| Trouble::Say(text::BAD_NUMBER.into()))
}

fn date(ask: &Ask, option: &str, edge: Edge) -> Result<Timestamp, Trouble> {
    let given = ask.options.text(option).unwrap_or_default();
    dates::read(given, edge).ok_or_else(|| Trouble::Say(text::BAD_DATE.into()))
}
