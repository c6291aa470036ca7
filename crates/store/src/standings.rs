//! Owns standings: the fold of the entries, kept at every commit. Only the worker writes points here; joining a season
//! writes the fold of no entries.

use std::collections::HashMap;

use domain::{BookId, MemberId, Timestamp, ledger::Standing};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{StoreError, Tx, row};

/// Whose standing in which book.
pub type Place = (BookId, MemberId);

#[derive(FromRow)]
struct StandingRow {
    book_id: Uuid,
    member_id: Uuid,
    points: i64,
    peak: i64,
    seq: i64,
    reached_at: Timestamp,
}

impl StandingRow {
    fn read(self) -> Result<(Place, Standing), StoreError> {
        let standing = Standing {
            points: row::points(self.points)?,
            peak: row::points(self.peak)?,
            seq: self.seq,
            reached_at: self.reached_at,
        };
        Ok(((BookId::new(self.book_id), MemberId::new(self.member_id)), standing))
    }
}

/// Makes members participants who are none yet; returns who was none. `places` must be sorted: that is the order of locks.
///
/// # Errors
/// See [`StoreError`].
pub async fn join(tx: &mut Tx, places: &[Place], at: Timestamp) -> Result<Vec<Place>, StoreError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let joined: Vec<(Uuid, Uuid)> = build!(tx, all(Uuid, Uuid), |q| {
        q.push("INSERT INTO standing (book_id, member_id, points, peak, seq, reached_at, joined_at) ");
        q.push_values(places, |mut row, (book, member)| {
            row.push_bind(book.uuid()).push_bind(member.uuid());
            row.push("0").push("0").push("0").push_bind(at).push_bind(at);
        });
        q.push(" ON CONFLICT (book_id, member_id) DO NOTHING RETURNING book_id, member_id");
    })?;
    Ok(joined.into_iter().map(|(book, member)| (BookId::new(book), MemberId::new(member))).collect())
}

/// Undoes [`join`] within the same transaction, for members who turned out to have done nothing.
///
/// # Errors
/// See [`StoreError`].
pub async fn unjoin(tx: &mut Tx, places: &[Place]) -> Result<(), StoreError> {
    if places.is_empty() {
        return Ok(());
    }
    build!(tx, execute, |q| {
        q.push("DELETE FROM standing WHERE seq = 0 AND (book_id, member_id) IN (SELECT * FROM (");
        q.push_values(places, |mut row, (book, member)| {
            row.push_bind(book.uuid()).push_bind(member.uuid());
        });
        q.push(") AS gone)");
    })?;
    Ok(())
}

/// Reads these standings and holds them while the transaction lasts, in the order of `places`, which must be sorted.
///
/// # Errors
/// See [`StoreError`].
pub async fn lock(tx: &mut Tx, places: &[Place]) -> Result<HashMap<Place, Standing>, StoreError> {
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let suffix = tx.for_update();
    // Under READ COMMITTED a locking SELECT gives the rows as they are when it has the locks.
    let rows = build!(tx, all StandingRow, |q| {
        q.push(
            "SELECT book_id, member_id, points, peak, seq, reached_at FROM standing \
             WHERE (book_id, member_id) IN (SELECT * FROM (",
        );
        q.push_values(places, |mut row, (book, member)| {
            row.push_bind(book.uuid()).push_bind(member.uuid());
        });
        q.push(") AS wanted) ORDER BY book_id, member_id").push(suffix);
    })?;
    rows.into_iter().map(StandingRow::read).collect()
}

/// Writes standings that were locked before.
///
/// # Errors
/// See [`StoreError`].
pub async fn write(tx: &mut Tx, standings: &[(Place, Standing)]) -> Result<(), StoreError> {
    if standings.is_empty() {
        return Ok(());
    }
    let touched = build!(tx, execute, |q| {
        q.push(
            "UPDATE standing SET points = v.column3, peak = v.column4, seq = v.column5, reached_at = v.column6 FROM (",
        );
        q.push_values(standings, |mut row, ((book, member), standing)| {
            row.push_bind(book.uuid()).push_bind(member.uuid());
            row.push_bind(standing.points.get()).push_bind(standing.peak.get());
            row.push_bind(standing.seq).push_bind(standing.reached_at);
        });
        q.push(") AS v WHERE book_id = v.column1 AND member_id = v.column2");
    })?;
    row::touched("writing standings", touched, standings.len() as u64)
}

/// Every standing of a book, held while the transaction lasts. For work on a whole book that is locked already.
///
/// # Errors
/// See [`StoreError`].
pub async fn of_book(tx: &mut Tx, book: BookId) -> Result<Vec<(MemberId, Standing)>, StoreError> {
    let rows = sql!(
        tx,
        all StandingRow,
        "SELECT book_id, member_id, points, peak, seq, reached_at FROM standing WHERE book_id = $1 ORDER BY member_id",
        book.uuid()
    )?;
    rows.into_iter().map(|row| row.read().map(|((_, member), standing)| (member, standing))).collect()
}

/// The first places of a book's leaderboard, best first: points above 0, banned members passed over.
///
/// # Errors
/// See [`StoreError`].
pub async fn first_places(tx: &mut Tx, book: BookId, limit: i64) -> Result<Vec<MemberId>, StoreError> {
    let rows: Vec<(Uuid,)> = sql!(
        tx,
        all row::Only<Uuid>,
        "SELECT s.member_id FROM standing s JOIN member m ON m.id = s.member_id
         WHERE s.book_id = $1 AND s.points > 0 AND m.status <> 'banned'
         ORDER BY s.points DESC, s.reached_at, s.member_id LIMIT $2",
        book.uuid(),
        limit
    )?;
    Ok(rows.into_iter().map(|(member,)| MemberId::new(member)).collect())
}
