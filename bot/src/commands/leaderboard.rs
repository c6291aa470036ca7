//! `/leaderboard [season]`, and turning its pages.

use client::Guild;
use domain::SeasonId;
use messages::api::{MAX_LIMIT, PageQuery, SeasonView, StandingView};

use super::resolve;
use crate::{
    components,
    handle::{Ask, Handled, Trouble, patiently},
    reply::{Button, First, Reply, Style},
    text,
};

/// Members on one page.
const PAGE: usize = 10;
/// The last page there is. A cursor doesn't fit into a button, so that page n is found by reading on from the first;
/// this bounds it to five calls. Who wants more reads the API.
const LAST_PAGE: usize = 49;

pub(super) fn run(ask: Ask) -> Handled {
    Handled::edit(First::Defer { private: false }, ask, |ask| async move {
        let api = ask.api();
        let season = resolve::season(&api, ask.options.text("season")).await?;
        board(&api, &season, 0).await
    })
}

/// Another page of a board that is shown already.
pub(crate) fn turn_page(ask: Ask, season: SeasonId, page: usize) -> Handled {
    Handled::edit(First::Acknowledge, ask, move |ask| async move {
        let api = ask.api();
        let season = patiently(|| api.season(season)).await?;
        board(&api, &season, page.min(LAST_PAGE)).await
    })
}

async fn board(api: &Guild, season: &SeasonView, page: usize) -> Result<Reply, Trouble> {
    let (rows, more) = rows(api, season.id, page).await?;
    let button = |page, label, disabled| Button {
        custom_id: components::board_id(season.id, page, label),
        label,
        style: Style::Plain,
        disabled,
    };
    let buttons = if page == 0 && !more {
        Vec::new()
    } else {
        vec![
            button(page.saturating_sub(1), components::PREVIOUS, page == 0),
            button(page + 1, components::NEXT, !more || page >= LAST_PAGE),
        ]
    };
    Ok(Reply { embed: Some(text::leaderboard(season, &rows, page)), buttons, ..Reply::default() })
}

/// The rows of a page, and whether there are more after it.
async fn rows(api: &Guild, season: SeasonId, page: usize) -> Result<(Vec<StandingView>, bool), Trouble> {
    let first = page * PAGE;
    let needed = first + PAGE + 1;
    let mut rows = Vec::new();
    let mut query = PageQuery { limit: Some(MAX_LIMIT.min(u32::try_from(needed).unwrap_or(MAX_LIMIT))), cursor: None };
    loop {
        let read = patiently(|| api.standings(season, &query)).await?;
        rows.extend(read.items);
        match read.next_cursor {
            Some(next) if rows.len() < needed => query.cursor = Some(next),
            _ => break,
        }
    }
    let more = rows.len() >= needed;
    Ok((rows.into_iter().skip(first).take(PAGE).collect(), more))
}
