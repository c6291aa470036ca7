//! Owns a member's summary of a season: total, place, ranks, prizes and what they handed in.

use domain::{
    ItemId, PrizeId, RankId, RoleId, Timestamp,
    member::{Member, MemberStatus},
    season::Season,
};
use messages::api::{AwardedPrize, PrizeView, RankView, SeasonView, Summary, SummaryItem};
use sqlx::FromRow;
use uuid::Uuid;

use super::standings;
use crate::{StoreError, Tx, row};

#[derive(FromRow)]
struct StandingRow {
    points: i64,
    reached_at: Timestamp,
}

#[derive(FromRow)]
struct RankRow {
    id: Uuid,
    number: i32,
    name: String,
    threshold: i64,
    held: bool,
}

#[derive(FromRow)]
struct PrizeRow {
    id: Uuid,
    description: String,
    role_id: Option<i64>,
    awarded_at: Timestamp,
}

#[derive(FromRow)]
struct ItemRow {
    item_id: Uuid,
    name: String,
    quantity: i64,
    points: i64,
}

/// How a member stands in a season; `None` when they take no part in it. `view` is the season as it is shown.
///
/// # Errors
/// See [`StoreError`].
pub async fn find(
    tx: &mut Tx,
    season: &Season,
    view: SeasonView,
    member: &Member,
) -> Result<Option<Summary>, StoreError> {
    let standing = sql!(
        tx,
        opt StandingRow,
        "SELECT points, reached_at FROM standing WHERE book_id = $1 AND member_id = $2",
        season.book.uuid(),
        member.id.uuid()
    )?;
    let Some(standing) = standing else { return Ok(None) };
    let points = row::points(standing.points)?;
    let position = match member.status {
        MemberStatus::Banned => None,
        MemberStatus::Pending | MemberStatus::Verified => {
            Some(standings::before(tx, season.book, points, standing.reached_at, member.id).await? + 1)
        }
    };
    let (rank, next_rank) = ranks(tx, season, member).await?;
    let prizes = prizes(tx, season, member).await?;
    let items = items(tx, season, member).await?;
    let (pending_submissions,): (i64,) = sql!(
        tx,
        one row::Only<i64>,
        "SELECT COUNT(*) FROM submission WHERE member_id = $1 AND season_id = $2 AND state = 'pending'",
        member.id.uuid(),
        season.id.uuid()
    )?;
    Ok(Some(Summary {
        season: view,
        user_id: member.user,
        name: member.name.to_string(),
        points,
        position,
        rank,
        next_rank,
        prizes,
        items,
        pending_submissions,
    }))
}

/// The highest rank held, and the lowest above it.
async fn ranks(
    tx: &mut Tx,
    season: &Season,
    member: &Member,
) -> Result<(Option<RankView>, Option<RankView>), StoreError> {
    let rows = sql!(
        tx,
        all RankRow,
        "SELECT r.id, l.number, r.name, l.threshold, a.rank_id IS NOT NULL AS held
         FROM book b JOIN ladder_rung l ON l.book_id = b.id AND l.version = b.ladder_version
         JOIN season_rank r ON r.id = l.rank_id
         LEFT JOIN rank_award a ON a.book_id = b.id AND a.rank_id = l.rank_id AND a.member_id = $2
           AND a.revoked_at IS NULL
         WHERE b.id = $1 ORDER BY l.number",
        season.book.uuid(),
        member.id.uuid()
    )?;
    let top = rows.iter().rposition(|rank| rank.held);
    let next = top.map_or(0, |top| top + 1);
    let view = |rank: &RankRow| {
        Ok::<_, StoreError>(RankView {
            rank_id: RankId::new(rank.id),
            number: rank.number,
            name: rank.name.clone(),
            threshold: row::points(rank.threshold)?,
        })
    };
    Ok((top.and_then(|top| rows.get(top)).map(view).transpose()?, rows.get(next).map(view).transpose()?))
}

/// What the member's ranks gave them, in the order of the ranks.
async fn prizes(tx: &mut Tx, season: &Season, member: &Member) -> Result<Vec<AwardedPrize>, StoreError> {
    let rows = sql!(
        tx,
        all PrizeRow,
        "SELECT p.id, p.description, p.role_id, a.awarded_at
         FROM prize_award a JOIN prize p ON p.id = a.prize_id JOIN season_rank r ON r.id = p.rank_id
         LEFT JOIN book b ON b.id = $3
         LEFT JOIN ladder_rung l ON l.book_id = b.id AND l.version = b.ladder_version AND l.rank_id = r.id
         WHERE a.member_id = $1 AND r.season_id = $2 AND a.revoked_at IS NULL
         ORDER BY l.number, p.rank_id, p.position",
        member.id.uuid(),
        season.id.uuid(),
        season.book.uuid()
    )?;
    rows.into_iter()
        .map(|found| {
            let role_id = row::optional(found.role_id, RoleId::from_i64)?;
            let prize = PrizeView { id: PrizeId::new(found.id), description: found.description, role_id };
            Ok(AwardedPrize { prize, awarded_at: found.awarded_at })
        })
        .collect()
}

/// What the member handed in that counts, by name.
async fn items(tx: &mut Tx, season: &Season, member: &Member) -> Result<Vec<SummaryItem>, StoreError> {
    let rows = sql!(
        tx,
        all ItemRow,
        "SELECT s.item_id, i.name, CAST(SUM(s.quantity) AS BIGINT) AS quantity, CAST(SUM(s.points) AS BIGINT) AS points
         FROM submission s JOIN item i ON i.id = s.item_id
         WHERE s.member_id = $1 AND s.season_id = $2 AND s.state = 'counted'
         GROUP BY s.item_id, i.name, i.name_key ORDER BY i.name_key",
        member.id.uuid(),
        season.id.uuid()
    )?;
    rows.into_iter()
        .map(|found| {
            Ok(SummaryItem {
                item_id: ItemId::new(found.item_id),
                name: found.name,
                quantity: found.quantity,
                points: row::points(found.points)?,
            })
        })
        .collect()
}
