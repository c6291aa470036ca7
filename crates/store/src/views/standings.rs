//! Owns the leaderboard. One order everywhere: more points, then earlier, then member; banned members are not shown.

use domain::{BookId, MemberId, Points, Timestamp, UserId};
use messages::api::StandingView;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

/// A row's place in the order, and how many rows came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Points.
    pub points: Points,
    /// Since when.
    pub reached_at: Timestamp,
    /// Whose.
    pub member: MemberId,
    /// The place on the leaderboard.
    pub position: i64,
}

#[derive(FromRow)]
struct PlaceRow {
    member_id: Uuid,
    user_id: i64,
    name: String,
    points: i64,
    reached_at: Timestamp,
    rank: Option<String>,
}

/// A book's leaderboard after the given place, with the key of each row.
///
/// # Errors
/// See [`StoreError`].
pub async fn page(
    tx: &mut Tx,
    book: BookId,
    after: Option<Key>,
    limit: u32,
) -> Result<Vec<(Key, StandingView)>, StoreError> {
    let rows = build!(tx, all PlaceRow, |q| {
        q.push(
            "SELECT s.member_id, m.user_id, m.name, s.points, s.reached_at, \
             (SELECT r.name FROM rank_award a JOIN book b ON b.id = a.book_id \
              JOIN ladder_rung l ON l.book_id = a.book_id AND l.version = b.ladder_version AND l.rank_id = a.rank_id \
              JOIN season_rank r ON r.id = a.rank_id \
              WHERE a.book_id = s.book_id AND a.member_id = s.member_id AND a.revoked_at IS NULL \
              ORDER BY l.number DESC LIMIT 1) AS rank \
             FROM standing s JOIN member m ON m.id = s.member_id WHERE m.status <> 'banned' AND s.book_id = ",
        );
        q.push_bind(book.uuid());
        if let Some(after) = after {
            // One bound for the index, then the exact place: points fall while the other two rise.
            q.push(" AND s.points <= ").push_bind(after.points.get());
            q.push(" AND (s.points < ").push_bind(after.points.get());
            q.push(" OR (s.reached_at, s.member_id) > (").push_bind(after.reached_at);
            q.push(", ").push_bind(after.member.uuid()).push("))");
        }
        q.push(" ORDER BY s.points DESC, s.reached_at, s.member_id LIMIT ").push_bind(i64::from(limit));
    })?;
    let first = after.map_or(0, |after| after.position).saturating_add(1);
    rows.into_iter()
        .zip(first..)
        .map(|(found, position)| {
            let points = row::points(found.points)?;
            let member = MemberId::new(found.member_id);
            let view = StandingView {
                position,
                user_id: UserId::from_i64(found.user_id).map_err(StoreError::corrupt)?,
                name: found.name,
                points,
                reached_at: found.reached_at,
                rank: found.rank,
            };
            Ok((Key { points, reached_at: found.reached_at, member, position }, view))
        })
        .collect()
}

/// How many members stand before that place.
///
/// # Errors
/// See [`StoreError`].
pub async fn before(
    tx: &mut Tx,
    book: BookId,
    points: Points,
    reached_at: Timestamp,
    member: MemberId,
) -> Result<i64, StoreError> {
    let (count,): (i64,) = sql!(
        tx,
        one row::Only<i64>,
        "SELECT COUNT(*) FROM standing s JOIN member m ON m.id = s.member_id
         WHERE s.book_id = $1 AND m.status <> 'banned' AND s.points >= $2
           AND (s.points > $2 OR (s.reached_at, s.member_id) < ($3, $4))",
        book.uuid(),
        points.get(),
        reached_at,
        member.uuid()
    )?;
    Ok(count)
}
